#include "control/cli/observation.h"

#include "control/cli/printable.h"

#include <flatline/hang.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <linux/seccomp.h>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace flatline::cli {
namespace {

constexpr std::array<std::string_view, 5> kPulseNames{
    "running", "hung", "stopped", "gone", "starting"};

// Also true where we may not signal it. A process in another namespace of pids seems absent.
bool Exists(std::uint32_t pid) {
  return pid != 0 && (::kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM);
}

// The region is anybody's bytes: an instant or a span that cannot be is taken for the nearest that
// can, so that nothing reckoned from it overflows.
Duration Possible(std::int64_t ns, Instant now) {
  return std::clamp(Duration{ns}, Duration{}, now.time_since_epoch());
}

// Zero for what never was, and for a clock that ran ahead of ours.
Duration Since(std::int64_t then_ns, Instant now) {
  return then_ns == 0 ? Duration{} : now.time_since_epoch() - Possible(then_ns, now);
}

template <std::size_t kSize>
std::string Text(const std::array<char, kSize>& chars) {
  return Printable({chars.begin(), std::ranges::find(chars, '\0')});
}

WorkerObservation ObserveWorker(const RegionView& region, unsigned worker, Instant now) {
  const WorkerProgress& progress = region.dataplane().progress[worker];
  const std::uint64_t tail =
      region.control().transition_tails[worker].value.load(std::memory_order_acquire);
  const std::uint64_t head =
      region.dataplane().transition_heads[worker].value.load(std::memory_order_acquire);
  WorkerObservation out;
  out.turn_age = Since(progress.turn_ns.load(std::memory_order_relaxed), now);
  out.turns = progress.turns.load(std::memory_order_relaxed);
  out.thread = progress.thread_id.load(std::memory_order_relaxed);
  out.cpu = progress.cpu.load(std::memory_order_relaxed);
  out.waiting = head - tail;
  out.hangs = out.turn_age > kHungAfter;
  return out;
}

void AddCounters(const PublishedCounters& published, Observation& out) {
  for (std::size_t i = 0; i < kCounters; ++i) {
    const std::uint64_t value = published[static_cast<Counter>(i)];
    std::uint64_t& sum = out.counters[i];
    // The horizon and what is subtracted by it are one for all workers.
    const bool is_one = kCounterDescriptions[i].type == CounterType::kMaximum ||
                        static_cast<Counter>(i) == Counter::kHorizonLagNs;
    sum = is_one ? std::max(sum, value) : sum + value;
  }
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    out.drops[i] += published[static_cast<DropReason>(i)];
  }
}

void ObserveJournal(const ControlSection& control, Instant now, Observation& out) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  out.journal_fault = control.journal_fault.load(kRelaxed);
  out.journal_in_memory = Since(control.journal_in_memory_since_ns.load(kRelaxed), now);
  out.journal_sync_failing = Since(control.journal_sync_failing_since_ns.load(kRelaxed), now);
  out.journal_records_in_memory = control.journal_records_in_memory.load(kRelaxed);
  out.journal_records_given_up = control.journal_records_given_up.load(kRelaxed);
  out.journal_records_damaged = control.journal_records_damaged.load(kRelaxed);
  out.flapping = control.flapping.load(kRelaxed);
  out.changes_suppressed = control.changes_suppressed.load(kRelaxed);
  out.flaps_unwatched = control.flaps_unwatched.load(kRelaxed);
}

