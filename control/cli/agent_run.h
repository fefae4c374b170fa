// The agents of one `flatline agent` at work: beats on their schedule, answers, leases, and what is
// printed of it, over one socket, until their time is over or a signal comes. Reads the clocks. One
// thread.
#pragma once

#include "control/cli/agent_fleet.h"
#include "control/cli/agent_socket.h"
#include "control/cli/beat_schedule.h"
#include "control/cli/lease_keeper.h"
#include "control/cli/verb.h"

#include <flatline/agent.h>
#include <flatline/lease.h>
#include <flatline/time.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace flatline::cli {

// What the options come to. Text is not copied.
struct AgentPlan {
  FlatlineAgent first{};
  BeatTiming timing;
  Duration duration{};  // 0: until a signal
  std::optional<LeaseName> lease;
  std::uint32_t term_ms = 0;
  bool answer_only = false;
};

// Since the epoch.
[[nodiscard]] std::uint64_t WallNanoseconds();

// SIGINT and SIGTERM as something to poll, while this lives.
class StopSignals {
 public:
  StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();

  [[nodiscard]] int descriptor() const { return descriptor_; }

  // Those that have come are done with.
  void Take() const;

 private:
  sigset_t before_{};
  int descriptor_ = -1;
};

class AgentRun {
 public:
  // What is named here outlives it.
  AgentRun(const AgentPlan& plan,
           std::size_t count,
           AgentSocket& socket,
           const Invocation& invocation);

  // Lines of `flatline key derive`: for which of ours there is none.
  [[nodiscard]] std::expected<void, std::string> ReadKeys(const std::string& path,
                                                          unsigned tag_bits);

  void Beat();

  // Whoever may act acts no more when this returns.
  void GiveUpLeases();

  void Leave();

  // For the last acknowledgements.
  void Linger();

  void Report(std::string_view event) const;

  [[nodiscard]] const AgentTotals& totals() const { return fleet_.totals(); }

 private:
  [[nodiscard]] bool IsOver(Instant start, Instant now) const;
  void Send(std::size_t agent, Message message);
  [[nodiscard]] Instant KeepLeases(LeaseKeeper& leases, Instant now);
  void TellOfLeases();
  void WaitUntil(Instant until);

  const AgentPlan& plan_;
  AgentFleet fleet_;
  BeatSchedule schedule_;
  AgentSocket& socket_;
  const Invocation& invocation_;
  std::optional<LeaseKeeper> leases_;
  StopSignals signals_;
  bool stopped_ = false;
};

}  // namespace flatline::cli
