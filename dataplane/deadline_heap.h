// Which of a fixed number of things is due first: a binary heap of indices by instant, in which
// each index is at most once and can be taken out again. Used by one thread; time is an argument of
// its caller's. Holds indices below the capacity it was made for; memory is taken there and nowhere
// else. Cost: the logarithm of how many there are.
#pragma once

#include <flatline/check.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace flatline {

class DeadlineHeap {
 public:
  using Index = std::uint32_t;

  explicit DeadlineHeap(Index capacity) : due_(capacity), place_(capacity, kNowhere) {
    heap_.reserve(capacity);
  }

  [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }

  // The one that is due first, and when. Not of an empty heap.
  [[nodiscard]] Index first() const noexcept { return heap_.front(); }

  [[nodiscard]] std::int64_t first_due() const noexcept { return due_[heap_.front()]; }

  // Puts it in, or moves it to another instant.
  void Put(Index index, std::int64_t due) noexcept {
    due_[index] = due;
    if (place_[index] == kNowhere) {
      FLATLINE_CHECK(heap_.size() < heap_.capacity());
      place_[index] = static_cast<Index>(heap_.size());
      heap_.push_back(index);  // within what is reserved
    }
    Rise(place_[index]);
    Sink(place_[index]);
  }

  // Nothing, where it is not in there.
  void Remove(Index index) noexcept {
    const Index place = std::exchange(place_[index], kNowhere);
    if (place == kNowhere) {
      return;
    }
    const Index last = heap_.back();
    heap_.pop_back();
    if (last != index) {
      heap_[place] = last;
      place_[last] = place;
      Rise(place);
      Sink(place_[last]);
    }
  }

 private:
  static constexpr Index kNowhere = 0xFFFFFFFFU;

  void Swap(Index a, Index b) noexcept {
    std::swap(heap_[a], heap_[b]);
    place_[heap_[a]] = a;
    place_[heap_[b]] = b;
  }

  void Rise(Index at) noexcept {
    while (at != 0 && due_[heap_[at]] < due_[heap_[(at - 1) / 2]]) {
      Swap(at, (at - 1) / 2);
      at = (at - 1) / 2;
    }
  }

  void Sink(Index at) noexcept {
    for (;;) {
      const std::size_t left = 2 * std::size_t{at} + 1;
      if (left >= heap_.size()) {
        return;
      }
      const std::size_t right = std::min(left + 1, heap_.size() - 1);
      const std::size_t least = due_[heap_[right]] < due_[heap_[left]] ? right : left;
      if (due_[heap_[least]] >= due_[heap_[at]]) {
        return;
      }
      Swap(at, static_cast<Index>(least));
      at = static_cast<Index>(least);
    }
  }

  std::vector<Index> heap_;
  std::vector<std::int64_t> due_;  // by index
  std::vector<Index> place_;       // by index, in heap_
};

}  // namespace flatline
