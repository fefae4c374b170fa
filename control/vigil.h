// Control's watch: over the dataplane that it has joined, whose hung workers it names in its log;
// over its own publisher threads; and over itself, for it feeds the service manager's watchdog from
// the loop's own turn, and only while the publishers move too. Called by the control loop, each
// turn, with time as an argument; looks ten times a second. Cost of a turn without a look: a
// compare.
#pragma once

#include <flatline/hang.h>
#include <flatline/region.h>
#include <flatline/supervisor.h>
#include <flatline/time.h>

#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

namespace flatline {

class Vigil {
 public:
  static constexpr Duration kInterval{100'000'000};

  explicit Vigil(Supervisor supervisor) : supervisor_(std::move(supervisor)) {}

  // A thread whose turns are to move: the instant of its latest, in nanoseconds. Outlives us.
  void Watch(const std::atomic<std::int64_t>& turn_ns) { publishers_.push_back({&turn_ns, {}}); }

  void Begin() { supervisor_.SayReady(); }

  // `region`: the one that is joined, or null.
  void Turn(const RegionView* region, Instant now);

  void End() { supervisor_.SayStopping(); }

 private:
  struct Publisher {
    const std::atomic<std::int64_t>* turn_ns = nullptr;
    StillWatch still;
  };

  void LookAt(const RegionView& region, Instant now);
  [[nodiscard]] bool PublishersMove(Instant now);

  Supervisor supervisor_;
  std::vector<Publisher> publishers_;
  HangWatch workers_;
  std::uint32_t gone_ = 0;  // the dataplane's pid, when we have said that it is
  Instant next_{};
};

}  // namespace flatline
