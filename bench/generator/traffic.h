// The fleet at work: takes what the schedule says is due, leaves out who is silent and what the
// network eats, sends the rest, and keeps the truth. Called in a loop by one thread with a fresh
// reading of the clock for each step; reads no clock itself. No allocation after start but for
// silences worth remembering and heartbeats held up on their way. Cost: one step sends at most
// kBatch heartbeats.
//
// A step's `now` is at once the instant before which its own heartbeats have not left, and the one
// by which those of the step before had: so one reading for each step bounds both.
#pragma once

#include "bench/generator/delay.h"
#include "bench/generator/heartbeat_frame.h"
#include "bench/generator/loss.h"
#include "bench/generator/plan.h"
#include "bench/generator/schedule.h"
#include "bench/generator/sender.h"
#include "bench/generator/truth.h"

#include <array>
#include <cstdint>
#include <optional>
#include <queue>
#include <vector>

namespace flatline::generator {

struct TrafficOptions {
  std::uint32_t incarnation = 1;              // of every endpoint's first life
  std::int64_t epoch_ns = 0;                  // wall clock at the run's beginning
  bool wants_handles = false;                 // ask for acknowledgements, send handles
  double rate_limit = 0;                      // heartbeats a second, 0: none
  Duration patience{100'000'000};             // for a port that takes nothing, before giving up
  std::optional<FrameAddresses> addresses{};  // nothing: UDP payloads alone
};

struct TrafficCounts {
  std::uint64_t sent = 0;          // heartbeats and leaves that the port accepted
  std::uint64_t leaves = 0;        // of these
  std::uint64_t lost = 0;          // eaten by the scenario's losses
  std::uint64_t refused = 0;       // given up because the port took nothing
  std::uint64_t acknowledged = 0;  // acknowledgements that came back
  Elapsed latest{};                // how late the latest heartbeat was sent
};

class Traffic {
 public:
  Traffic(const Fleet& fleet, const Scenario& scenario, const TrafficOptions& options);

  // Sends up to a batch of what is due. False: nothing more can be done at this instant.
  [[nodiscard]] bool Step(Elapsed now, Sender& sender, Truth& truth);

  // What was sent by the last step has left by now: to be called after the last one.
  void Settle(Elapsed now, Truth& truth);

  [[nodiscard]] const TrafficCounts& counts() const noexcept { return counts_; }

  // The latest since this was last asked.
  [[nodiscard]] Elapsed TakeLatest() noexcept;

 private:
  struct Due {
    Beat beat;
    Elapsed due{};
    Elapsed delay{};  // of it: held up on its way
    bool is_leave = false;
    std::uint8_t restarts = 0;  // in which life it was sent
  };

  // In the order of their instants, and of their rounds.
  struct Later {
    bool operator()(const Due& a, const Due& b) const noexcept {
      return a.due != b.due ? a.due > b.due : a.beat.round > b.beat.round;
    }
  };

  void Obey(Elapsed now, Truth& truth);
  [[nodiscard]] std::optional<Due> Admit(const Beat& beat, Elapsed due, Truth& truth);
  [[nodiscard]] std::optional<Due> TakeDelayed(Elapsed now, const Truth& truth);
  void Collect(Elapsed now, std::size_t most, Truth& truth);
  void Write(std::byte* room, const Due& due, Elapsed now, const Truth& truth) const noexcept;
  void Account(std::size_t accepted, Elapsed now);
  void GiveUp(Elapsed now, Truth& truth);
  void Listen(Sender& sender);
  [[nodiscard]] Schedule* Earliest(Elapsed now);
  [[nodiscard]] std::size_t Allowed(Elapsed now) const noexcept;

  const Fleet* fleet_;
  TrafficOptions options_;
  Plan plan_;
  Losses losses_;
  Delays delays_;
  std::vector<Schedule> schedules_;       // one for each cohort
  std::vector<FrameTemplate> templates_;  // the same; all of one length
  std::vector<Slot> handles_;             // by index; empty where they are not wanted
  std::priority_queue<Due, std::vector<Due>, Later> delayed_;
  std::vector<Due> waiting_;  // collected, not yet accepted
  std::vector<Due> leaving_;  // accepted at `left_after_`, not yet settled
  Elapsed left_after_{};
  std::optional<Elapsed> blocked_since_;  // the port has taken nothing since
  Elapsed next_allowed_{};                // by the rate limit
  TrafficCounts counts_;
  Elapsed latest_{};
};

}  // namespace flatline::generator
