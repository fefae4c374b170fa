// The hierarchical timing wheel of the textbook (Varghese and Lauck, scheme 7), eager: every
// heartbeat moves its timer. One at a time, as its interface has it, or with the burst's timers and
// their neighbours prefetched, which no textbook does.
#include "bench/peers/timer_scheme.h"
#include "dataplane/page_array.h"

namespace flatline::peers {
namespace {

class TextbookWheel final : public TimerScheme {
 public:
  TextbookWheel(std::size_t endpoints, bool prefetches)
      : prefetches_(prefetches),
        first_list_(static_cast<std::uint32_t>(endpoints)),
        timers_(PageArray<Timer>::Create(endpoints + std::size_t{kLevels} * kLists, "the timers")
                    .value()) {
    for (std::uint32_t list = first_list_; list < timers_.size(); ++list) {
      timers_[list].next = timers_[list].previous = list;
    }
    for (Number number = 0; number < first_list_; ++number) {
      timers_[number].deadline = kTimeoutMs;
      Link(number);
    }
  }

  void Beat(std::span<const Number> numbers, std::uint32_t now_ms) override {
    if (prefetches_) {
      Prefetch(numbers);
    }
    for (const Number number : numbers) {
      Unlink(number);
      timers_[number].deadline = now_ms + kTimeoutMs;
      Link(number);
    }
  }

  void Tick(std::uint32_t now_ms) override {
    now_ = now_ms;
    for (unsigned level = 1; level < kLevels && now_ms % (1U << (kBits * level)) == 0; ++level) {
      Bring(ListOf(level, now_ms));
    }
    const std::uint32_t due = ListOf(0, now_ms);
    while (timers_[due].next != due) {
      Unlink(timers_[due].next);
      ++overdue_;
    }
  }

  [[nodiscard]] std::uint64_t overdue() const override { return overdue_; }

 private:
  static constexpr unsigned kLevels = 4;
  static constexpr unsigned kBits = 8;
  static constexpr std::uint32_t kLists = 1U << kBits;

  struct Timer {
    std::uint32_t next;
    std::uint32_t previous;
    std::uint32_t deadline;
    std::uint32_t reserved;
  };

  void Prefetch(std::span<const Number> numbers) const {
    for (const Number number : numbers) {
      __builtin_prefetch(&timers_[number], 1);
    }
    for (const Number number : numbers) {
      __builtin_prefetch(&timers_[timers_[number].next], 1);
      __builtin_prefetch(&timers_[timers_[number].previous], 1);
    }
  }

  [[nodiscard]] std::uint32_t ListOf(unsigned level, std::uint32_t deadline) const {
    return first_list_ + level * kLists + ((deadline >> (kBits * level)) % kLists);
  }

  void Link(std::uint32_t number) {
    const std::uint32_t deadline = timers_[number].deadline;
    unsigned level = 0;
    while (level + 1 < kLevels && (deadline - now_) >> (kBits * (level + 1)) != 0) {
      ++level;
    }
    const std::uint32_t list = ListOf(level, deadline);
    const std::uint32_t last = timers_[list].previous;
    timers_[number].next = list;
    timers_[number].previous = last;
    timers_[last].next = number;
    timers_[list].previous = number;
  }

  void Unlink(std::uint32_t number) {
    const Timer& timer = timers_[number];
    timers_[timer.previous].next = timer.next;
    timers_[timer.next].previous = timer.previous;
    timers_[number].next = timers_[number].previous = number;
  }

  // A list of a coarser level has come near: each timer goes where it now belongs.
  void Bring(std::uint32_t list) {
    while (timers_[list].next != list) {
      const std::uint32_t number = timers_[list].next;
      Unlink(number);
      Link(number);
    }
  }

  bool prefetches_;
  std::uint32_t first_list_;
  PageArray<Timer> timers_;  // the endpoints', then the heads of the lists
  std::uint32_t now_ = 0;
  std::uint64_t overdue_ = 0;
};

}  // namespace

std::unique_ptr<TimerScheme> MakeTextbookWheel(std::size_t endpoints) {
  return std::make_unique<TextbookWheel>(endpoints, false);
}

std::unique_ptr<TimerScheme> MakePrefetchedWheel(std::size_t endpoints) {
  return std::make_unique<TextbookWheel>(endpoints, true);
}

}  // namespace flatline::peers
