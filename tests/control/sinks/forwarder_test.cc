// The forwarder against an invented sink that fails, hangs up after taking, and is killed.
#include "control/sinks/forwarder.h"

#include "control/delivery/frames.h"

#include <algorithm>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace flatline::sinks {
namespace {

constexpr Duration kTick{10'000'000};

DeliveryRecord RecordAt(std::uint64_t sequence, std::uint32_t generation = 7) {
  DeliveryRecord out;
  out.sequence = sequence;
  out.generation = generation;
  return out;
}

std::string LineOf(const DeliveryRecord& record, std::string_view name) {
  return std::to_string(record.sequence) + std::string(name);
}

DeliveryRecord Part(std::uint64_t sequence,
                    std::string_view text,
                    std::uint8_t part,
                    std::uint8_t parts) {
  return frames::NamePart(text, part, parts, sequence);
}

// Takes what it is told to; remembers keys, as who wants everything exactly once does.
class InventedSink final : public Sink {
 public:
  Answer Deliver(const Batch& batch) override {
    ++offers;
    if (fails) {
      return {.why = "told to", .wait = wait};
    }
    keys.push_back(KeyOf(batch));
    if (known_.insert(KeyOf(batch)).second) {
      std::istringstream lines(batch.body);
      for (std::string line; std::getline(lines, line);) {
        heard.push_back(std::stoull(line));
      }
    }
    return answer_is_lost ? Answer{.why = "the line broke"} : Answer{.taken = true};
  }

  bool fails = false;
  bool answer_is_lost = false;
  Duration wait{};
  std::size_t offers = 0;
  std::vector<std::string> keys;
  std::vector<std::uint64_t> heard;

 private:
  std::set<std::string> known_;
};

struct World {
  Forwarder Start(std::uint64_t seed = 1) {
    return Forwarder(
        sink,
        disk,
        limits,
        [this](const Position& position) {
          disk = position;
          return std::expected<void, std::string>{};
        },
        LineOf,
        seed);
  }

