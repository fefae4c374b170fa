// Latencies counted by the microsecond, up to two seconds, and what share of them is below what.
// For the benchmarks of delivery. Used by one thread. Bounds: 16 MB each. Cost: one addition for
// each.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace flatline {

class Latencies {
 public:
  void Count(std::int64_t ns, std::uint64_t times = 1) {
    const auto us = static_cast<std::size_t>(std::clamp<std::int64_t>(ns / 1000, 0, kMost - 1));
    counts_[us] += times;
    total_ += times;
    most_ns_ = std::max(most_ns_, ns);
  }

  [[nodiscard]] std::uint64_t total() const { return total_; }

  [[nodiscard]] double most_us() const { return static_cast<double>(most_ns_) / 1e3; }

  [[nodiscard]] std::size_t AtShare(double share) const {
    auto left = static_cast<std::uint64_t>(share * static_cast<double>(total_));
    for (std::size_t us = 0; us < counts_.size(); ++us) {
      if (counts_[us] > left) {
        return us;
      }
      left -= counts_[us];
    }
    return counts_.size();
  }

 private:
  static constexpr std::int64_t kMost = 2'000'000;

  std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>(kMost);
  std::uint64_t total_ = 0;
  std::int64_t most_ns_ = 0;
};

}  // namespace flatline
