// What really happened: for each endpoint when its last heartbeat left, and why it may be silent
// since; and every silence that was long enough to explain a verdict. The traffic loop is the only
// writer; the judge reads from another thread. Assumes a run of at most 4 hours (a stamp is 32 bits
// of 4.096 µs). Cost: 8 bytes an endpoint, one store a heartbeat; 16 bytes a long silence.
//
// A heartbeat leaves between two readings of the clock: `before` the port was given it and `after`
// the port had taken it. The stamp kept is `before`, rounded down: flatline cannot have heard it
// earlier, so a verdict sooner than stamp + timeout is false for certain, and an overshoot counted
// from the stamp is never too small. A silence is kept when `after` the heartbeat that ended it,
// rounded up, is a timeout or more behind the stamp: flatline may have seen a timeout pass.
#pragma once

#include "bench/generator/fleet.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace flatline::generator {

// Why an endpoint is silent, or was until its next heartbeat.
inline constexpr std::uint8_t kMuted = 1U << 0;    // the scenario keeps it silent at present
inline constexpr std::uint8_t kDied = 1U << 1;     // … or did, since the last heartbeat that left
inline constexpr std::uint8_t kLeaving = 1U << 2;  // its next message is a leave
inline constexpr std::uint8_t kGone = 1U << 3;     // its leave has left
inline constexpr std::uint8_t kLost = 1U
                                      << 4;  // a rule of the scenario ate one, or held it up, since
inline constexpr std::uint8_t kRefused = 1U << 5;       // the port refused one since
inline constexpr std::uint8_t kBack = 1U << 6;          // it was gone, and will beat again
inline constexpr std::uint8_t kAbsent = kGone | kBack;  // a silence that follows a leave

inline constexpr int kTruthShift = 12;
inline constexpr Elapsed kTruthUnit{std::int64_t{1} << kTruthShift};
inline constexpr Elapsed kLongestRun = std::chrono::hours(4);

struct Life {
  std::uint32_t stamp = 0;  // when the last heartbeat left, plus 1; 0: none has left
  std::uint8_t flags = 0;
  std::uint8_t restarts = 0;  // incarnations above the first

  static constexpr Life Unpack(std::uint64_t word) noexcept {
    return {static_cast<std::uint32_t>(word >> 32),
            static_cast<std::uint8_t>(word),
            static_cast<std::uint8_t>(word >> 8)};
  }

  [[nodiscard]] constexpr std::uint64_t Pack() const noexcept {
    return (std::uint64_t{stamp} << 32) | (std::uint64_t{restarts} << 8) | flags;
  }

  [[nodiscard]] constexpr bool has_spoken() const noexcept { return stamp != 0; }

  // No later than the instant at which the last heartbeat left.
  [[nodiscard]] constexpr Elapsed left_at() const noexcept {
    return Elapsed{(std::int64_t{stamp} - 1) << kTruthShift};
  }

  [[nodiscard]] constexpr bool Is(std::uint8_t flag) const noexcept { return (flags & flag) != 0; }
};

constexpr std::uint32_t TruthStamp(Elapsed at) noexcept {
  return static_cast<std::uint32_t>(at.count() >> kTruthShift) + 1;
}

// A silence of a timeout or more that has ended.
struct Gap {
  Index index = 0;
  std::uint32_t from = 0;   // stamp of the heartbeat before
  std::uint32_t until = 0;  // stamp no earlier than the heartbeat that ended it
  std::uint8_t flags = 0;   // as they were when it ended

  [[nodiscard]] constexpr Elapsed begin() const noexcept {
    return Elapsed{(std::int64_t{from} - 1) << kTruthShift};
  }

  [[nodiscard]] constexpr Elapsed end() const noexcept {
    return Elapsed{(std::int64_t{until} - 1) << kTruthShift};
  }
};

static_assert(sizeof(Gap) == 16);
static_assert((kLongestRun.count() >> kTruthShift) < 0xFFFFFFFF);

class Truth {
 public:
  explicit Truth(const Fleet& fleet);

  // Any thread.
  [[nodiscard]] Life Of(Index index) const noexcept {
    return Life::Unpack(lives_[index].load(std::memory_order_acquire));
  }

  // Moves the long silences that ended since the last call to the end of `out`. A heartbeat seen in
  // Of has had its silence logged before.
  void TakeGaps(std::vector<Gap>& out);

  // The rest is the traffic loop's.

  // A heartbeat (or a leave) left between the two instants.
  void Left(Index index, Elapsed before, Elapsed after, bool is_leave);

  void Set(Index index, std::uint8_t flags) noexcept;
  void Clear(Index index, std::uint8_t flags) noexcept;

  // Begins another life: a higher incarnation, neither muted nor gone.
  void Restart(Index index) noexcept;

 private:
  void Store(Index index, Life life) noexcept {
    lives_[index].store(life.Pack(), std::memory_order_release);
  }

  const Fleet* fleet_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> lives_;  // Life; the traffic loop writes
  std::mutex mutex_;                                     // of gaps_
  std::vector<Gap> gaps_;
};

}  // namespace flatline::generator
