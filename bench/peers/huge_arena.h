// An allocator of the standard's kind that takes its memory from 2 MiB pages, for the containers
// that peers bring: nodes and buckets lie as close and translate as cheaply as ours. Memory comes
// in chunks and goes all at once with the last copy of the allocator; freeing one thing does
// nothing. One thread. Throws std::bad_alloc.
#pragma once

#include "dataplane/page_array.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace flatline::peers {

class HugeArena {
 public:
  void* Take(std::size_t bytes, std::size_t alignment) {
    used_ = (used_ + alignment - 1) / alignment * alignment;
    if (chunks_.empty() || used_ + bytes > chunks_.back().bytes()) {
      auto chunk = PageMemory::Create(std::max(bytes, kChunk), "a peer's table");
      if (!chunk) {
        throw std::bad_alloc();
      }
      chunks_.push_back(std::move(*chunk));
      used_ = 0;
    }
    void* out = static_cast<std::byte*>(chunks_.back().data()) + used_;
    used_ += bytes;
    return out;
  }

 private:
  static constexpr std::size_t kChunk = std::size_t{32} << 20;

  std::vector<PageMemory> chunks_;
  std::size_t used_ = 0;  // of the last chunk
};

template <typename T>
class HugeAllocator {
 public:
  using value_type = T;  // NOLINT(readability-identifier-naming): what the standard calls it

  HugeAllocator() : arena_(std::make_shared<HugeArena>()) {}

  template <typename U>
  explicit(false) HugeAllocator(const HugeAllocator<U>& other) noexcept : arena_(other.arena()) {}

  [[nodiscard]] T* allocate(std::size_t count) {
    // Arrays begin on a line, nodes where the last one ended.
    const std::size_t alignment = count > 1 ? std::max<std::size_t>(alignof(T), 64) : alignof(T);
    // NOLINTNEXTLINE(bugprone-sizeof-expression): arrays of pointers are wanted too
    return static_cast<T*>(arena_->Take(count * sizeof(T), alignment));
  }

  void deallocate(T* /*begin*/, std::size_t /*count*/) noexcept {}

  [[nodiscard]] const std::shared_ptr<HugeArena>& arena() const noexcept { return arena_; }

  template <typename U>
  bool operator==(const HugeAllocator<U>& other) const noexcept {
    return arena_ == other.arena();
  }

 private:
  std::shared_ptr<HugeArena> arena_;
};

}  // namespace flatline::peers
