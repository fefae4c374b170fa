// Who hangs: seen by looking at instants that move while their owner does (a worker's turn, the
// control loop's), from another thread or process. For the dataplane's main thread, control and the
// service manager's watchdog. Pure: `now` is an argument, and only time between looks that follow
// each other closely counts. So whoever was stopped together with those he watches, as on a
// suspended machine, accuses nobody. Cost: two compares for each worker and look; no allocation.
#pragma once

#include <flatline/endpoint.h>
#include <flatline/region.h>
#include <flatline/time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace flatline {

// What has not moved for so long hangs. Idle workers nap a ten-thousandth of it.
inline constexpr Duration kHungAfter{1'000'000'000};

// One thing that moves, or does not.
class StillWatch {
 public:
  // Between two looks that are further apart, nobody watched: no more than this of it counts.
  static constexpr Duration kMostBetweenLooks{200'000'000};

  // `value` changes while what is watched moves. True when it has hung for kHungAfter.
  bool Look(std::int64_t value, Instant now) noexcept {
    if (value != value_ || looked_ == Instant{}) {
      still_ = Duration{};
      value_ = value;
    } else {
      still_ += std::clamp(now - looked_, Duration{}, kMostBetweenLooks);
    }
    looked_ = now;
    return hangs();
  }

  [[nodiscard]] bool hangs() const noexcept { return still_ >= kHungAfter; }

 private:
  std::int64_t value_ = 0;
  Instant looked_{};  // zero: never
  Duration still_{};
};

// A worker that has begun to hang, or has moved again.
struct HangNews {
  unsigned worker = 0;
  std::int32_t thread = 0;
  std::int32_t cpu = -1;  // the one it is pinned to, or -1
  Instant since{};        // its last turn began then
  bool is_over = false;
};

// All workers of a region.
class HangWatch {
 public:
  // What is new since the last look. A worker that has not begun its first turn is not looked at.
  [[nodiscard]] std::span<const HangNews> Look(const RegionView& region, Instant now) noexcept {
    std::size_t count = 0;
    hanging_ = 0;
    for (unsigned worker = 0; worker < region.shape().workers; ++worker) {
      const WorkerProgress& progress = region.dataplane().progress[worker];
      const std::int32_t thread = progress.thread_id.load(std::memory_order_relaxed);
      if (thread == 0) {
        watched_[worker] = {};
        continue;
      }
      const std::int64_t turn = progress.turn_ns.load(std::memory_order_relaxed);
      Watched& it = watched_[worker];
      const bool hung = it.still.hangs();
      const bool hangs = it.still.Look(turn, now);
      if (hangs && !hung) {
        it.since = Instant{Duration{turn}};
      }
      if (hangs != hung) {
        news_[count++] = {.worker = worker,
                          .thread = thread,
                          .cpu = progress.cpu.load(std::memory_order_relaxed),
                          .since = it.since,
                          .is_over = hung};
      }
      hanging_ += hangs ? 1 : 0;
    }
    return std::span<const HangNews>(news_).first(count);
  }

  // At the last look.
  [[nodiscard]] unsigned hanging() const noexcept { return hanging_; }

 private:
  struct Watched {
    StillWatch still;
    Instant since{};
  };

  std::array<Watched, kMaxWorkers> watched_{};
  std::array<HangNews, kMaxWorkers> news_{};
  unsigned hanging_ = 0;
};

// In words: "worker 1 hangs: thread 4711, cpu 3, in one turn for 1.2 s".
[[nodiscard]] inline std::string Describe(const HangNews& news, Instant now) {
  const auto tenths =
      std::chrono::duration_cast<std::chrono::milliseconds>(now - news.since).count() / 100;
  const std::string lasted = std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
  const std::string worker = "worker " + std::to_string(news.worker);
  if (news.is_over) {
    return worker + " moves again, after " + lasted;
  }
  return worker + " hangs: thread " + std::to_string(news.thread) +
         (news.cpu < 0 ? ", not pinned" : ", cpu " + std::to_string(news.cpu)) +
         ", in one turn for " + lasted;
}

}  // namespace flatline
