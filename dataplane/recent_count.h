// How often something has happened within the last while and was not taken back: counts in
// sixteenths of a window, the oldest of which goes as a new one begins. Used by the owner of a
// shard for those who died of late and are dead. Pure, with `now` as an argument that does not go
// back. Bounds: right to a sixteenth of the window. Cost: an addition; a sum where a sixteenth has
// passed.
#pragma once

#include <flatline/time.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace flatline {

class RecentCount {
 public:
  explicit RecentCount(Duration window) noexcept : part_(std::max(window / kParts, Duration{1})) {}

  void Add(Instant now) noexcept {
    MoveTo(now);
    ++parts_[static_cast<std::size_t>(current_ % kParts)];
    ++sum_;
  }

  // One that happened at `at`, or a while after: of the first part from then on that has any. What
  // is older than the window is no longer counted anyhow.
  void TakeBack(Instant at, Instant now) noexcept {
    MoveTo(now);
    const std::int64_t first = at.time_since_epoch() / part_;
    if (first <= current_ - kParts) {
      return;
    }
    for (std::int64_t part = first; part <= current_; ++part) {
      std::uint64_t& count = parts_[static_cast<std::size_t>(part % kParts)];
      if (count != 0) {
        --count;
        --sum_;
        return;
      }
    }
  }

  [[nodiscard]] std::uint64_t Sum(Instant now) noexcept {
    MoveTo(now);
    return sum_;
  }

 private:
  static constexpr std::int64_t kParts = 16;

  void MoveTo(Instant now) noexcept {
    const std::int64_t part = now.time_since_epoch() / part_;
    if (part <= current_) [[likely]] {
      return;
    }
    for (std::int64_t gone = std::max(current_ + 1, part - kParts + 1); gone <= part; ++gone) {
      std::uint64_t& count = parts_[static_cast<std::size_t>(gone % kParts)];
      sum_ -= count;
      count = 0;
    }
    current_ = part;
  }

  Duration part_;
  std::int64_t current_ = 0;
  std::uint64_t sum_ = 0;
  std::array<std::uint64_t, kParts> parts_{};
};

}  // namespace flatline
