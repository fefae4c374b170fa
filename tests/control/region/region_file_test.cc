// Joining the region from outside: what is mapped, what may be written, what is refused.
#include "control/region/region_file.h"

#include "tests/control/region/region_on_disk.h"

#include <flatline/region.h>

#include <fstream>
#include <string>
#include <unistd.h>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using ::testing::HasSubstr;
using Access = MappedRegion::Access;

TEST(MappedRegion, ReaderSeesWhatTheDataplaneWrites) {
  const RegionOnDisk disk({.workers = 2});
  const auto joined = MappedRegion::Open(disk.path(), Access::kRead);
  ASSERT_TRUE(joined) << joined.error();
  EXPECT_EQ(joined->view().shape(), disk.view().shape());
  disk.view().records()[3].id.store(77);
  EXPECT_EQ(joined->view().records()[3].id.load(), 77U);
}

TEST(MappedRegion, ControlWritesItsOwnSection) {
  const RegionOnDisk disk({});
  const auto joined = MappedRegion::Open(disk.path(), Access::kControl);
  ASSERT_TRUE(joined) << joined.error();
  joined->view().control().transition_tails[0].value.store(9);
  joined->view().commands(0).back().id = 5;
  EXPECT_EQ(disk.view().control().transition_tails[0].value.load(), 9U);
  EXPECT_EQ(disk.view().commands(0).back().id, 5U);
}

TEST(MappedRegionDeathTest, NobodyElseWritesTheDataplanesSection) {
  const RegionOnDisk disk({});
  const auto joined = MappedRegion::Open(disk.path(), Access::kControl);
  ASSERT_TRUE(joined) << joined.error();
  EXPECT_DEATH(joined->view().records()[0].id.store(1), "");
}

TEST(MappedRegion, StaysJoinedWhenMoved) {
  const RegionOnDisk disk({});
  auto first = MappedRegion::Open(disk.path(), Access::kRead);
  ASSERT_TRUE(first) << first.error();
  const MappedRegion second(std::move(*first));
  EXPECT_EQ(second.view().header().magic, kRegionMagic);
  EXPECT_EQ(second.path(), disk.path());
}

TEST(MappedRegion, NoticesThatTheFileWasReplaced) {
  const RegionOnDisk disk({});
  const auto joined = MappedRegion::Open(disk.path(), Access::kRead);
  ASSERT_TRUE(joined) << joined.error();
  EXPECT_FALSE(joined->IsReplaced());
  ::unlink(disk.path().c_str());
  EXPECT_TRUE(joined->IsReplaced());
  std::ofstream(disk.path()) << "another";
  EXPECT_TRUE(joined->IsReplaced());
}

TEST(MappedRegion, RefusesWithWhatToDo) {
  const auto absent = MappedRegion::Open("/nonexistent/region", Access::kRead);
  ASSERT_FALSE(absent);
  EXPECT_THAT(absent.error(), HasSubstr("needed a region, found none; start the dataplane"));

  const auto directory = MappedRegion::Open("/tmp", Access::kRead);
  ASSERT_FALSE(directory);

  const RegionOnDisk disk({});
  disk.view().header().version = 99;
  const auto other = MappedRegion::Open(disk.path(), Access::kRead);
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error(), HasSubstr("found version 99"));
  ::truncate(disk.path().c_str(), 100);
  const auto runt = MappedRegion::Open(disk.path(), Access::kRead);
  ASSERT_FALSE(runt);
  EXPECT_THAT(runt.error(), HasSubstr("found 100 bytes"));
}

}  // namespace
}  // namespace flatline
