// A subscriber in a simulated world: asks as the client library does, by the same rules, is slow,
// hangs up, dies and comes back with what it had kept. Holds all that it hears against the ledger:
// everything that it wants, once, in order, and a snapshot that is exact. One thread.
#pragma once

#include "control/client/stream_position.h"
#include "tests/simulation/chance.h"
#include "tests/simulation/ledger.h"
#include "tests/simulation/simulated_control.h"

#include <flatline/client.h>
#include <flatline/delivery.h>
#include <flatline/time.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace flatline {

class SimulatedSubscriber {
 public:
  enum class Nature : std::uint8_t { kEverything, kFiltered, kSnapshot, kCursor };

  SimulatedSubscriber(Nature nature,
                      unsigned number,
                      std::uint64_t seed,
                      const Climate& climate,
                      const Ledger& ledger);

  // One step: connects, hears, acknowledges, or ends.
  void Step(SimulatedControl& control, Instant now);

  // Its operator has it begin anew: numbers no longer mean what they meant.
  void BeginAnew();

  void Heal() { healed_ = true; }

  // Everything there is that it wants has been heard.
  [[nodiscard]] bool has_all() const;

  [[nodiscard]] std::uint64_t heard() const { return heard_; }

  [[nodiscard]] std::uint64_t snapshots() const { return snapshots_; }

  // Scales of suspicion that stood before a suspect, and suspicions that were over without a word
  // that was asked for.
  [[nodiscard]] std::uint64_t scales() const { return scales_; }

  [[nodiscard]] std::uint64_t eased() const { return eased_; }

  // Rows of leases in snapshots that were whole.
  [[nodiscard]] std::uint64_t lease_rows() const { return lease_rows_; }

  [[nodiscard]] const std::vector<std::string>& faults() const { return faults_; }

 private:
  using Verdict = StreamPosition::Verdict;

  [[nodiscard]] Subscription SubscriptionNow() const;
  void Live();
  void HangUp();
  void Connect(SimulatedControl& control, Instant now);
  void Hear();
  [[nodiscard]] bool Take(const DeliveryRecord& record);
  void TakeFromJournal(const DeliveryRecord& record);
  void TakeSnapshot(const DeliveryRecord& record);
  void Account(std::uint64_t upto);
  void Acknowledge();
  [[nodiscard]] bool Wants(const DeliveryRecord& record) const;

  // Whether it asks for what is suppressed.
  [[nodiscard]] bool wants_flapping() const { return number_ % 2 == 1; }

  // Whether it has a threshold of its own, and asks by what a suspicion rises.
  [[nodiscard]] bool wants_suspicion() const { return number_ % 4 >= 2; }

  void TakeSuspicion(const DeliveryRecord& record);
  void Fault(const std::string& sentence);

  [[nodiscard]] bool Strikes(std::uint64_t one_in) {
    return !healed_ && one_in != 0 && chance_.OneIn(one_in);
  }

  Nature nature_;
  unsigned number_;
  Chance chance_;
  std::uint64_t kills_;
  std::uint64_t hang_ups_;
  const Ledger* ledger_;
  std::shared_ptr<Line> line_;
  std::optional<StreamPosition> position_;

  // What it keeps over its own death: up to where it has dealt with everything.
  std::optional<std::uint64_t> kept_;
  std::uint64_t acknowledged_ = 0;  // the furthest that it ever said

  bool knows_place_ = false;  // on this connection it has been told where it stands
  std::map<EndpointId, Liveness> rows_;
  std::set<EndpointId> flapping_;  // among the rows
  Ledger::Leases leases_;          // likewise
  std::uint64_t heard_ = 0;
  std::uint64_t snapshots_ = 0;
  std::uint64_t lease_rows_ = 0;
  std::uint64_t scales_ = 0;
  std::uint64_t eased_ = 0;
  bool healed_ = false;
  std::vector<std::string> faults_;
};

}  // namespace flatline
