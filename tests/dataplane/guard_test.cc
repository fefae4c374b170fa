// Many who fall silent together, through the whole engine of two workers: so many as may be dead
// die, and where it is most of the fleet nobody does, until the guard leaves. Invented time;
// `leader-election` (100 ms × 3, confirmed after 100 ms) is the profile.
#include "tests/dataplane/two_workers.h"

#include <flatline/time.h>

#include <cstdint>
#include <map>
#include <string>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr EndpointId kFleet = 1000;

Config GuardedConfig() {
  Config config = SmallConfig(2 * kFleet, 2);
  config.dataplane.transition_ring = 1U << 14;
  config.guard.window = Milliseconds(10'000);
  config.guard.release_after = Milliseconds(5'000);
  return config;
}

class GuardTest : public TwoWorkersTest {
 protected:
  explicit GuardTest(const Config& config = GuardedConfig()) : TwoWorkersTest(config) {}

  // For so long endpoint 1 to `beating` are heard as promised, their beats spread over the
  // interval.
  void Live(Duration length, EndpointId beating) {
    for (const Instant until = now_ + length; now_ < until;) {
      now_ += Milliseconds(1);
      for (EndpointId id = 1 + turn_ % 100; id <= beating; id += 100) {
        Beat(id);
      }
      ++turn_;
      Turn([this](const Transition& told) { Count(told); });
    }
  }

  void Count(const Transition& told) {
    told_[std::string(NameOf(told.reason)) +
          (told.kind == TransitionKind::kGroup ? (told.to != 0 ? " begins" : " ends") : "")]++;
    if (told.kind == TransitionKind::kGroup) {
      last_of_guard_ = told;
    }
  }

  void Order(GuardMode mode) {
    Give(0, {.id = GuardOrder{mode, 0}.Pack(), .kind = CommandKind::kGuard});
  }

  std::map<std::string, int> told_;
  Transition last_of_guard_{};
  std::uint64_t turn_ = 0;
};

TEST_F(GuardTest, OneDiesOfAThousandAndAHundredDo) {
  Live(Milliseconds(500), kFleet);
  Live(Milliseconds(600), kFleet - 1);
  EXPECT_EQ(told_["not-confirmed"], 1);
  Live(Milliseconds(600), kFleet - 101);
  EXPECT_EQ(told_["not-confirmed"], 101);
  EXPECT_EQ(told_["guard begins"], 0);
}

TEST_F(GuardTest, NobodyDiesWhereEverybodyFallsSilent) {
  Live(Milliseconds(500), kFleet);
  Live(Milliseconds(1000), kFleet - 1);  // the witness: one that died, and was told
  ASSERT_EQ(told_["not-confirmed"], 1);
  Live(Milliseconds(2000), 0);
  EXPECT_EQ(told_["not-confirmed"], 1);
  EXPECT_EQ(told_["deadline-missed"], 1 + static_cast<int>(kFleet) - 1);
  EXPECT_EQ(told_["guard begins"], 1);
  EXPECT_GE(last_of_guard_.incarnation, kFleet / 2);
  EXPECT_EQ(last_of_guard_.sequence, kFleet)
      << "of so many that are watched, one of them just dead";
  Live(Milliseconds(500), kFleet - 1);
  EXPECT_EQ(told_["heartbeat-resumed"], static_cast<int>(kFleet) - 1);
  EXPECT_EQ(told_["guard ends"], 1);
  EXPECT_EQ(told_["not-confirmed"], 1);
}

TEST_F(GuardTest, WhoIsStillSilentWhenTheRestIsBackIsConfirmedAnew) {
  Live(Milliseconds(500), kFleet);
  Live(Milliseconds(1000), 0);
  ASSERT_EQ(told_["guard begins"], 1);
  const Duration step = Milliseconds(1);
  while (told_["guard ends"] == 0) {
    Live(step, kFleet - 100);
  }
  Live(Milliseconds(90), kFleet - 100);
  EXPECT_EQ(told_["not-confirmed"], 0) << "a confirmation from when the share fell";
  Live(Milliseconds(310), kFleet - 100);  // held ones are looked at so rarely
  EXPECT_EQ(told_["not-confirmed"], 100);
}

// Held ones are looked at three times in a confirmation like this.
class LongConfirmationTest : public GuardTest {
 protected:
  LongConfirmationTest() : GuardTest(WithLongConfirmation()) {}

  static Config WithLongConfirmation() {
    Config config = GuardedConfig();
    config.profiles[1].confirmation = Milliseconds(1'000);
    return config;
  }
};

TEST_F(LongConfirmationTest, WhoIsStillSilentWhenTheRestIsBackHasAWholeOneToBeHeardIn) {
  Live(Milliseconds(500), kFleet);
  Live(Milliseconds(2'000), 0);
  ASSERT_EQ(told_["guard begins"], 1);
  while (told_["guard ends"] == 0) {
    Live(Milliseconds(1), kFleet - 100);
  }
  Live(Milliseconds(990), kFleet - 100);
  EXPECT_EQ(told_["not-confirmed"], 0);
  Live(Milliseconds(310), kFleet - 100);
  EXPECT_EQ(told_["not-confirmed"], 100);
}

TEST_F(GuardTest, LeavesByItselfAndThenTheyDie) {
  Live(Milliseconds(500), kFleet);
  Live(Milliseconds(5'200), 0);
  EXPECT_EQ(told_["not-confirmed"], 0);
  Live(Milliseconds(1'000), 0);
  EXPECT_EQ(told_["guard ends"], 1);
  EXPECT_EQ(last_of_guard_.from, static_cast<std::uint8_t>(GroupCause::kTimeOver));
  EXPECT_EQ(told_["not-confirmed"], static_cast<int>(kFleet));
}

TEST_F(GuardTest, HoldsOverARestart) {
  Live(Milliseconds(500), kFleet);
  Live(Milliseconds(1'000), 0);
  ASSERT_EQ(told_["guard begins"], 1);
  engine_.reset();
  now_ += Milliseconds(2'000);
  Start();
  Live(Milliseconds(1'000), 0);
  EXPECT_EQ(told_["not-confirmed"], 0);
  EXPECT_EQ(told_["guard begins"], 1) << "told already";
}

TEST_F(GuardTest, AStateFromTheFutureIsNone) {
  Live(Milliseconds(500), kFleet);
  engine_.reset();
  region_.view().dataplane().guard.holds_since_ns =
      (now_ + Milliseconds(1)).time_since_epoch().count();
  Start();
  Live(Milliseconds(600), kFleet - 1);
  EXPECT_EQ(told_["not-confirmed"], 1);
  EXPECT_EQ(told_["guard ends"], 0);
}

TEST_F(GuardTest, WhoDiedBeforeARestartIsCountedAfterIt) {
  Live(Milliseconds(500), kFleet);
  Live(Milliseconds(600), kFleet - 400);
  ASSERT_EQ(told_["not-confirmed"], 400);
  engine_.reset();
  now_ += Milliseconds(500);
  Start();
  Live(Milliseconds(1'000), kFleet - 600);
  EXPECT_EQ(told_["guard begins"], 1) << "600 of 1,000, not 200 of 600";
  EXPECT_EQ(told_["not-confirmed"], 400);
}

TEST_F(GuardTest, WhoDiedBeforeARestartTakesNobodyElseBack) {
  Live(Milliseconds(500), kFleet);
  Live(Milliseconds(600), kFleet - 100);
  engine_.reset();
  now_ += Milliseconds(500);
  Start();
  Live(Milliseconds(600), kFleet - 200);
  ASSERT_EQ(told_["not-confirmed"], 200);
  const GuardState& guard = region_.view().dataplane().guard;
  EXPECT_EQ(guard.silent, 200U);
  EXPECT_EQ(guard.watched, kFleet);
  Live(Milliseconds(200), kFleet - 100);
  EXPECT_EQ(guard.silent, 100U);
  Live(Milliseconds(11'000), kFleet - 100);
  EXPECT_EQ(guard.silent, 0U) << "a window later";
  EXPECT_EQ(guard.watched, kFleet - 100);
}

TEST_F(GuardTest, ObeysOrders) {
  Live(Milliseconds(500), kFleet);
  Order(GuardMode::kHold);
  Live(Milliseconds(600), kFleet - 1);
  EXPECT_EQ(told_["not-confirmed"], 0);
  EXPECT_EQ(last_of_guard_.from, static_cast<std::uint8_t>(GroupCause::kOperator));
  Order(GuardMode::kRelease);
  Live(Milliseconds(400), kFleet - 1);
  EXPECT_EQ(told_["not-confirmed"], 1);
  Live(Milliseconds(600), 0);
  EXPECT_EQ(told_["not-confirmed"], static_cast<int>(kFleet));
}

TEST_F(GuardTest, AnOrderThatNobodyKnowsIsRefusedAndChangesNothing) {
  Live(Milliseconds(500), kFleet);
  const RegionView& view = region_.view();
  const std::uint64_t before = view.dataplane().result_heads[0].value.load();
  Give(0, {.id = ~std::uint64_t{0}, .kind = CommandKind::kGuard});
  Live(Milliseconds(10), kFleet);
  ASSERT_EQ(view.dataplane().result_heads[0].value.load(), before + 1);
  const auto results = view.results(0);
  EXPECT_EQ(results[before % results.size()].status, CommandStatus::kNoSuchOrder);
  EXPECT_EQ(view.dataplane().guard.order_ns.load(), 0);
}

TEST_F(GuardTest, AnEnrolmentOfManyWhoNeverSpeakIsNoEvidence) {
  Live(Milliseconds(500), 200);
  for (EndpointId id = 201; id <= kFleet; ++id) {
    Enrol(id, kNoGroup, 1);
  }
  Live(Milliseconds(600), 200);
  EXPECT_EQ(told_["never-heard"], static_cast<int>(kFleet) - 200);
  EXPECT_EQ(told_["guard begins"], 0);
}

}  // namespace
}  // namespace flatline