void ObserveGuard(const RegionView& region, Instant now, Observation& out) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  const GuardState& guard = region.dataplane().guard;
  out.guard_holds = Since(guard.holds_since_ns.load(kRelaxed), now);
  out.guard_spent = guard.spent.load(kRelaxed) != 0;
  out.guard_silent = guard.silent.load(kRelaxed);
  out.guard_watched = guard.watched.load(kRelaxed);
  out.guard_share_ppm = region.header().guard.share_ppm;
  out.guard_order = guard.order.load(kRelaxed);
  out.guard_ordered = Since(guard.order_ns.load(kRelaxed), now);
  out.group_share_ppm = region.header().guard.group_share_ppm;
  for (const GuardState& of : region.dataplane().group_guards) {
    const GroupGuardObservation seen{.group = of.group.load(std::memory_order_acquire),
                                     .holds = Since(of.holds_since_ns.load(kRelaxed), now),
                                     .silent = of.silent.load(kRelaxed),
                                     .watched = of.watched.load(kRelaxed),
                                     .order = of.order.load(kRelaxed)};
    if (seen.group != kNoGroup && (seen.holds != Duration{} || seen.order != 0)) {
      out.group_guards.push_back(seen);
    }
  }
}

// False also where it cannot be known: of a process that is gone, or in another namespace.
bool IsUnconfined(std::uint32_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; status >> word;) {
    if (word == "Seccomp:") {
      int mode = 0;
      return (status >> mode) && mode != SECCOMP_MODE_FILTER;
    }
  }
  return false;
}

Pulse Feel(const RegionHeader& header, const Observation& seen) {
  if (header.state.load(std::memory_order_acquire) == RegionState::kStopped) {
    return Pulse::kStopped;
  }
  // A worker that has not begun its first turn is as old as its process.
  const bool hangs = std::ranges::any_of(seen.workers, [](const WorkerObservation& worker) {
    return worker.hangs || worker.turns == 0;
  });
  if (!hangs) {
    return Pulse::kRunning;
  }
  if (!Exists(seen.pid)) {
    return Pulse::kGone;
  }
  const bool has_begun = std::ranges::any_of(
      seen.workers, [](const WorkerObservation& worker) { return worker.thread != 0; });
  return has_begun ? Pulse::kHung : Pulse::kStarting;
}

}  // namespace

std::string_view NameOf(Pulse pulse) noexcept {
  return kPulseNames[static_cast<std::size_t>(pulse)];
}

Observation Observe(const RegionView& region, const std::string& path, Instant now) {
  const RegionHeader& header = region.header();
  Observation out;
  out.at = now;
  out.path = path;
  out.build = Text(header.build);
  out.pid = header.dataplane_pid.load(std::memory_order_relaxed);
  out.adoptions = header.adoptions.load(std::memory_order_relaxed);
  out.generation = header.generation;
  out.capacity = header.capacity;
  out.ring_capacity = region.shape().transition_capacity;
  out.running = Since(header.started_ns.load(std::memory_order_relaxed), now);
  const std::int64_t deaf_since = header.deaf_since_ns.load(std::memory_order_relaxed);
  out.deaf = Since(deaf_since, now);
  out.blind = Possible(header.blind_total_ns.load(std::memory_order_relaxed), now);
  const Duration horizon = Possible(header.horizon_ns.load(std::memory_order_relaxed), now);
  const Duration heard_until = now.time_since_epoch() - out.deaf;
  out.horizon_lag = std::max(Duration{}, heard_until - out.blind - horizon);
  out.closed = header.enrolment_closed.load(std::memory_order_relaxed) != 0;
  const ControlSection& control = region.control();
  out.control_pid = control.control_pid.load(std::memory_order_relaxed);
  out.control_age = Since(control.control_turn_ns.load(std::memory_order_relaxed), now);
  out.control_runs = out.control_pid != 0 && (out.control_age < kHungAfter);
  out.control_hangs = !out.control_runs && Exists(out.control_pid);
  out.is_dataplane_unconfined = IsUnconfined(out.pid);
  out.is_control_unconfined = IsUnconfined(out.control_pid);
  ObserveJournal(control, now, out);
  ObserveGuard(region, now, out);
  for (unsigned worker = 0; worker < region.shape().workers; ++worker) {
    out.workers.push_back(ObserveWorker(region, worker, now));
    AddCounters(region.dataplane().counters[worker], out);
  }
  out.pulse = Feel(header, out);
  return out;
}

Instant MonotonicNow() {
  return Instant{
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())};
}

}  // namespace flatline::cli
