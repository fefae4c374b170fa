// The region file's life: made, adopted, refused, replaced. In a directory of the test's own.
#include "dataplane/shared_region.h"

#include "dataplane/bus_error.h"
#include "tests/temporary_directory.h"

#include <flatline/config.h>
#include <flatline/region.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr WallInstant kWall{Duration{1'700'000'000'000'000'000}};

class SharedRegionTest : public testing::Test {
 public:
 protected:
  SharedRegionTest() {
    config_.region_directory = directory_.path();
    config_.instance = "t";
    config_.dataplane.endpoints = 1000;
    config_.dataplane.transition_ring = 64;
    config_.profiles[5] = kBuiltInProfiles[4];
  }

  [[nodiscard]] std::string path() const { return directory_.Path("flatline-t"); }

  // The error of an Open that must fail.
  [[nodiscard]] std::string Refusal(bool cold = false) const {
    const auto region = SharedRegion::Open(config_, cold, kWall);
    return region ? std::string{"was not refused"} : region.error();
  }

  TemporaryDirectory directory_{"/dev/shm"};
  Config config_;
};

TEST_F(SharedRegionTest, FormatsWhatValidates) {
  const auto region = SharedRegion::Open(config_, false, kWall);
  ASSERT_TRUE(region.has_value()) << region.error();
  EXPECT_FALSE(region->adopted());
  EXPECT_EQ(region->path(), path());
  const RegionHeader& header = region->view().header();
  EXPECT_TRUE(ValidateRegion(header, std::filesystem::file_size(path()), path()).has_value());
  EXPECT_EQ(header.state.load(), RegionState::kLive);
  EXPECT_EQ(header.generation, 1'700'000'000'000'000'000U);
  EXPECT_EQ(header.capacity, 1000U);
  EXPECT_NE(header.hash_key, 0U);
  EXPECT_STREQ(header.profiles[5].name.data(), "node");
  struct stat status{};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0660U) << "whatever the umask";
  EXPECT_TRUE(region->has_name());
  std::filesystem::remove(path());
  EXPECT_FALSE(region->has_name());
}

TEST_F(SharedRegionTest, AdoptsWhatItsPredecessorLeft) {
  std::uint64_t key = 0;
  {
    auto first = SharedRegion::Open(config_, false, kWall);
    ASSERT_TRUE(first.has_value());
    key = first->view().header().hash_key;
    first->view().records()[3].id.store(77);
    first->MarkStopped();
  }
  config_.profiles[16] = MakeProfile("own", Milliseconds(50), 3, Milliseconds(50));
  const auto second = SharedRegion::Open(config_, false, kWall + Duration{1});
  ASSERT_TRUE(second.has_value()) << second.error();
  EXPECT_TRUE(second->adopted());
  const RegionHeader& header = second->view().header();
  EXPECT_EQ(header.hash_key, key);
  EXPECT_EQ(header.generation, 1'700'000'000'000'000'000U) << "the same fleet";
  EXPECT_EQ(header.adoptions.load(), 1U);
  EXPECT_EQ(header.state.load(), RegionState::kLive);
  EXPECT_EQ(second->view().records()[3].id.load(), 77U);
  EXPECT_STREQ(header.profiles[16].name.data(), "own");
}

// Endpoints may be of a profile that the configuration no longer has; not of one that cannot be.
TEST_F(SharedRegionTest, ForgetsProfilesThatCannotBe) {
  const auto spoil = [](Profile& profile, std::size_t how) {
    switch (how) {
      case 0:
        profile.confirmation = Duration{-1};
        break;
      case 1:
        profile.least_deviation = Duration::max();
        break;
      case 2:
        profile.detector = static_cast<DetectorKind>(4);
        break;
      case 3:
        profile.probe = static_cast<ProbeKind>(3);
        break;
      case 4:
        profile.timeout = Duration{0};
        break;
      case 5:
        profile.timeout = Duration{std::int64_t{1} << 48};  // in stamp units zero again
        break;
      case 6:
        profile.pull = 1;
        profile.interval = Duration{0};
        break;
      default:
        profile.name.fill('x');
    }
  };
  {
    auto first = SharedRegion::Open(config_, false, kWall);
    ASSERT_TRUE(first.has_value());
    auto& profiles = first->view().header().profiles;
    for (std::size_t how = 0; how <= 8; ++how) {
      Profile& profile = profiles.at(16 + how);
      profile = MakeProfile("left", Milliseconds(50), 3, Milliseconds(50));
      if (how < 8) {
        spoil(profile, how);
      }
    }
    spoil(profiles[5], 0);
  }
  const auto second = SharedRegion::Open(config_, false, kWall);
  ASSERT_TRUE(second.has_value()) << second.error();
  ASSERT_TRUE(second->adopted());
  const auto& profiles = second->view().header().profiles;
  for (std::size_t id = 16; id <= 23; ++id) {
    EXPECT_FALSE(profiles.at(id).in_use()) << id;
  }
  EXPECT_STREQ(profiles[24].name.data(), "left");
  EXPECT_EQ(profiles[5].confirmation, kBuiltInProfiles[4].confirmation) << "as configured";
}

