#include "dataplane/blind_intervals.h"

#include <algorithm>

namespace flatline {

BlindIntervals::Added BlindIntervals::Add(Instant from, Instant to) noexcept {
  Added added{.length = Duration{0}, .from = to, .to = from};
  if (from >= to) {
    return added;
  }
  // Those that overlap or touch [from, to] are [first, last).
  std::size_t first = 0;
  while (first < count_ && intervals_[first].to < from) {
    ++first;
  }
  Interval merged{from, to};
  Instant uncovered = from;
  const auto take = [&](Instant begin, Instant end) {
    if (begin < end) {
      added.length += end - begin;
      added.from = std::min(added.from, begin);
      added.to = std::max(added.to, end);
    }
  };
  std::size_t last = first;
  for (; last < count_ && intervals_[last].from <= to; ++last) {
    take(uncovered, intervals_[last].from);
    uncovered = std::max(uncovered, intervals_[last].to);
    merged.from = std::min(merged.from, intervals_[last].from);
    merged.to = std::max(merged.to, intervals_[last].to);
  }
  take(uncovered, to);
  Replace(first, last, merged);
  return added;
}

// Puts `merged` where the intervals [first, last) were.
void BlindIntervals::Replace(std::size_t first, std::size_t last, const Interval& merged) noexcept {
  if (first == last && count_ == kIntervals) {
    if (first == 0) {
      return;  // older than all that is remembered: counted, and forgotten
    }
    std::move(intervals_.begin() + 1, intervals_.end(), intervals_.begin());
    --count_;
    --first;
    --last;
  }
  const auto begin = intervals_.begin();
  if (first == last) {
    std::move_backward(begin + static_cast<std::ptrdiff_t>(first),
                       begin + static_cast<std::ptrdiff_t>(count_),
                       begin + static_cast<std::ptrdiff_t>(count_ + 1));
    ++count_;
  } else {
    std::move(begin + static_cast<std::ptrdiff_t>(last),
              begin + static_cast<std::ptrdiff_t>(count_),
              begin + static_cast<std::ptrdiff_t>(first + 1));
    count_ -= last - first - 1;
  }
  intervals_[first] = merged;
}

}  // namespace flatline
