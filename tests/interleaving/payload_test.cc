// A payload that one thread writes over and over, read by others under ThreadSanitizer: whatever is
// read was written at once. Bounded by the number of writes; no clock.
#include <flatline/payload.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <thread>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr std::uint32_t kWrites = 50'000;

// All of it says `number`.
Payload Numbered(std::uint32_t number) {
  Payload out{.id = number,
              .heard_ns = number,
              .sent_ns = number,
              .least_transit_ns = number,
              .incarnation = number,
              .sequence = number,
              .load = number,
              .memory = number,
              .jitter_ns = number};
  out.text_size = kMostPayloadText;
  out.text.fill(static_cast<char>(number));
  return out;
}

bool IsWhole(const Payload& read) {
  const auto number = static_cast<std::uint32_t>(read.id);
  const std::array<std::uint64_t, 8> numbers{static_cast<std::uint64_t>(read.heard_ns),
                                             read.sent_ns,
                                             static_cast<std::uint64_t>(read.least_transit_ns),
                                             read.incarnation,
                                             read.sequence,
                                             read.load,
                                             read.memory,
                                             read.jitter_ns};
  return std::ranges::all_of(numbers, [&](std::uint64_t one) { return one == number; }) &&
         (number == 0 || std::ranges::all_of(
                             read.words(), [&](char c) { return c == static_cast<char>(number); }));
}

TEST(PayloadInterleaving, NobodyReadsATornOne) {
  PayloadEntry entry{};
  std::atomic<bool> done{false};
  std::array<std::uint64_t, 2> whole{};
  std::array<std::uint64_t, 2> torn{};
  {
    std::array<std::jthread, 2> readers;
    for (std::size_t i = 0; i < readers.size(); ++i) {
      readers[i] = std::jthread([&, i] {
        while (!done.load()) {
          if (const auto read = ReadPayload(entry)) {
            ++(IsWhole(*read) ? whole[i] : torn[i]);
          }
        }
      });
    }
    for (std::uint32_t number = 1; number <= kWrites; ++number) {
      WritePayload(entry, Numbered(number));
    }
    done.store(true);
  }
  EXPECT_EQ(torn[0] + torn[1], 0U);
  const auto last = ReadPayload(entry);
  ASSERT_TRUE(last);
  EXPECT_TRUE(IsWhole(*last));
  EXPECT_EQ(last->sequence, kWrites);
}

TEST(PayloadInterleaving, TheCheckKnowsATornOne) {
  Payload torn = Numbered(300);
  EXPECT_TRUE(IsWhole(torn));
  torn.load = 299;
  EXPECT_FALSE(IsWhole(torn));
  torn = Numbered(300);
  torn.text.back() = static_cast<char>(299);
  EXPECT_FALSE(IsWhole(torn));
}

}  // namespace
}  // namespace flatline
