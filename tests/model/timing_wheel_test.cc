// The wheel against std::multimap, with random distances over all levels, random budgets, visitors
// that refuse and entries that are armed anew, from starting ticks on either side of each wrap.
#include "dataplane/timing_wheel.h"

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr std::uint32_t kEntries = 3000;

class WheelAndModel {
 public:
  WheelAndModel(std::uint64_t seed, Tick start)
      : random_(seed), wheel_(TimingWheel::Create(kEntries, start).value()), horizon_(start) {}

  // Everything due up to the horizon was visited at its tick, and nothing else, ever.
  void Step() {
    ArmSome();
    horizon_ += random_() % 100 < 90 ? random_() % 64 : Distance();
    const std::size_t budget = random_() % 4 == 0 ? random_() % 64 : 100'000;
    used_ = 0;
    const std::size_t visited = wheel_.Expire(
        horizon_,
        budget,
        [](std::uint32_t) {},
        [this](std::uint32_t index) { return Visit(index); });
    ASSERT_LE(visited, budget);
    // Only the last visit may go beyond the budget.
    ASSERT_TRUE(used_ == 0 || used_ - last_steps_ < budget) << used_ << " of " << budget;
    ASSERT_EQ(wheel_.armed_count(), model_.size());
    if (!wheel_.behind(horizon_)) {
      ASSERT_TRUE(model_.empty() || model_.begin()->first > horizon_) << "due, and not visited";
    }
    while (wheel_.behind(horizon_) && random_() % 8 != 0) {
      static_cast<void>(wheel_.Expire(
          horizon_,
          50'000,
          [](std::uint32_t) {},
          [this](std::uint32_t index) { return Visit(index); }));
    }
  }

  [[nodiscard]] std::uint64_t visits() const { return visits_; }

 private:
  Tick Distance() {
    const unsigned bits = static_cast<unsigned>(random_() % 25);
    return random_() % ((Tick{2} << bits));
  }

  void Arm(std::uint32_t index, Tick due) {
    ASSERT_FALSE(wheel_.armed(index));
    wheel_.Arm(index, due);
    ASSERT_TRUE(wheel_.armed(index));
    due = std::max(due, wheel_.now() + 1);
    if (static_cast<std::uint32_t>(due + 1) == 0) {
      ++due;  // this one tick in 2^32 cannot be marked
    }
    model_.emplace(due, index);
  }

  void ArmSome() {
    for (std::uint64_t n = random_() % 40; n != 0; --n) {
      const auto index = static_cast<std::uint32_t>(random_() % kEntries);
      if (!wheel_.armed(index)) {
        Arm(index, wheel_.now() + Distance());
      }
    }
  }

  // How many steps it was.
  std::size_t Visit(std::uint32_t index) {
    if (random_() % 50 == 0) {
      return 0;
    }
    const auto [from, to] = model_.equal_range(wheel_.now());
    const auto it =
        std::find_if(from, to, [&](const auto& entry) { return entry.second == index; });
    EXPECT_NE(it, to) << index << " is not due at " << wheel_.now();
    EXPECT_EQ(from, model_.begin()) << "something earlier was passed over";
    EXPECT_LE(wheel_.now(), horizon_);
    if (it != to) {
      model_.erase(it);
    }
    ++visits_;
    if (random_() % 2 == 0) {
      Arm(index, wheel_.now() + (random_() % 8 == 0 ? 0 : Distance()));
    }
    last_steps_ = 1 + random_() % 9;
    used_ += last_steps_;
    return last_steps_;
  }

  std::mt19937_64 random_;
  TimingWheel wheel_;
  std::multimap<Tick, std::uint32_t> model_;
  Tick horizon_;
  std::uint64_t visits_ = 0;
  std::size_t used_ = 0;  // steps of the visits since the last Expire that the test bounds
  std::size_t last_steps_ = 0;
};

TEST(TimingWheelModel, AgreesWithAMultimap) {
  const std::vector<Tick> starts{0,
                                 255,
                                 (Tick{1} << 24) - 3,
                                 (Tick{1} << 32) - 1000,
                                 (Tick{1} << 32) - 1,
                                 (Tick{7} << 32) - (Tick{1} << 24) - 5};
  for (std::uint64_t seed = 1; seed <= 24; ++seed) {
    const Tick start = starts[seed % starts.size()];
    SCOPED_TRACE(testing::Message() << "seed " << seed << ", start " << start);
    WheelAndModel both(seed, start);
    for (int step = 0; step < 3000; ++step) {
      both.Step();
      if (testing::Test::HasFailure()) {
        return;
      }
    }
    EXPECT_GT(both.visits(), 1000U);
  }
}

TEST(TimingWheelModel, EveryEntryMayBeDueAtOnce) {
  auto wheel = TimingWheel::Create(100'000, 0);
  ASSERT_TRUE(wheel) << wheel.error();
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    wheel->Arm(i, 70'000);
  }
  std::vector<bool> seen(100'000);
  std::size_t calls = 0;
  while (wheel->behind(70'000)) {
    ++calls;
    const std::size_t visited = wheel->Expire(
        70'000,
        512,
        [](std::uint32_t) {},
        [&](std::uint32_t index) {
          EXPECT_FALSE(seen[index]);
          seen[index] = true;
          return std::size_t{1};
        });
    ASSERT_LE(visited, 512U);
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), 100'000);
  EXPECT_GE(calls, 100'000U / 512) << "the budget was kept";
  EXPECT_EQ(wheel->armed_count(), 0U);
}

// The pool is as large as its worst case, not as the usual one: one entry in each bucket, and each
// visited entry goes to a bucket of its own.
TEST(TimingWheelModel, ThePoolSufficesForEntriesScatteredOverAllBuckets) {
  constexpr std::uint32_t kMany = 1021;
  auto wheel = TimingWheel::Create(kMany, 0);
  ASSERT_TRUE(wheel) << wheel.error();
  std::uint32_t index = 0;
  for (unsigned level = 0; level < 4; ++level) {
    const unsigned buckets = level == 3 ? 128 : 256;
    for (unsigned bucket = 1; bucket < buckets; ++bucket) {
      wheel->Arm(index++, Tick{bucket} << (8 * level));
    }
  }
  std::size_t visited = 0;
  Tick last = 0;
  while (wheel->armed_count() != 0) {
    visited += wheel->Expire(
        Tick{1} << 31,
        1U << 20,
        [](std::uint32_t) {},
        [&](std::uint32_t) {
          EXPECT_GE(wheel->now(), last);
          last = wheel->now();
          return std::size_t{1};
        });
  }
  EXPECT_EQ(visited, index);
}

TEST(TimingWheelModel, ADeadlineOnATickIsDueInThatTickAndOneBehindItInTheNext) {
  EXPECT_EQ(DueTickOf(HearingInstant{kTick * 5}), 5U);
  EXPECT_EQ(DueTickOf(HearingInstant{kTick * 5 + Duration{1}}), 6U);
  EXPECT_EQ(TickOf(HearingInstant{kTick * 6 - Duration{1}}), 5U);
  EXPECT_EQ(DueTickAfter(HearingInstant{kTick * 5}, 16), 6U);
  EXPECT_EQ(DueTickAfter(HearingInstant{kTick * 5}, 17), 7U);
}

}  // namespace
}  // namespace flatline
