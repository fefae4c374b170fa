#include "bench/generator/plan.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

namespace flatline::generator {
namespace {

using std::chrono::seconds;

Fleet MakeTestFleet() {
  Cohort cohort;
  cohort.endpoints = 10'000;
  cohort.interval = seconds(1);
  return Fleet({cohort}, 100, 1);
}

Event MakeEvent(EventKind kind, Selector who, Elapsed at) {
  Event event;
  event.kind = kind;
  event.who = std::move(who);
  event.at = at;
  return event;
}

Selector ByCount(std::uint64_t count) {
  Selector who;
  who.by = Selector::By::kCount;
  who.count = count;
  return who;
}

Selector ByRacks(std::vector<Range> ranges) {
  Selector who;
  who.by = Selector::By::kRacks;
  who.ranges = std::move(ranges);
  return who;
}

TEST(Plan, ARackDiesAtOnceAndWhole) {
  const Fleet fleet = MakeTestFleet();
  Plan plan({MakeEvent(EventKind::kDie, ByRacks({{3, 4}}), seconds(5))}, fleet);
  EXPECT_TRUE(plan.Due(seconds(5) - Elapsed{1}).empty());
  const auto orders = plan.Due(seconds(5));
  ASSERT_EQ(orders.size(), 200U);
  for (const Order& order : orders) {
    EXPECT_EQ(order.action, Action::kMute);
    EXPECT_TRUE(fleet.RackOf(order.index) == 3 || fleet.RackOf(order.index) == 4);
  }
  EXPECT_TRUE(plan.Due(seconds(500)).empty()) << "an order is given once";
}

TEST(Plan, DrawnOnesNeverCoincideWithOthers) {
  const Fleet fleet = MakeTestFleet();
  Selector share;
  share.by = Selector::By::kShare;
  share.share = 0.3;
  // The drawn ones come first in the file, and still avoid the rack named after them.
  const Plan plan({MakeEvent(EventKind::kDie, ByCount(3000), seconds(1)),
                   MakeEvent(EventKind::kLeave, share, seconds(2)),
                   MakeEvent(EventKind::kDie, ByRacks({{1, 10}}), seconds(3))},
                  fleet);
  std::set<Index> seen;
  for (const Order& order : plan.orders()) {
    EXPECT_TRUE(seen.insert(order.index).second);
  }
  EXPECT_EQ(seen.size(), 3000U + 3000U + 1000U);
}

TEST(Plan, SpreadsTurnsEvenlyAndBringsBack) {
  const Fleet fleet = MakeTestFleet();
  Event flap = MakeEvent(EventKind::kFlap, ByCount(10), seconds(10));
  flap.over = seconds(10);
  flap.lasting = seconds(4);
  Plan plan({flap}, fleet);
  for (int i = 0; i < 10; ++i) {
    const auto orders = plan.Due(seconds(10 + i));
    EXPECT_EQ(std::ranges::count(orders, Action::kMute, &Order::action), 1);
    EXPECT_EQ(std::ranges::count(orders, Action::kReturn, &Order::action), i >= 4 ? 1 : 0);
  }
  EXPECT_EQ(plan.Due(seconds(100)).size(), 4U);
}

TEST(Plan, RestartsComeBackHigherAndLeaversMay) {
  const Fleet fleet = MakeTestFleet();
  Event leave = MakeEvent(EventKind::kLeave, ByCount(1), seconds(1));
  leave.lasting = seconds(2);
  const Plan plan({leave, MakeEvent(EventKind::kRestart, ByCount(1), seconds(5))}, fleet);
  ASSERT_EQ(plan.orders().size(), 3U);
  EXPECT_EQ(plan.orders()[0].action, Action::kLeave);
  EXPECT_EQ(plan.orders()[1].action, Action::kRestart);
  EXPECT_EQ(plan.orders()[1].at, seconds(3));
  EXPECT_EQ(plan.orders()[2].action, Action::kRestart) << "without a silence between";
}

}  // namespace
}  // namespace flatline::generator
