// What the watch over the ports leaves for the leader, in invented time.
#include "dataplane/port_watch.h"

#include <flatline/time.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr Instant At(std::int64_t ns) {
  return Instant{Duration{ns}};
}

std::vector<BlindReport> Take(PortWatch& watch) {
  std::vector<BlindReport> out;
  watch.reports().Drain([&](const BlindReport& report) { out.push_back(report); });
  return out;
}

TEST(PortWatch, ReportsMissedFramesAsAnInterval) {
  PortWatch watch;
  watch.ReportMissed(3, At(100), At(200));
  const auto reports = Take(watch);
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(reports[0].from, At(100));
  EXPECT_EQ(reports[0].to, At(200));
  EXPECT_EQ(reports[0].reason, Reason::kFramesMissed);
  EXPECT_EQ(reports[0].port, 3);
}

TEST(PortWatch, IsDeafFromTheFirstWordOfADeadLinkToItsReturn) {
  PortWatch watch;
  EXPECT_EQ(watch.DeafSince(1), 0);
  watch.LinkDown(1, At(100));
  watch.LinkDown(1, At(150));
  EXPECT_EQ(watch.DeafSince(1), 100) << "the first word counts";
  EXPECT_EQ(watch.DeafSince(0), 0);
  EXPECT_TRUE(Take(watch).empty());
  watch.LinkUp(1, At(300));
  EXPECT_EQ(watch.DeafSince(1), 0);
  const auto reports = Take(watch);
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(reports[0].from, At(100));
  EXPECT_EQ(reports[0].to, At(300));
  EXPECT_EQ(reports[0].reason, Reason::kLinkDown);
  watch.LinkUp(1, At(400));
  EXPECT_TRUE(Take(watch).empty()) << "saying it again says nothing new";
}

TEST(PortWatch, StaysDeafUntilTheLeaderHasRoomForTheInterval) {
  PortWatch watch;
  for (std::size_t i = 0; i < kBlindReports; ++i) {
    watch.ReportMissed(0, At(10), At(20));
  }
  watch.LinkDown(1, At(100));
  watch.LinkUp(1, At(300));
  EXPECT_EQ(watch.DeafSince(1), 100) << "no room: nobody may think that it hears";
  Take(watch);
  watch.LinkUp(1, At(310));
  EXPECT_EQ(watch.DeafSince(1), 0);
  bool covered = false;
  for (const BlindReport& report : Take(watch)) {
    covered = covered || (report.from <= At(100) && report.to >= At(300));
  }
  EXPECT_TRUE(covered);
}

TEST(PortWatch, KeepsMissedFramesForWhichThereWasNoRoom) {
  PortWatch watch;
  for (std::int64_t i = 0; i < 300; ++i) {
    watch.ReportMissed(0, At(i * 10), At(i * 10 + 10));
  }
  Take(watch);
  watch.LinkUp(0, At(3000));  // any word carries over what was kept
  const auto rest = Take(watch);
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].from, At(2560)) << "256 found room";
  EXPECT_EQ(rest[0].to, At(3000));
}

}  // namespace
}  // namespace flatline
