// How long to wait before the next attempt to connect: twice as long after each failure, within
// bounds, and never the same for two clients, so that a thousand of them do not come back at once.
// Used by Client. Pure but for its seed; `now` is an argument.
#pragma once

#include <flatline/time.h>

#include <algorithm>
#include <cstdint>
#include <random>

namespace flatline {

class BackOff {
 public:
  static constexpr Duration kLeast{50'000'000};
  static constexpr Duration kMost{5'000'000'000};

  explicit BackOff(std::uint64_t seed) : random_(seed) {}

  [[nodiscard]] bool IsOver(Instant now) const noexcept { return now >= until_; }

  [[nodiscard]] Instant until() const noexcept { return until_; }

  // Half of the wait is certain, half is chance.
  void Failed(Instant now) {
    const std::int64_t half = wait_.count() / 2;
    until_ = now + Duration{half + std::uniform_int_distribution<std::int64_t>(0, half)(random_)};
    wait_ = std::min(2 * wait_, kMost);
  }

  void Succeeded() noexcept { wait_ = kLeast; }

 private:
  std::mt19937_64 random_;
  Duration wait_ = kLeast;
  Instant until_{};
};

}  // namespace flatline
