// What happens to the fleet in a run, as plain data: who dies, leaves, flaps or restarts, when, and
// which losses and delays apply. Made from a TOML file (scenario_file) and from options; compiled
// by Plan and Losses. Bounds are checked where it is read, in ValidateScenario. No cost: it is read
// at start.
#pragma once

#include "bench/generator/fleet.h"

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace flatline::generator {

// Inclusive.
struct Range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

// Which endpoints are meant. At most one way may be used; none means all of them.
struct Selector {
  enum class By : std::uint8_t { kAll, kCount, kShare, kRacks, kRange };

  By by = By::kAll;
  std::uint64_t count = 0;    // so many, drawn from those that nothing else has been planned for
  double share = 0;           // the same as a part of the fleet
  std::vector<Range> ranges;  // of racks, or of indices
};

enum class EventKind : std::uint8_t {
  kDie,      // falls silent
  kLeave,    // says that it leaves, then falls silent
  kFlap,     // falls silent for `lasting`, then goes on as before
  kRestart,  // falls silent for `lasting`, then goes on with a higher incarnation
};

struct Event {
  EventKind kind = EventKind::kDie;
  Selector who;
  Elapsed at{};
  Elapsed over{};     // the endpoints' turns are spread evenly over this
  Elapsed lasting{};  // until they are back; a leave without it is for good
};

enum class LossModel : std::uint8_t { kBernoulli, kGilbertElliott, kCut };

// A rule by which the network eats heartbeats. They count as never having left.
struct Loss {
  LossModel model = LossModel::kBernoulli;
  Selector who;
  Elapsed from{};
  Elapsed until{};
  Elapsed flips{};     // in force for so long, then not, and so on; 0: all the time
  double rate = 0;     // Bernoulli: of each heartbeat
  double to_bad = 0;   // Gilbert–Elliott, of each endpoint's link at each heartbeat: good -> bad
  double to_good = 0;  // bad -> good
  double good = 0;     // loss while good
  double bad = 1;      // loss while bad
};

// A rule by which the network holds heartbeats up, none so that they overtake each other: what it
// adds grows over `ramp` to `by`, and when it ends what was held up comes in one go.
struct Delay {
  Selector who{};
  Elapsed by{};
  Elapsed ramp{};  // 0: a step
  Elapsed from{};
  Elapsed until{};
};

struct Scenario {
  std::vector<Cohort> cohorts;
  std::uint64_t racks = 0;  // 0: one for every 1,000 endpoints
  std::uint64_t seed = 1;
  Elapsed run_for{};  // 0: not said
  std::vector<Event> events;
  std::vector<Loss> losses;
  std::vector<Delay> delays;
};

// The cohort with the timings of a built-in profile; nothing where there is none by that name.
[[nodiscard]] std::expected<Cohort, std::string> CohortOfProfile(std::string_view name);

// What makes a scenario impossible to carry out, in one line.
[[nodiscard]] std::expected<void, std::string> ValidateScenario(const Scenario& scenario);

[[nodiscard]] Fleet MakeFleet(const Scenario& scenario);

}  // namespace flatline::generator
