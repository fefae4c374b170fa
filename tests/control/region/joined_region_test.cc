// Control and the region that comes, goes and is another's: who may join, what is said of it, and
// what the watch makes of each, turn by turn.
#include "control/region/joined_region.h"

#include "tests/captured_log.h"
#include "tests/control/region/region_on_disk.h"

#include <flatline/config.h>
#include <flatline/region.h>

#include <fcntl.h>
#include <filesystem>
#include <string>
#include <sys/file.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Event = RegionWatch::Event;

class JoinedRegionTest : public testing::Test {
 protected:
  JoinedRegionTest() { config_.region_directory = disk_.directory(); }

  Event Poll() {
    now_ += RegionWatch::kInterval;
    return watch_.Poll(now_);
  }

  [[nodiscard]] std::string Away() const { return disk_.path() + ".away"; }

  const RegionOnDisk disk_{{.workers = 2}};
  Config config_ = DefaultConfig();
  RegionWatch watch_{config_};
  Instant now_{Duration{1'000'000'000}};
};

TEST_F(JoinedRegionTest, HasOneControlAndSaysSoToTheSecond) {
  {
    const auto first = JoinedRegion::Join(disk_.path());
    ASSERT_TRUE(first) << first.error();
    EXPECT_EQ((*first)->view().shape(), disk_.view().shape());
    const auto second = JoinedRegion::Join(disk_.path());
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error(),
                AllOf(HasSubstr(disk_.path()),
                      HasSubstr("to be its only control"),
                      HasSubstr("another flatline-control"),
                      HasSubstr("stop the other one")));
  }
  EXPECT_TRUE(JoinedRegion::Join(disk_.path()));
}

TEST_F(JoinedRegionTest, TheSecondSaysThatItWaitsForItsTurn) {
  auto first = JoinedRegion::Join(disk_.path());
  ASSERT_TRUE(first) << first.error();
  {
    const CapturedLog log;
    EXPECT_EQ(Poll(), Event::kNothing);
    EXPECT_THAT(log.text(), HasSubstr("[warning] "));
    EXPECT_THAT(log.text(), HasSubstr("stop the other one; until then this one waits"));
  }
  first->reset();
  EXPECT_EQ(Poll(), Event::kJoined);
}

// A dataplane locks the whole file, by flock.
TEST_F(JoinedRegionTest, TheDataplanesLockIsNotControls) {
  const int descriptor = ::open(disk_.path().c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(::flock(descriptor, LOCK_EX | LOCK_NB), 0);
  EXPECT_TRUE(JoinedRegion::Join(disk_.path()));
  ::close(descriptor);
}

TEST_F(JoinedRegionTest, IsWaitedForAndFound) {
  std::filesystem::rename(disk_.path(), Away());
  EXPECT_EQ(Poll(), Event::kNothing);
  EXPECT_THAT(watch_.complaint(), HasSubstr("start the dataplane"));
  EXPECT_EQ(watch_.current(), nullptr);
  std::filesystem::rename(Away(), disk_.path());
  EXPECT_EQ(watch_.Poll(now_), Event::kNothing) << "before its time it does not look";
  EXPECT_EQ(Poll(), Event::kJoined);
  EXPECT_EQ(watch_.complaint(), "");
  ASSERT_NE(watch_.current(), nullptr);
  EXPECT_EQ(watch_.current()->view().header().capacity, disk_.view().header().capacity);
  EXPECT_EQ(Poll(), Event::kNothing);
}

TEST_F(JoinedRegionTest, AnotherVersionIsNotWaitedFor) {
  RegionHeader& header = disk_.view().header();
  ++header.version;
  EXPECT_EQ(Poll(), Event::kForeign);
  EXPECT_THAT(watch_.complaint(), HasSubstr(std::to_string(kRegionVersion + 1)));
  --header.version;
  EXPECT_EQ(Poll(), Event::kJoined) << "once it is ours";
}

// One that is being formatted has no magic yet; what is no region at all is waited for too.
TEST_F(JoinedRegionTest, WhatIsNotCompleteIsWaitedFor) {
  RegionHeader& header = disk_.view().header();
  const auto magic = header.magic;
  header.magic = 0;
  EXPECT_EQ(Poll(), Event::kNothing);
  EXPECT_NE(watch_.complaint(), "");
  header.magic = magic;
  EXPECT_EQ(Poll(), Event::kJoined);
  watch_.Release();
  std::filesystem::resize_file(disk_.path(), 100);
  EXPECT_EQ(Poll(), Event::kNothing);
}

TEST_F(JoinedRegionTest, AnotherGenerationInTheSameFileIsAnotherRegion) {
  ASSERT_EQ(Poll(), Event::kJoined);
  ++disk_.view().header().generation;
  EXPECT_EQ(Poll(), Event::kReplaced);
  EXPECT_EQ(Poll(), Event::kReplaced) << "until the old one is let go";
  watch_.Release();
  EXPECT_EQ(Poll(), Event::kJoined);
  EXPECT_EQ(Poll(), Event::kNothing);
}

TEST_F(JoinedRegionTest, AnotherFileInItsPlaceIsAnotherRegion) {
  ASSERT_EQ(Poll(), Event::kJoined);
  std::filesystem::rename(disk_.path(), Away());
  EXPECT_EQ(Poll(), Event::kReplaced) << "gone";
  std::filesystem::copy_file(Away(), disk_.path());
  EXPECT_EQ(Poll(), Event::kReplaced);
  const auto old = watch_.share();
  watch_.Release();
  EXPECT_EQ(Poll(), Event::kJoined);
  EXPECT_EQ(old->view().header().magic, kRegionMagic) << "mapped for as long as it is held";
}

}  // namespace
}  // namespace flatline
