// A bounded queue from one thread of the dataplane to another: heartbeats for the worker that owns
// the endpoint, and reports of blindness for the leader. One producer and one consumer, neither
// waits: a full ring refuses, and the producer keeps what it has. Capacity a power of two, memory
// taken at construction. Cost: one store of an index each, the other side's read when the copy of
// it runs out.
#pragma once

#include <flatline/check.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace flatline {

template <typename T>
class SpscRing {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit SpscRing(std::size_t capacity)
      : entries_(std::make_unique<T[]>(capacity)), mask_(capacity - 1) {
    FLATLINE_CHECK(capacity != 0 && (capacity & mask_) == 0);
  }

  // Producer only. False when full. What the producer wrote before is visible to the consumer
  // together with the entry.
  [[nodiscard]] bool TryPush(const T& entry) noexcept {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    if (head - known_tail_ > mask_) [[unlikely]] {
      known_tail_ = tail_.load(std::memory_order_acquire);
      if (head - known_tail_ > mask_) {
        return false;
      }
    }
    entries_[head & mask_] = entry;
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

  // Consumer only: calls `take` with each entry that was there when the call began, oldest first.
  template <typename Take>
  std::size_t Drain(Take&& take) noexcept {
    const std::uint64_t head = head_.load(std::memory_order_acquire);
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    for (std::uint64_t i = tail; i != head; ++i) {
      take(entries_[i & mask_]);
    }
    if (head != tail) {
      tail_.store(head, std::memory_order_release);
    }
    return head - tail;
  }

  [[nodiscard]] std::size_t capacity() const noexcept { return mask_ + 1; }

 private:
  alignas(64) std::atomic<std::uint64_t> head_{0};  // producer writes
  std::uint64_t known_tail_ = 0;                    // producer's own
  alignas(64) std::atomic<std::uint64_t> tail_{0};  // consumer writes
  alignas(64) std::unique_ptr<T[]> entries_;
  std::uint64_t mask_;
};

}  // namespace flatline
