// The three rings between two real threads, small enough that they are full and empty all the time:
// everything arrives, once, whole and in order; also when an end is dropped and built again over
// the same memory, as after a restart. Meant for ThreadSanitizer; bounded by the number of entries.
#include "dataplane/spsc_ring.h"

#include <flatline/command_ring.h>
#include <flatline/transition_ring.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <thread>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr std::uint64_t kEntries = 200'000;

struct Entry {
  std::uint64_t number = 0;
  std::array<std::uint64_t, 6> copies{};  // torn where they differ

  static Entry Of(std::uint64_t number) {
    Entry out{.number = number};
    out.copies.fill(number * 3);
    return out;
  }

  [[nodiscard]] bool IsWhole(std::uint64_t expected) const {
    for (const std::uint64_t copy : copies) {
      if (copy != expected * 3) {
        return false;
      }
    }
    return number == expected;
  }
};

TEST(Interleaving, SpscRingDeliversEverythingOnceAndInOrder) {
  SpscRing<Entry> ring(8);
  const std::jthread producer([&ring] {
    for (std::uint64_t i = 0; i < kEntries; ++i) {
      while (!ring.TryPush(Entry::Of(i))) {
        std::this_thread::yield();
      }
    }
  });
  std::uint64_t next = 0;
  std::uint64_t faults = 0;
  while (next < kEntries) {
    const std::size_t taken = ring.Drain([&](const Entry& entry) {
      faults += entry.IsWhole(next) ? 0U : 1U;
      ++next;
    });
    if (taken == 0) {
      std::this_thread::yield();
    }
  }
  EXPECT_EQ(faults, 0U);
  EXPECT_EQ(next, kEntries);
}

Transition TransitionOf(std::uint64_t number) {
  Transition out;
  out.id = number + 1;
  out.at = Instant{Duration{static_cast<std::int64_t>(number)}};
  out.sequence = static_cast<std::uint32_t>(number);
  out.to = static_cast<std::uint8_t>(number);
  return out;
}

struct TransitionRing {
  std::array<Transition, 16> entries{};
  RingHead head;
  RingTail tail;
};

bool IsWhole(const Transition& got, std::uint64_t number) {
  const Transition expected = TransitionOf(number);
  return got.id == expected.id && got.at == expected.at && got.sequence == expected.sequence &&
         got.to == expected.to;
}

// A dataplane that dies after every thousand transitions, and adopts the ring.
void PushThroughManyLives(TransitionRing& ring) {
  for (std::uint64_t next = 0; next < kEntries;) {
    TransitionProducer producer(ring.head, ring.tail, ring.entries);
    for (const std::uint64_t end = next + 1000; next < end; ++next) {
      while (!producer.TryPush(TransitionOf(next))) {
        std::this_thread::yield();
      }
    }
  }
}

// One life of control, which ends when it has read 777 or a few more. How many were not as they
// should be: torn, twice, or missing.
std::uint64_t ReadThroughOneLife(TransitionRing& ring, std::uint64_t& next) {
  TransitionConsumer control(ring.head, ring.tail, ring.entries);
  std::uint64_t faults = control.tail() == next ? 0U : 1U;
  for (const std::uint64_t end = std::min(next + 777, kEntries); next < end;) {
    const std::uint64_t published = control.head();
    if (published == next) {
      std::this_thread::yield();
    }
    for (; next < published; ++next) {
      faults += IsWhole(control.At(next), next) ? 0U : 1U;
    }
    control.Release(next);
  }
  return faults;
}

TEST(Interleaving, TransitionRingSurvivesTheRestartOfEitherEnd) {
  TransitionRing ring;
  const std::jthread worker([&ring] { PushThroughManyLives(ring); });
  std::uint64_t next = 0;
  std::uint64_t faults = 0;
  while (next < kEntries) {
    faults += ReadThroughOneLife(ring, next);
  }
  EXPECT_EQ(faults, 0U);
}

TEST(Interleaving, CommandsGoOutAndTheirResultsComeBack) {
  std::array<Command, 8> commands{};
  std::array<CommandResult, 8> results{};
  RingHead command_head;
  RingTail command_tail;
  RingHead result_head;
  RingTail result_tail;
  const std::jthread worker([&] {
    SharedRing<Command> in(command_head, command_tail, commands);
    SharedRing<CommandResult> out(result_head, result_tail, results);
    for (std::uint64_t done = 0; done < kEntries;) {
      const Command* command = in.Front();
      if (command == nullptr) {
        std::this_thread::yield();
        continue;
      }
      const CommandResult result{.ticket = command->ticket, .slot = static_cast<Slot>(command->id)};
      // Control keeps no more in flight than results have room for.
      ASSERT_TRUE(out.TryPush(result));
      in.PopFront();
      ++done;
    }
  });
  SharedRing<Command> out(command_head, command_tail, commands);
  SharedRing<CommandResult> in(result_head, result_tail, results);
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::uint64_t faults = 0;
  while (received < kEntries) {
    while (sent < kEntries && sent - received < results.size() &&
           out.TryPush({.id = sent + 1, .ticket = sent})) {
      ++sent;
    }
    const CommandResult* result = in.Front();
    if (result == nullptr) {
      std::this_thread::yield();
      continue;
    }
    faults += result->ticket == received && result->slot == received + 1 ? 0U : 1U;
    in.PopFront();
    ++received;
  }
  EXPECT_EQ(faults, 0U);
}

}  // namespace
}  // namespace flatline
