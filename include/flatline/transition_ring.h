// The ring that carries transitions from one worker (single producer) to control (single consumer),
// in memory shared by the two processes. Either may die and come back: both indices live in the
// ring and only grow; the consumer's moves when the journal has the record, and not before. Assumes
// a power-of-two capacity and memory zeroed at Format. No allocation, no lock, wait-free. Cost: one
// cache line an entry, and the other side's index read only when the cached one runs out.
//
//   tail_ (control) <= head_ (worker) <= tail_ + capacity; entry i lives in slot i mod capacity
#pragma once

#include <flatline/check.h>
#include <flatline/transition.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace flatline {

// The producer's index; in a section that only the dataplane writes. Of transitions also, how many
// of them have been made as well as told: a successor makes the last one where it was not.
struct alignas(64) RingHead {
  std::atomic<std::uint64_t> value{0};
  std::atomic<std::uint64_t> made{0};
};

// The consumer's index; in a section that control may write.
struct alignas(64) RingTail {
  std::atomic<std::uint64_t> value{0};
};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

class TransitionProducer {
 public:
  TransitionProducer(RingHead& head, const RingTail& tail, std::span<Transition> entries) noexcept
      : head_(&head),
        tail_(&tail),
        entries_(entries),
        next_(head.value.load(std::memory_order_relaxed)),
        known_tail_(tail.value.load(std::memory_order_acquire)) {
    FLATLINE_CHECK(!entries.empty() && (entries.size() & (entries.size() - 1)) == 0);
  }

  // False when the ring is full: nothing was written, and the change must wait. Visible to the
  // consumer when it returns.
  [[nodiscard]] bool TryPush(const Transition& transition) noexcept {
    Transition* const entry = Claim();
    if (entry == nullptr) [[unlikely]] {
      return false;
    }
    *entry = transition;
    Publish();
    return true;
  }

  // The same in two steps, for who writes the entry where it lies: the next one, with whatever it
  // held before, or null when the ring is full; then Publish makes it visible.
  [[nodiscard]] Transition* Claim() noexcept {
    if (next_ - known_tail_ >= entries_.size()) [[unlikely]] {
      known_tail_ = tail_->value.load(std::memory_order_acquire);
      if (next_ - known_tail_ >= entries_.size()) {
        return nullptr;
      }
    }
    __builtin_prefetch(&entries_[(next_ + kAhead) & (entries_.size() - 1)], 1);
    return &entries_[next_ & (entries_.size() - 1)];
  }

  void Publish() noexcept { head_->value.store(++next_, std::memory_order_release); }

  // The change that was told last is made. Release: who sees it, after a kill, sees the change.
  void Made() noexcept { head_->made.store(next_, std::memory_order_release); }

  [[nodiscard]] std::uint64_t pushed() const noexcept { return next_; }

 private:
  static constexpr std::uint64_t kAhead = 8;  // entries whose lines are on their way

  RingHead* head_;
  const RingTail* tail_;
  std::span<Transition> entries_;
  std::uint64_t next_;
  std::uint64_t known_tail_;
};

class TransitionConsumer {
 public:
  TransitionConsumer(const RingHead& head,
                     RingTail& tail,
                     std::span<const Transition> entries) noexcept
      : head_(&head), tail_(&tail), entries_(entries) {}

  // Position of the first entry not yet released, and one past the last one published.
  [[nodiscard]] std::uint64_t tail() const noexcept {
    return tail_->value.load(std::memory_order_relaxed);
  }

  [[nodiscard]] std::uint64_t head() const noexcept {
    return head_->value.load(std::memory_order_acquire);
  }

  // The entry at a position in [tail, head). Its memory is the producer's again after Release.
  [[nodiscard]] const Transition& At(std::uint64_t position) const noexcept {
    return entries_[position & (entries_.size() - 1)];
  }

  // Gives back every entry before `position`. To be called when the journal has them.
  void Release(std::uint64_t position) noexcept {
    tail_->value.store(position, std::memory_order_release);
  }

  [[nodiscard]] std::size_t capacity() const noexcept { return entries_.size(); }

 private:
  const RingHead* head_;
  RingTail* tail_;
  std::span<const Transition> entries_;
};

}  // namespace flatline
