#include "control/journal/holes.h"

#include <algorithm>

namespace flatline {

std::uint64_t Holes::Add(Hole hole) {
  std::uint64_t fresh = hole.last - hole.first + 1;
  // All that overlap it or lie against it.
  const auto begin =
      std::ranges::find_if(list_, [&](const Hole& other) { return other.last + 1 >= hole.first; });
  auto end = begin;
  for (; end != list_.end() && end->first <= hole.last + 1; ++end) {
    const std::uint64_t from = std::max(end->first, hole.first);
    const std::uint64_t to = std::min(end->last, hole.last);
    fresh -= from <= to ? to - from + 1 : 0;
  }
  Hole joined = hole;
  if (begin != end) {
    joined = {std::min(hole.first, begin->first), std::max(hole.last, (end - 1)->last)};
  }
  list_.insert(list_.erase(begin, end), joined);
  return fresh;
}

void Holes::ForgetBefore(std::uint64_t sequence) {
  std::erase_if(list_, [&](const Hole& hole) { return hole.last < sequence; });
}

}  // namespace flatline