TEST_F(SharedRegionTest, RefusesASecondDataplane) {
  const auto first = SharedRegion::Open(config_, false, kWall);
  ASSERT_TRUE(first.has_value());
  EXPECT_NE(Refusal().find("another dataplane"), std::string::npos) << Refusal();
  EXPECT_NE(Refusal(true).find("another dataplane"), std::string::npos) << "cold or not";
  EXPECT_EQ(first->view().header().state.load(), RegionState::kLive) << "and leaves it in peace";
}

TEST_F(SharedRegionTest, RefusesAnotherShape) {
  ASSERT_TRUE(SharedRegion::Open(config_, false, kWall).has_value());
  config_.dataplane.workers = 2;
  EXPECT_NE(Refusal().find("needed 2 workers"), std::string::npos) << Refusal();
  EXPECT_NE(Refusal().find("--cold"), std::string::npos) << "says what to do";
  config_.dataplane.workers = 1;
  config_.dataplane.endpoints = 1001;
  EXPECT_NE(Refusal().find("for 1000 endpoints"), std::string::npos) << Refusal();
}

TEST_F(SharedRegionTest, BeginsColdOverAnotherReleasesLayoutAndSaysSo) {
  for (const bool other_version : {true, false}) {
    {
      const auto region = SharedRegion::Open(config_, true, kWall);
      ASSERT_TRUE(region.has_value()) << region.error();
      EXPECT_EQ(region->begins_cold_for(), "") << "it was asked for";
      region->view().records()[3].id.store(77);
      RegionHeader& header = region->view().header();
      if (other_version) {
        header.version = 99;
      } else {
        header.bytes += kSmallPage;
        std::filesystem::resize_file(path(), header.bytes);
      }
    }
    const auto region = SharedRegion::Open(config_, false, kWall + Duration{1});
    ASSERT_TRUE(region.has_value()) << region.error();
    EXPECT_FALSE(region->adopted());
    EXPECT_EQ(region->view().records()[3].id.load(), kNoEndpoint);
    EXPECT_EQ(region->view().header().generation, 1'700'000'000'000'000'001U);
    EXPECT_NE(region->begins_cold_for().find(other_version ? "version 99" : "other sections"),
              std::string::npos)
        << region->begins_cold_for();
    EXPECT_NE(region->begins_cold_for().find("begins cold"), std::string::npos);
  }
}

// Whoever may write the file can cut it: no start may fail of that for ever.
TEST_F(SharedRegionTest, BeginsColdOverAFileThatWasCutShortAndSaysSo) {
  for (const std::uintmax_t bytes : {8U, 100U, 4096U, 1U << 20}) {
    {
      const auto region = SharedRegion::Open(config_, true, kWall);
      ASSERT_TRUE(region.has_value()) << region.error();
    }
    std::filesystem::resize_file(path(), bytes);
    const auto region = SharedRegion::Open(config_, false, kWall + Duration{1});
    ASSERT_TRUE(region.has_value()) << region.error();
    EXPECT_FALSE(region->adopted());
    EXPECT_NE(region->begins_cold_for().find("was cut short, to " + std::to_string(bytes)),
              std::string::npos)
        << region->begins_cold_for();
  }
}

TEST_F(SharedRegionTest, SaysOfWhichKindTheErrorIsThatAFileCutShortIs) {
  const auto die = [this] {
    ExplainBusErrors();
    const auto region = SharedRegion::Open(config_, false, kWall);
    std::filesystem::resize_file(path(), kSmallPage);
    region->view().records()[900].id.store(1);
  };
  EXPECT_EXIT(die(), testing::KilledBySignal(SIGBUS), "somebody who may write the file");
}

