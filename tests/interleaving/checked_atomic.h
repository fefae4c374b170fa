// Atomics of which every behaviour that the C++ memory model permits is tried: a load may see any
// store that it may see, threads stand still before any operation, and may die there. Stateless
// model checking by depth first: a scenario is lived through once for each way in which the choices
// can fall. Used by the exhaustive tests, in copies of the product's headers made for it, in one
// thread of the machine.
//
// What is assumed: no sequentially consistent operations and no fences; that the order of stores to
// one location is that in which they are made here, which loses nothing where each location has one
// writer; and that no load sees a store that comes later in an execution (load buffering), which
// loses nothing where every load of another thread's location is an acquire.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace flatline::checked {

inline constexpr std::size_t kMostThreads = 4;  // with the one that makes and looks at the end

using VectorClock = std::array<std::uint32_t, kMostThreads>;

// One order that is taken away, to see that it was needed: the acquires of the loads, or the
// releases of the stores, of one location, by its place in the order in which locations were made.
struct Weakening {
  std::size_t location = 0;
  bool is_store = false;
};

// What there is to choose, and what has gone wrong, in the running execution.
class Execution {
 public:
  static Execution& Now();

  // From 0 to n - 1: all of them, one in each execution.
  [[nodiscard]] std::size_t Choose(std::size_t n);

  void Fail(const std::string& sentence);

  // Before an operation that others can see, or that sees others.
  void Stop();

  [[nodiscard]] std::size_t thread() const { return thread_; }

  [[nodiscard]] VectorClock& clock() { return clocks_[thread_]; }

  [[nodiscard]] std::size_t NewLocation() { return locations_++; }

  [[nodiscard]] std::memory_order OrderOf(std::memory_order order,
                                          std::size_t location,
                                          bool is_store);

 private:
  friend class Explorer;

  std::vector<std::pair<std::size_t, std::size_t>> choices_;  // taken, of so many
  std::size_t depth_ = 0;
  std::size_t thread_ = 0;
  std::array<VectorClock, kMostThreads> clocks_{};
  std::size_t locations_ = 0;
  std::optional<Weakening> weakening_;
  bool is_weakened_ = false;  // an order was in fact taken away
  std::string fault_;
  std::function<void()> stop_;
};

template <typename T>
class Atomic {
 public:
  Atomic() : Atomic(T{}) {}

  Atomic(T value) {  // NOLINT(google-explicit-constructor): as std::atomic
    Execution& now = Execution::Now();
    location_ = now.NewLocation();
    stores_.push_back({value, now.thread(), ++now.clock()[now.thread()], {}});
    stores_.back().released = now.clock();
  }

  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;

  T load(std::memory_order order) const {
    Execution& now = Execution::Now();
    if (writer_ != now.thread()) {
      now.Stop();
    }
    std::size_t first = seen_[now.thread()];
    for (std::size_t i = stores_.size() - 1; i > first; --i) {
      if (now.clock()[stores_[i].thread] >= stores_[i].epoch) {
        first = i;
      }
    }
    const std::size_t at = first + now.Choose(stores_.size() - first);
    seen_[now.thread()] = at;
    if (now.OrderOf(order, location_, false) == std::memory_order_acquire) {
      for (std::size_t i = 0; i < kMostThreads; ++i) {
        now.clock()[i] = std::max(now.clock()[i], stores_[at].released[i]);
      }
    }
    return stores_[at].value;
  }

  void store(T value, std::memory_order order) {
    Execution& now = Execution::Now();
    now.Stop();
    if (now.thread() != 0) {  // who makes and looks at the end is alone
      if (writer_ != kNobody && writer_ != now.thread()) {
        now.Fail("a location has two writers");
      }
      writer_ = now.thread();
    }
    Store made{value, now.thread(), ++now.clock()[now.thread()], {}};
    if (now.OrderOf(order, location_, true) == std::memory_order_release) {
      made.released = now.clock();
    }
    stores_.push_back(made);
    seen_[now.thread()] = stores_.size() - 1;
  }

 private:
  static constexpr std::size_t kNobody = ~std::size_t{0};

  struct Store {
    T value;
    std::size_t thread;
    std::uint32_t epoch;
    VectorClock released;  // what whoever acquires it knows from then on
  };

  std::size_t location_;
  std::vector<Store> stores_;
  mutable std::array<std::size_t, kMostThreads> seen_{};
  std::size_t writer_ = kNobody;
};

// Memory that is not atomic: what two threads do with it must be ordered, or it is a data race.
class Cell {
 public:
  Cell() { Write(); }

  Cell(std::uint64_t value) : value_(value) { Write(); }  // NOLINT(google-explicit-constructor)

  Cell(const Cell& other) : value_(other.value()) { Write(); }

  Cell& operator=(const Cell& other) {
    const std::uint64_t read = other.value();
    Write();
    value_ = read;
    return *this;
  }

  [[nodiscard]] std::uint64_t value() const;

 private:
  void Write();

  std::uint64_t value_ = 0;
  std::size_t writer_ = 0;
  std::uint32_t written_ = 0;
  mutable VectorClock read_{};  // by each thread, last
};

// One thread of a scenario. Where it may die, it does so before any of its operations, in one
// execution each; `reborn` goes on in its place, with what is in memory.
struct Thread {
  std::function<void()> body;
  std::function<void()> reborn{};
};

// Made anew for each execution.
struct Scenario {
  std::vector<Thread> threads;
  std::function<void()> at_the_end{};
};

struct Findings {
  std::uint64_t executions = 0;
  std::size_t locations = 0;
  bool is_weakened = false;  // what was to be taken away was there
  std::string fault;         // the first; then it was not gone on. Empty: none
};

// Lives through all executions.
[[nodiscard]] Findings Explore(const std::function<Scenario()>& make,
                               std::optional<Weakening> weakening = {});

// A promise of the test about what the threads did.
inline void Expect(bool holds, const char* sentence) {
  if (!holds) {
    Execution::Now().Fail(sentence);
  }
}

}  // namespace flatline::checked
