// The rings, as they are in the product but for their atomics, and the owner's hand-over, in every
// interleaving of their operations, with every value that the memory model permits a load to see,
// and with the deaths of either end before any of its operations; small, and complete. Each acquire
// and each release is then taken away, one at a time: that must be found.
#include "checked_command_ring.h"
#include "checked_spsc_ring.h"
#include "checked_transition_ring.h"
#include "tests/interleaving/checked_atomic.h"

#include <array>
#include <cstdint>
#include <iostream>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

namespace flatline::checked {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kAcquire = std::memory_order_acquire;
constexpr auto kRelease = std::memory_order_release;

struct Handing {
  SpscRing<Cell> ring{2};
  std::uint64_t pushed = 0;
  std::uint64_t taken = 0;

  void Push(int attempts) {
    for (int i = 0; i < attempts; ++i) {
      pushed += ring.TryPush(Cell(pushed + 1)) ? 1 : 0;
    }
  }

  void Drain() {
    ring.Drain([this](const Cell& entry) {
      Expect(entry.value() == ++taken, "an entry is lost, told twice or of another");
    });
  }
};

Scenario HandOn() {
  const auto it = std::make_shared<Handing>();
  return {.threads = {{.body = [it] { it->Push(5); }},
                      {.body =
                           [it] {
                             for (int i = 0; i < 3; ++i) {
                               it->Drain();
                             }
                           }}},
          .at_the_end = [it] {
            it->Drain();
            Expect(it->taken == it->pushed && it->pushed >= 2, "something is left behind");
          }};
}

// A worker whose transitions are numbered, and control, whose journal outlives it.
struct Telling {
  RingHead head;
  RingTail tail;
  std::array<Transition, 2> entries{};
  std::vector<std::uint64_t> journal;

  // As a dataplane that adopts the region: it goes on behind what was published.
  void Tell(int attempts) {
    TransitionProducer producer(head, tail, entries);
    for (int i = 0; i < attempts; ++i) {
      static_cast<void>(producer.TryPush(Cell(producer.pushed() + 1)));
    }
  }

  // As the scribe: what is in the journal is skipped at first, and given back once it is there.
  void Journal(int turns) {
    TransitionConsumer consumer(head, tail, entries);
    std::uint64_t next = consumer.tail();
    if (journal.size() > next) {
      next = journal.size();
      consumer.Release(next);
    }
    for (int i = 0; i < turns; ++i) {
      const std::uint64_t end = consumer.head();
      for (; next < end; ++next) {
        journal.push_back(consumer.At(next).value());
        Expect(journal.back() == journal.size(), "a transition is lost, told twice or of another");
      }
      consumer.Release(next);
    }
  }
};

Scenario TellWithDeaths() {
  const auto it = std::make_shared<Telling>();
  return {.threads = {{.body = [it] { it->Tell(3); }, .reborn = [it] { it->Tell(2); }},
                      {.body = [it] { it->Journal(1); }, .reborn = [it] { it->Journal(1); }}},
          .at_the_end = [it] {
            it->Journal(1);
            Expect(it->journal.size() == it->head.value.load(kAcquire), "one is left behind");
          }};
}

// Commands in one direction; results go by the same ring in the other.
struct Asking {
  RingHead head;
  RingTail tail;
  std::array<Cell, 2> commands{};
  std::uint64_t asked = 0;
  std::uint64_t done = 0;

  void Ask(int attempts) {
    SharedRing<Cell> ring(head, tail, commands);
    for (int i = 0; i < attempts; ++i) {
      asked += ring.TryPush(Cell(asked + 1)) ? 1 : 0;
    }
  }

  void Work(int attempts) {
    SharedRing<Cell> ring(head, tail, commands);
    for (int i = 0; i < attempts; ++i) {
      if (const Cell* const command = ring.Front()) {
        Expect(command->value() == ++done, "a command is lost, done twice or another");
        ring.PopFront();
      }
    }
  }
};

Scenario AskAndDo() {
  const auto it = std::make_shared<Asking>();
  return {.threads = {{.body = [it] { it->Ask(4); }}, {.body = [it] { it->Work(2); }}},
          .at_the_end = [it] {
            it->Work(4);
            Expect(it->done == it->asked && it->asked >= 2, "one is left behind");
          }};
}

// A worker that hears and hands over or stamps, the leader, and the owner who judges, each in the
// order of Worker::Turn. Instants are 1, 2, …: what comes at one is dealt with in its turn, and the
// turn publishes it as drained.
struct HandingOver {
  SpscRing<Cell> ring{4};
  Atomic<std::uint64_t> stamp{0};  // of another endpoint, whose record the hearer finds
  Atomic<std::uint64_t> drained{0};
  Atomic<std::uint64_t> horizon{0};
  std::uint64_t handed_over = 0;

  void Hear(std::uint64_t turns) {
    for (std::uint64_t now = 1; now <= turns; ++now) {
      Expect(ring.TryPush(Cell(now)), "there is room");
      stamp.store(now, kRelaxed);
      drained.store(now, kRelease);
    }
  }

  void Lead(int turns) {
    for (int i = 0; i < turns; ++i) {
      horizon.store(drained.load(kAcquire), kRelease);
    }
  }

  void Judge(int turns) {
    for (int i = 0; i < turns; ++i) {
      const std::uint64_t upto = horizon.load(kAcquire);
      ring.Drain([this](const Cell& heard) { handed_over = heard.value(); });
      Expect(handed_over >= upto, "a verdict overtakes what was handed over");
      Expect(stamp.load(kRelaxed) >= upto, "a verdict overtakes a stamp");
    }
  }
};

Scenario HandOverToTheOwner() {
  const auto it = std::make_shared<HandingOver>();
  return {.threads = {{.body = [it] { it->Hear(2); }},
                      {.body = [it] { it->Lead(1); }},
                      {.body = [it] { it->Judge(1); }}}};
}

// `first`: the locations before it have a scenario of their own.
void ExpectSoundAndTight(const char* name, Scenario (*make)(), std::size_t first = 0) {
  const Findings sound = Explore(make);
  EXPECT_EQ(sound.fault, "");
  std::cout << name << ": " << sound.executions << " executions\n";
  EXPECT_GT(sound.executions, 1'000U);
  for (std::size_t location = first; location < sound.locations; ++location) {
    for (const bool is_store : {false, true}) {
      const Findings found = Explore(make, Weakening{.location = location, .is_store = is_store});
      std::cout << "  location " << location << ", " << (is_store ? "stores" : "loads")
                << " relaxed: " << (found.is_weakened ? found.fault : "they are") << ", "
                << found.executions << " executions\n";
      EXPECT_TRUE(found.fault != "" || !found.is_weakened)
          << name << ": nothing needs this order, or the test does not see it";
    }
  }
}

TEST(EveryInterleaving, OfTheRingBetweenWorkers) {
  ExpectSoundAndTight("spsc_ring", HandOn);
}

TEST(EveryInterleaving, OfTheTransitionRingWithTheDeathsOfEitherEnd) {
  ExpectSoundAndTight("transition_ring", TellWithDeaths);
}

TEST(EveryInterleaving, OfTheCommandRing) {
  ExpectSoundAndTight("command_ring", AskAndDo);
}

TEST(EveryInterleaving, OfTheOwnersHandOver) {
  ExpectSoundAndTight("hand-over", HandOverToTheOwner, 3);  // behind the ring and the stamp
}

}  // namespace
}  // namespace flatline::checked
