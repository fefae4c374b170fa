// A hierarchical timing wheel of 32-bit indices: four levels of 256 buckets, so that any due tick
// within 2^32 finds a bucket by its bytes. The owner of a shard arms one entry for each block of
// records and lets those expire that are due; nobody else touches it. An index is armed at most
// once; the present tick never goes back; all memory is taken in Create. Cost: arming touches one
// line, an expiry the same and one more for each level it comes down (Varghese and Lauck, SOSP
// 1987, scheme 7); ticks without entries are skipped by a bitmap.
//
//   level 0: due within this 256 ticks   level 1: within this 65,536   …   level 3: within 2^32
//   bucket → chunk → chunk → …           a chunk: 62 indices in four lines, from one pool
//
// Chunks instead of lists, because a whole batch of due indices is known at once, and what they
// stand for can be prefetched.
#pragma once

#include "dataplane/page_array.h"

#include <flatline/check.h>
#include <flatline/time.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>

namespace flatline {

// Hearing time in units of 2^20 ns (1.05 ms): 16 stamp units.
using Tick = std::uint64_t;

inline constexpr int kTickShift = 20;
inline constexpr Duration kTick{std::int64_t{1} << kTickShift};

// The last tick that has begun.
constexpr Tick TickOf(HearingInstant at) noexcept {
  return static_cast<Tick>(at.time_since_epoch().count() >> kTickShift);
}

// The first tick that begins at this instant or later: what is due then is never judged early.
constexpr Tick DueTickOf(HearingInstant deadline) noexcept {
  return static_cast<Tick>((deadline.time_since_epoch().count() + kTick.count() - 1) >> kTickShift);
}

// The first tick that begins so many whole stamp units after an instant, or later.
constexpr Tick DueTickAfter(HearingInstant at, std::int64_t stamp_units) noexcept {
  const std::int64_t whole = at.time_since_epoch().count() >> kStampShift;
  return DueTickOf(HearingInstant{kStampUnit * (whole + stamp_units)});
}

class TimingWheel {
 public:
  // For indices below `capacity`. Everything due up to `now` counts as gone by.
  [[nodiscard]] static std::expected<TimingWheel, std::string> Create(std::uint32_t capacity,
                                                                      Tick now);

  // The index must not be armed. A due tick that has gone by becomes the next one. At most
  // 2^31 ticks ahead (26 days).
  void Arm(std::uint32_t index, Tick due) noexcept;

  [[nodiscard]] bool armed(std::uint32_t index) const noexcept { return due_[index] != kNotArmed; }

  // Moves on towards `horizon` and hands over what comes due: visit(index) has the index disarmed
  // and may arm it anew. It returns how many steps of work it was; 0: the index stays armed and
  // due, and visiting ends until the next call. prefetch(index) comes kAhead visits before. Ends
  // when `budget` steps are used up, at most one visit later: to bring an entry down a level and to
  // enter a tick are one each. What is left goes on at the next call. Returns how many entries were
  // dealt with.
  template <typename Prefetch, typename Visit>
  std::size_t Expire(Tick horizon,
                     std::size_t budget,
                     const Prefetch& prefetch,
                     const Visit& visit) noexcept;

  // Whether the last Expire left something due up to this horizon.
  [[nodiscard]] bool behind(Tick horizon) const noexcept {
    return now_ < horizon || draining_ != kNoChunk || cascade_level_ != 0;
  }

  // The last tick of which all entries have been handed over, or are being so.
  [[nodiscard]] Tick now() const noexcept { return now_; }

  [[nodiscard]] std::uint32_t armed_count() const noexcept { return armed_; }

  // Memory taken.
  [[nodiscard]] std::size_t bytes() const noexcept { return due_.bytes() + chunks_.bytes(); }

 private:
  static constexpr std::uint32_t kAhead = 2;
  static constexpr unsigned kLevels = 4;
  static constexpr unsigned kLevelBits = 8;
  static constexpr unsigned kBuckets = 1U << kLevelBits;
  static constexpr std::uint32_t kChunkIndices = 62;
  static constexpr std::uint32_t kNoChunk = 0;  // chunk 0 is never used
  static constexpr std::uint32_t kNotArmed = 0;

  struct alignas(64) Chunk {
    std::uint32_t next;
    std::uint32_t count;
    std::array<std::uint32_t, kChunkIndices> indices;
  };

  static_assert(sizeof(Chunk) == 256);

  struct Level {
    std::array<std::uint32_t, kBuckets> heads{};
    std::array<std::uint64_t, kBuckets / 64> occupied{};
  };

  TimingWheel() noexcept = default;

  void Place(std::uint32_t index, Tick due) noexcept;
  void Push(unsigned level, unsigned bucket, std::uint32_t index) noexcept;
  [[nodiscard]] std::uint32_t Detach(unsigned level, unsigned bucket) noexcept;

  // What `due_` keeps of a tick. The one whose mark would be 0 counts as the next.
  static std::uint32_t Mark(Tick due) noexcept {
    const auto mark = static_cast<std::uint32_t>(due + 1);
    return mark != kNotArmed ? mark : 1;
  }

  [[nodiscard]] Tick DueOf(std::uint32_t index) const noexcept;
  void FreeChunk(std::uint32_t chunk) noexcept;

  // Ensures that something is being drained, if anything is due; false when there is nothing up to
  // the horizon, or no budget to find it.
  [[nodiscard]] bool FindDue(Tick horizon, std::size_t& budget) noexcept;
  void EnterNextTick(Tick horizon) noexcept;
  [[nodiscard]] unsigned NextOccupied(unsigned from) const noexcept;
  [[nodiscard]] bool Cascade(std::size_t& budget) noexcept;

  PageArray<std::uint32_t> due_;
  PageArray<Chunk> chunks_;
  std::array<Level, kLevels> levels_{};
  Tick now_ = 0;
  std::uint32_t free_ = kNoChunk;       // chain of chunks not in use
  std::uint32_t draining_ = kNoChunk;   // chain being handed over, due at now_
  std::uint32_t cascading_ = kNoChunk;  // chain being brought down
  unsigned cascade_level_ = 0;          // levels below this one are still to be brought down
  std::uint32_t armed_ = 0;
};

template <typename Prefetch, typename Visit>
std::size_t TimingWheel::Expire(Tick horizon,
                                std::size_t budget,
                                const Prefetch& prefetch,
                                const Visit& visit) noexcept {
  std::size_t visited = 0;
  while (FindDue(horizon, budget)) {
    Chunk& chunk = chunks_[draining_];
    for (std::uint32_t i = 0; i < kAhead && i < chunk.count; ++i) {
      prefetch(chunk.indices[chunk.count - 1 - i]);
    }
    while (chunk.count != 0) {
      if (budget == 0) {
        return visited;
      }
      if (chunk.count > kAhead) {
        prefetch(chunk.indices[chunk.count - 1 - kAhead]);
      }
      const std::uint32_t index = chunk.indices[chunk.count - 1];
      due_[index] = kNotArmed;
      const std::size_t steps = visit(index);
      if (steps == 0) {
        due_[index] = Mark(now_);
        return visited;
      }
      budget -= std::min(budget, steps);
      --chunk.count;
      --armed_;
      ++visited;
    }
    const std::uint32_t next = chunk.next;
    FreeChunk(draining_);
    draining_ = next;
  }
  return visited;
}

}  // namespace flatline
