// The blind intervals that the stream announced, and how much of any span of time they cover. Used
// by the judge, one thread. Assumes intervals that arrive in the order of their ends; where they
// overlap, the time counts once. Cost: 24 bytes an interval, a binary search to ask.
#pragma once

#include "bench/generator/fleet.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace flatline::generator {

class BlindTime {
 public:
  void Add(Elapsed from, Elapsed to) {
    if (!intervals_.empty()) {
      from = std::max(from, intervals_.back().to);
    }
    if (from < to) {
      intervals_.push_back({from, to, total()});
    }
  }

  [[nodiscard]] Duration total() const noexcept {
    return intervals_.empty()
               ? Duration{}
               : intervals_.back().before + (intervals_.back().to - intervals_.back().from);
  }

  [[nodiscard]] std::size_t count() const noexcept { return intervals_.size(); }

  [[nodiscard]] Duration Within(Elapsed from, Elapsed to) const {
    return from < to ? Until(to) - Until(from) : Duration{};
  }

 private:
  struct Interval {
    Elapsed from;
    Elapsed to;
    Duration before;  // blind time before `from`
  };

  [[nodiscard]] Duration Until(Elapsed at) const {
    const auto next = std::ranges::upper_bound(intervals_, at, {}, &Interval::from);
    if (next == intervals_.begin()) {
      return {};
    }
    const Interval& last = *(next - 1);
    return last.before + std::min(at, last.to) - last.from;
  }

  std::vector<Interval> intervals_;
};

}  // namespace flatline::generator
