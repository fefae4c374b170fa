// A set of durations of which quantiles and the maximum are wanted exactly. Used by the judge, one
// thread. Cost: 8 bytes a sample; a quantile is linear.
#pragma once

#include <flatline/time.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace flatline::generator {

// What is printed of a set of durations. All zero where there were none.
struct Spread {
  std::size_t count = 0;
  Duration min{};
  Duration median{};
  Duration p999{};
  Duration max{};
};

class Samples {
 public:
  void Add(Duration sample) { samples_.push_back(sample); }

  [[nodiscard]] std::size_t count() const noexcept { return samples_.size(); }

  // The nearest-rank quantiles: each is a sample that was seen.
  [[nodiscard]] Spread Summarise() const {
    if (samples_.empty()) {
      return {};
    }
    std::vector<Duration> sorted = samples_;
    std::ranges::sort(sorted);
    const auto rank = [&](double part) {
      const double place = std::ceil(part * static_cast<double>(sorted.size()));
      return sorted[static_cast<std::size_t>(std::max(place, 1.0)) - 1];
    };
    return {sorted.size(), sorted.front(), rank(0.5), rank(0.999), sorted.back()};
  }

 private:
  std::vector<Duration> samples_;
};

}  // namespace flatline::generator
