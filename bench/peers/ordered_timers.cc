// Timers kept in the order of their deadlines: a heap and a tree.
#include "bench/peers/timer_scheme.h"

#include <map>
#include <utility>
#include <vector>

namespace flatline::peers {
namespace {

class BinaryHeap final : public TimerScheme {
 public:
  explicit BinaryHeap(std::size_t endpoints) : place_of_(endpoints) {
    heap_.reserve(endpoints);
    for (Number number = 0; number < endpoints; ++number) {
      heap_.push_back({kTimeoutMs, number});  // all equal: a heap already
      place_of_[number] = number;
    }
  }

  void Beat(std::span<const Number> numbers, std::uint32_t now_ms) override {
    for (const Number number : numbers) {
      __builtin_prefetch(&place_of_[number]);
    }
    for (const Number number : numbers) {
      __builtin_prefetch(&heap_[place_of_[number]], 1);
    }
    for (const Number number : numbers) {
      const std::size_t place = place_of_[number];
      heap_[place].deadline = now_ms + kTimeoutMs;
      Down(place);
    }
  }

  void Tick(std::uint32_t now_ms) override {
    while (!heap_.empty() && heap_.front().deadline <= now_ms) {
      ++overdue_;
      const Entry last = heap_.back();
      heap_.pop_back();
      if (!heap_.empty()) {
        Put(0, last);
        Down(0);
      }
    }
  }

  [[nodiscard]] std::uint64_t overdue() const override { return overdue_; }

 private:
  struct Entry {
    std::uint32_t deadline;
    Number number;
  };

  void Put(std::size_t place, const Entry& entry) {
    heap_[place] = entry;
    place_of_[entry.number] = static_cast<std::uint32_t>(place);
  }

  // A deadline only ever moves away, so an entry only ever sinks.
  void Down(std::size_t place) {
    const Entry entry = heap_[place];
    for (;;) {
      std::size_t child = 2 * place + 1;
      if (child >= heap_.size()) {
        break;
      }
      if (child + 1 < heap_.size() && heap_[child + 1].deadline < heap_[child].deadline) {
        ++child;
      }
      if (entry.deadline <= heap_[child].deadline) {
        break;
      }
      Put(place, heap_[child]);
      place = child;
    }
    Put(place, entry);
  }

  std::vector<Entry> heap_;
  std::vector<std::uint32_t> place_of_;
  std::uint64_t overdue_ = 0;
};

class Multimap final : public TimerScheme {
 public:
  explicit Multimap(std::size_t endpoints) : node_of_(endpoints) {
    for (Number number = 0; number < endpoints; ++number) {
      node_of_[number] = map_.emplace_hint(map_.end(), kTimeoutMs, number);
    }
  }

  void Beat(std::span<const Number> numbers, std::uint32_t now_ms) override {
    for (const Number number : numbers) {
      auto node = map_.extract(node_of_[number]);
      node.key() = now_ms + kTimeoutMs;
      node_of_[number] = map_.insert(map_.end(), std::move(node));
    }
  }

  void Tick(std::uint32_t now_ms) override {
    while (!map_.empty() && map_.begin()->first <= now_ms) {
      ++overdue_;
      map_.erase(map_.begin());
    }
  }

  [[nodiscard]] std::uint64_t overdue() const override { return overdue_; }

 private:
  using Map = std::multimap<std::uint32_t, Number>;

  Map map_;
  std::vector<Map::iterator> node_of_;
  std::uint64_t overdue_ = 0;
};

}  // namespace

std::unique_ptr<TimerScheme> MakeBinaryHeap(std::size_t endpoints) {
  return std::make_unique<BinaryHeap>(endpoints);
}

std::unique_ptr<TimerScheme> MakeMultimap(std::size_t endpoints) {
  return std::make_unique<Multimap>(endpoints);
}

}  // namespace flatline::peers