  InventedSink sink;
  Position disk;
  BatchLimits limits{.records = 4, .bytes = 1000, .age = kTick};
};

TEST(Forwarder, ANameIsPartOfItsRecord) {
  World world;
  Forwarder forwarder = world.Start();
  const std::vector<DeliveryRecord> parts{Part(1, "00", 1, 2), Part(1, "7", 2, 2)};
  forwarder.Take(parts, Instant{});  // its record comes in another call
  EXPECT_TRUE(forwarder.Turn(Instant{} + kTick, 0));
  EXPECT_EQ(world.sink.offers, 0U);
  forwarder.Take(std::vector{RecordAt(1), RecordAt(2)}, Instant{});
  EXPECT_TRUE(forwarder.Turn(Instant{} + kTick, 2));
  EXPECT_EQ(world.sink.heard, (std::vector<std::uint64_t>{1007, 2}));
  EXPECT_EQ(world.sink.keys, std::vector<std::string>{"00000007-1-2"});
}

TEST(Forwarder, ClosesABatchBySizeByAgeAndByGeneration) {
  World world;
  Forwarder forwarder = world.Start();
  const std::vector records{
      RecordAt(1), RecordAt(2), RecordAt(3), RecordAt(4), RecordAt(5), RecordAt(6, 8)};
  forwarder.Take(records, Instant{});
  ASSERT_TRUE(forwarder.Turn(Instant{}, 6));
  ASSERT_TRUE(forwarder.Turn(Instant{}, 6));
  ASSERT_TRUE(forwarder.Turn(Instant{}, 6));
  const std::vector<std::string> so_far{"00000007-1-4", "00000007-5-5"};
  EXPECT_EQ(world.sink.keys, so_far);
  ASSERT_TRUE(forwarder.Turn(Instant{} + kTick, 6));
  EXPECT_EQ(world.sink.keys.back(), "00000008-6-6");
  EXPECT_EQ(world.disk, (Position{.taken = 6, .offered = 0}));
}

TEST(Forwarder, GoesOnWhereTheCursorStands) {
  const auto keys_behind = [](std::uint64_t cursor, const Position& disk) {
    World world;
    world.disk = disk;
    Forwarder forwarder = world.Start();
    forwarder.BeginBehind(cursor);
    std::vector<DeliveryRecord> records;
    for (std::uint64_t i = forwarder.position().taken + 1; i <= 9; ++i) {
      records.push_back(RecordAt(i));
    }
    forwarder.Take(records, Instant{});
    EXPECT_TRUE(forwarder.Turn(Instant{} + kTick, 9));
    return world.sink.keys;
  };
  using Keys = std::vector<std::string>;
  EXPECT_EQ(keys_behind(0, {.taken = 4, .offered = 6}), Keys{"00000007-5-6"})
      << "what was acknowledged did not arrive: the file knows better";
  EXPECT_EQ(keys_behind(4, {.taken = 4, .offered = 6}), Keys{"00000007-5-6"});
  EXPECT_EQ(keys_behind(7, {.taken = 4, .offered = 6}), Keys{"00000007-8-9"})
      << "it was taken elsewhere meanwhile";
  EXPECT_EQ(keys_behind(3, {}), Keys{"00000007-4-7"}) << "without its file";
}

TEST(Forwarder, OffersAgainUnderTheSameKeyAndNotBeforeItWasAsked) {
  World world;
  world.sink.answer_is_lost = true;
  Forwarder forwarder = world.Start();
  forwarder.Take(std::vector{RecordAt(1)}, Instant{});
  Instant now = Instant{} + kTick;
  ASSERT_TRUE(forwarder.Turn(now, 1));
  EXPECT_EQ(forwarder.trouble(), "00000007-1-1: the line broke");
  EXPECT_FALSE(forwarder.wants_records());
  world.sink.answer_is_lost = false;
  world.sink.fails = true;
  world.sink.wait = 500 * kTick;
  now = forwarder.due(now);
  ASSERT_TRUE(forwarder.Turn(now, 1));
  EXPECT_GE(forwarder.due(now), now + world.sink.wait);
  ASSERT_TRUE(forwarder.Turn(now + world.sink.wait - kTick, 1));
  EXPECT_EQ(world.sink.offers, 2U);
  world.sink.fails = false;
  now = forwarder.due(now);
  ASSERT_TRUE(forwarder.Turn(now, 1));
  EXPECT_EQ(world.sink.keys, (std::vector<std::string>{"00000007-1-1", "00000007-1-1"}));
  EXPECT_TRUE(forwarder.trouble().empty());
}

TEST(Forwarder, StopsWhereItsPositionCannotBeSaved) {
  World world;
  Forwarder forwarder(
      world.sink,
      {},
      world.limits,
      [](const Position&) -> std::expected<void, std::string> {
        return std::unexpected("the disk is full");
      },
      LineOf,
      1);
  forwarder.Take(std::vector{RecordAt(1)}, Instant{});
  EXPECT_EQ(forwarder.Turn(Instant{} + kTick, 1).error(), "the disk is full");
  EXPECT_EQ(world.sink.offers, 0U);
}

TEST(Forwarder, RemembersWhatItsFilterPassedOver) {
  World world;
  Forwarder forwarder = world.Start();
  ASSERT_TRUE(forwarder.Turn(Instant{} + Forwarder::kSettle, 900));
  EXPECT_EQ(world.disk.taken, 900U);
}

// Killed at any moment, which is: all that is left is the disk. Sequences have holes, as a filter
// makes them.
TEST(Forwarder, TellsEverythingOnceToWhoRemembersKeysThroughAThousandKills) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  std::vector<DeliveryRecord> journal;
  std::uint64_t sequence = 0;
  while (journal.size() < 5000) {
    sequence += 1 + random() % 3;
    journal.push_back(RecordAt(sequence, static_cast<std::uint32_t>(journal.size() / 1000)));
  }
  World world;
  Instant now{};
  for (int life = 0; life <= 1000; ++life) {
    Forwarder forwarder = world.Start(random());
    const bool is_last = life == 1000;
    auto next = std::ranges::find_if(
        journal, [&](const DeliveryRecord& r) { return r.sequence > world.disk.taken; });
    for (std::uint64_t step = is_last ? 100'000 : random() % 12; step > 0; --step) {
      world.sink.fails = !is_last && random() % 4 == 0;
      world.sink.answer_is_lost = !is_last && random() % 4 == 0;
      if (forwarder.wants_records() && next != journal.end()) {
        const auto count = std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(random() % 9),
                                                    journal.end() - next);
        forwarder.Take({&*next, static_cast<std::size_t>(count)}, now);
        next += count;
      }
      now += (random() % 2) * kTick;
      const std::uint64_t heard = next == journal.begin() ? 0 : std::prev(next)->sequence;
      ASSERT_TRUE(forwarder.Turn(now, heard));
      if (is_last) {
        now = std::max(now, forwarder.due(now));
      }
      if (is_last && world.disk.taken == sequence) {
        break;
      }
    }
  }
  std::vector<std::uint64_t> truth;
  for (const DeliveryRecord& record : journal) {
    truth.push_back(record.sequence);
  }
  EXPECT_EQ(world.sink.heard, truth);
  EXPECT_GT(world.sink.keys.size(), 300U);
}

TEST(PositionFile, KeepsWhatWasSavedAndRefusesWhatItDidNotWrite) {
  const Position position{.taken = 17, .offered = 42};
  EXPECT_EQ(ParsePosition(PrintPosition(position)), position);
  for (const auto* const wrong : {"",
                                  "flatline-sink 1 taken 17 offered 42",
                                  "17 42\n",
                                  "flatline-sink 1 taken 17 offered x\n",
                                  "flatline-sink 2 taken 17 offered 42\n"}) {
    EXPECT_FALSE(ParsePosition(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace flatline::sinks