TEST_F(SharedRegionTest, LeavesAnotherReleasesDataplaneInPeace) {
  const auto first = SharedRegion::Open(config_, false, kWall);
  ASSERT_TRUE(first.has_value());
  first->view().header().version = 99;
  EXPECT_NE(Refusal().find("another dataplane"), std::string::npos) << "while it runs";
}

TEST_F(SharedRegionTest, ColdReplacesTheFile) {
  auto first = SharedRegion::Open(config_, false, kWall);
  ASSERT_TRUE(first.has_value());
  struct stat before{};
  ASSERT_EQ(::stat(path().c_str(), &before), 0);
  {
    const SharedRegion ends = std::move(*first);
  }
  config_.dataplane.workers = 2;
  const auto second = SharedRegion::Open(config_, true, kWall + Duration{1});
  ASSERT_TRUE(second.has_value()) << second.error();
  EXPECT_FALSE(second->adopted());
  EXPECT_EQ(second->view().shape().workers, 2U);
  EXPECT_EQ(second->view().header().generation, 1'700'000'000'000'000'001U);
}

TEST_F(SharedRegionTest, FormatsAnewWhatWasNeverFinished) {
  ASSERT_TRUE(SharedRegion::Open(config_, false, kWall).has_value());
  {
    std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
    const auto state = static_cast<std::uint32_t>(RegionState::kFormatting);
    file.seekp(offsetof(RegionHeader, state));
    file.write(reinterpret_cast<const char*>(&state), sizeof(state));
  }
  const auto region = SharedRegion::Open(config_, false, kWall);
  ASSERT_TRUE(region.has_value()) << region.error();
  EXPECT_FALSE(region->adopted());
  {
    std::ofstream(directory_.Path("flatline-empty"));
  }
  config_.instance = "empty";
  EXPECT_TRUE(SharedRegion::Open(config_, false, kWall).has_value());
}

TEST_F(SharedRegionTest, FormatsAnewAfterAReboot) {
  {
    const auto region = SharedRegion::Open(config_, false, kWall);
    ASSERT_TRUE(region.has_value());
    region->view().header().boot[0] = '!';
  }
  const auto region = SharedRegion::Open(config_, false, kWall);
  ASSERT_TRUE(region.has_value()) << region.error();
  EXPECT_FALSE(region->adopted()) << "stamps of another boot mean nothing";
}

TEST_F(SharedRegionTest, RefusesAFileThatIsNotARegion) {
  std::ofstream(path()) << std::string(1U << 16, 'x');
  EXPECT_NE(Refusal().find("another kind of file"), std::string::npos) << Refusal();
  EXPECT_TRUE(std::filesystem::exists(path())) << "and leaves it alone";
}

TEST_F(SharedRegionTest, RefusesATableThatDoesNotFit) {
  config_.dataplane.endpoints = 4'000'000'000;
  const std::string error = Refusal();
  EXPECT_NE(error.find(" MiB free in /dev/shm"), std::string::npos) << error;
  EXPECT_NE(error.find("dataplane.endpoints"), std::string::npos) << error;
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(SharedRegionTest, RefusesAGroupThatDoesNotExist) {
  config_.region_group = "no-such-group-here";
  EXPECT_NE(Refusal().find("no-such-group-here"), std::string::npos) << Refusal();
  EXPECT_FALSE(std::filesystem::exists(path())) << "nothing half-made is left";
}

TEST_F(SharedRegionTest, RefusesADirectoryThatDoesNotExist) {
  config_.region_directory = directory_.Path("nowhere");
  EXPECT_NE(Refusal().find("found No such file or directory; make it"), std::string::npos)
      << Refusal();
  std::ofstream(config_.region_directory) << "mine";
  EXPECT_NE(Refusal().find("found Not a directory"), std::string::npos) << Refusal();
}

TEST(ShapeFor, HasRoomForAllEndpointsAndTheImbalanceOfTheHash) {
  DataplaneConfig config;
  config.endpoints = 1'000'000;
  config.workers = 4;
  const RegionShape shape = ShapeFor(config, kHugePage);
  EXPECT_EQ(shape.page, kHugePage);
  EXPECT_EQ(shape.slots_per_worker % kBlockSlots, 0U);
  EXPECT_GE(shape.slots_per_worker, 250'000U + 1'732U) << "four deviations of 433";
  EXPECT_LE(shape.slots(), 1'030'000U) << "and hardly more than that";
}

}  // namespace
}  // namespace flatline
