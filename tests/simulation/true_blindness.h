// When the simulated detector really could not hear, as the world knows it: the union of what was
// done to it. What the detector subtracts from a silence must be at least this.
#pragma once

#include <flatline/time.h>

#include <algorithm>
#include <vector>

namespace flatline {

class TrueBlindness {
 public:
  void Add(Instant from, Instant to) {
    if (from < to) {
      intervals_.push_back({from, to});
    }
  }

  // How much of [from, to] was blind.
  [[nodiscard]] Duration Within(Instant from, Instant to) const {
    std::vector<Interval> cut;
    for (const Interval& each : intervals_) {
      if (each.to > from && each.from < to) {
        cut.push_back({std::max(each.from, from), std::min(each.to, to)});
      }
    }
    std::sort(cut.begin(), cut.end(), [](const Interval& a, const Interval& b) {
      return a.from < b.from;
    });
    Duration sum{0};
    Instant counted = from;
    for (const Interval& each : cut) {
      const Instant begin = std::max(each.from, counted);
      if (each.to > begin) {
        sum += each.to - begin;
        counted = each.to;
      }
    }
    return sum;
  }

 private:
  struct Interval {
    Instant from;
    Instant to;
  };

  std::vector<Interval> intervals_;
};

}  // namespace flatline
