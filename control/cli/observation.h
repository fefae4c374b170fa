// What one look at the region tells of the appliance: plain data, summed over the workers. Read
// straight from shared memory, so it tells of a dataplane that hangs, and of one that is gone. Used
// by status and top. Pure but for asking the kernel whether a process exists; `now` is an argument.
#pragma once

#include <flatline/counters.h>
#include <flatline/drop_reason.h>
#include <flatline/region.h>
#include <flatline/time.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace flatline::cli {

enum class Pulse : std::uint8_t {
  kRunning,   // every worker has begun a turn lately
  kHung,      // the process is there, a worker's turn is old
  kStopped,   // it ended on purpose
  kGone,      // it was killed: the region says live, the process is not there
  kStarting,  // the process is there, its workers have not begun
};

[[nodiscard]] std::string_view NameOf(Pulse pulse) noexcept;

struct WorkerObservation {
  Duration turn_age{};
  std::uint64_t turns = 0;
  std::int32_t thread = 0;
  std::int32_t cpu = -1;
  std::uint64_t waiting = 0;  // transitions that control has not taken yet
  bool hangs = false;
};

// The guard of one group.
struct GroupGuardObservation {
  Group group = kNoGroup;
  Duration holds{};  // zero: it does not
  std::uint32_t silent = 0;
  std::uint32_t watched = 0;
  std::uint64_t order = 0;
};

struct Observation {
  Instant at{};
  std::string path;
  std::string build;
  Pulse pulse = Pulse::kGone;
  std::uint32_t pid = 0;
  std::uint32_t adoptions = 0;
  std::uint64_t generation = 0;  // wall clock of the Format, ns
  std::uint64_t capacity = 0;
  std::uint64_t ring_capacity = 0;
  Duration running{};      // since this process's first turn
  Duration horizon_lag{};  // hearing time from the horizon to now
  Duration blind{};        // subtracted from everyone's silence, in all
  Duration deaf{};         // for so long a port has been deaf; zero: none is
  bool closed = false;     // enrolment
  // The guard: for so long it has held verdicts back (zero: it does not), whether it has left by
  // itself, how many are silent of how many, and what was ordered so long ago.
  Duration guard_holds{};
  bool guard_spent = false;
  std::uint32_t guard_silent = 0;
  std::uint32_t guard_watched = 0;
  std::uint32_t guard_share_ppm = 0;
  std::uint64_t guard_order = 0;
  Duration guard_ordered{};
  std::uint32_t group_share_ppm = 0;
  std::vector<GroupGuardObservation> group_guards{};  // that hold, or have an order
  std::uint32_t control_pid = 0;
  Duration control_age{};  // since control's last turn
  bool control_runs = false;
  bool control_hangs = false;  // the process is there, its last turn is old
  // As the kernel says of a process that is there: it may make any system call.
  bool is_dataplane_unconfined = false;
  bool is_control_unconfined = false;
  int journal_fault = 0;            // errno of what its disk refuses; 0: nothing
  Duration journal_in_memory{};     // for so long; zero: it is on the disk
  Duration journal_sync_failing{};  // for so long; zero: it is not
  std::uint64_t journal_records_in_memory = 0;
  std::uint64_t journal_records_given_up = 0;
  std::uint64_t journal_records_damaged = 0;
  std::uint64_t flapping = 0;  // endpoints whose changes are suppressed
  std::uint64_t changes_suppressed = 0;
  std::uint64_t flaps_unwatched = 0;
  std::vector<WorkerObservation> workers;
  std::array<std::uint64_t, kCounters> counters{};  // counters and gauges summed, maxima the most
  std::array<std::uint64_t, kDropReasons> drops{};

  [[nodiscard]] std::uint64_t operator[](Counter counter) const noexcept {
    return counters[static_cast<std::size_t>(counter)];
  }
};

[[nodiscard]] Observation Observe(const RegionView& region, const std::string& path, Instant now);

// CLOCK_MONOTONIC, the clock of the region's instants.
[[nodiscard]] Instant MonotonicNow();

}  // namespace flatline::cli
