// A way of noticing that an endpoint has not beaten for three seconds: ours, and those of the
// peers. Made and called by timers_bench, in one thread, with a virtual clock of milliseconds. What
// is compared is everything that a heartbeat costs from the endpoint's number on: its stamp or its
// timer moved, and its share of the work that passing time makes. In each of them that begins with
// one random line of what the scheme keeps for the endpoint.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace flatline::peers {

inline constexpr std::uint32_t kTimeoutMs = 3000;
inline constexpr std::size_t kTimerBurst = 64;

using Number = std::uint32_t;  // of an endpoint, from 0

class TimerScheme {
 public:
  TimerScheme() = default;
  virtual ~TimerScheme() = default;
  TimerScheme(const TimerScheme&) = delete;
  TimerScheme& operator=(const TimerScheme&) = delete;

  // These, at most kTimerBurst, have beaten.
  virtual void Beat(std::span<const Number> numbers, std::uint32_t now_ms) = 0;

  // A millisecond has passed: who is overdue is noticed now.
  virtual void Tick(std::uint32_t now_ms) = 0;

  // How many were noticed so far, each once.
  [[nodiscard]] virtual std::uint64_t overdue() const = 0;
};

// The shard of the dataplane: records, lazy wheel, detector, transitions into the ring.
std::unique_ptr<TimerScheme> MakeFlatlineTimers(std::size_t endpoints);

// Four levels of 256 lists through the timers themselves; a heartbeat takes its timer out of one
// list and puts it into another. The second prefetches across the burst.
std::unique_ptr<TimerScheme> MakeTextbookWheel(std::size_t endpoints);
std::unique_ptr<TimerScheme> MakePrefetchedWheel(std::size_t endpoints);

// A binary heap that knows where each timer is, as event loops have it.
std::unique_ptr<TimerScheme> MakeBinaryHeap(std::size_t endpoints);

// std::multimap by deadline; a heartbeat takes its node out and puts the same one back at the end.
std::unique_ptr<TimerScheme> MakeMultimap(std::size_t endpoints);

// rte_timer, on the clock of the processor, the only one it has: nothing falls due during a run, so
// its overdue() is 0, and what expiring costs is not in its time.
std::unique_ptr<TimerScheme> MakeRteTimers(std::size_t endpoints);

}  // namespace flatline::peers
