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
#include <optional>

namespace flatline {

// Which of the last `parts` of a window, numbered up to `current`, gives up one that was counted in
// about the part `at`: the nearest from then on that has any, else the nearest before; none where
// no part has any, or `at` is out of the window.
template <typename CountOf>
[[nodiscard]] std::optional<std::int64_t> PartToTakeFrom(std::int64_t at,
                                                         std::int64_t current,
                                                         std::int64_t parts,
                                                         CountOf&& count_of) noexcept {
  if (at <= current - parts) {
    return std::nullopt;
  }
  for (std::int64_t part = at; part <= current; ++part) {
    if (count_of(part) != 0) {
      return part;
    }
  }
  for (std::int64_t part = std::min(at, current + 1) - 1; part > current - parts; --part) {
    if (count_of(part) != 0) {
      return part;
    }
  }
  return std::nullopt;
}

class RecentCount {
 public:
  explicit RecentCount(Duration window) noexcept : part_(std::max(window / kParts, Duration{1})) {}

  // Alone may go back: what is older than the window is not counted.
  void Add(Instant at) noexcept {
    const std::int64_t part = PartOf(at);
    MoveTo(part);
    if (part > current_ - kParts) {
      ++parts_[static_cast<std::size_t>(part % kParts)];
      ++sum_;
    }
  }

  // One that happened at about `at`. What is older than the window is no longer counted anyhow.
  void TakeBack(Instant at, Instant now) noexcept {
    MoveTo(PartOf(now));
    const auto part = PartToTakeFrom(PartOf(at), current_, kParts, [this](std::int64_t of) {
      return parts_[static_cast<std::size_t>(of % kParts)];
    });
    if (part) {
      --parts_[static_cast<std::size_t>(*part % kParts)];
      --sum_;
    }
  }

  [[nodiscard]] std::uint64_t Sum(Instant now) noexcept {
    MoveTo(PartOf(now));
    return sum_;
  }

 private:
  static constexpr std::int64_t kParts = 16;

  // What is reckoned to have been before the machine started was about then.
  [[nodiscard]] std::int64_t PartOf(Instant at) const noexcept {
    return std::max(at, Instant{}).time_since_epoch() / part_;
  }

  void MoveTo(std::int64_t part) noexcept {
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
