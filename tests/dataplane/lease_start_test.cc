// On what terms leases are granted after each kind of start: the first ever, one from nothing, one
// that adopts, with a file that is there, lost, damaged, or that went back.
#include "dataplane/lease_start.h"

#include "tests/dataplane/plain_region.h"
#include "tests/temporary_directory.h"

#include <flatline/lease_epoch.h>

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr Duration kLongest = Milliseconds(10'000);

class LeaseStartTest : public testing::Test {
 protected:
  LeaseStartTest() {
    config_.dataplane.leases = 4;
    config_.dataplane.lease_term_most = kLongest;
    config_.dataplane.lease_epoch = path_;
  }

  void Begin(std::uint64_t epoch = 0) {
    ASSERT_TRUE(BeginLeaseEpoch(path_, {.epoch = epoch, .longest = kLongest}));
  }

  // As the engine does on these terms.
  static void Make(const RegionView& region, const LeaseTerms& terms) {
    for (unsigned worker = 0; worker < region.shape().workers; ++worker) {
      const LeaseTable table(region, worker, terms, HearingInstant{});
    }
  }

  void ExpectClosed(const RegionView& region, const std::string& reason) {
    const LeaseStart start = StartLeases(config_, region);
    EXPECT_EQ(start.terms.epoch, 0U);
    EXPECT_NE(start.complaint.find(reason), std::string::npos) << start.complaint;
    EXPECT_NE(start.complaint.find("flatline lease begin"), std::string::npos) << start.complaint;
    EXPECT_EQ(start.complaint.find('\n'), std::string::npos);
  }

  TemporaryDirectory directory_;
  std::string path_ = directory_.Path("epoch");
  Config config_ = SmallConfig(100, 2);
};

TEST_F(LeaseStartTest, FirstOfAllWaitsForNothing) {
  Begin();
  const PlainRegion region(config_);
  const LeaseStart start = StartLeases(config_, region.view());
  EXPECT_EQ(start.complaint, "");
  EXPECT_EQ(start.terms.epoch, 1U);
  EXPECT_EQ(start.terms.wait, Duration{});
  EXPECT_EQ(ReadLeaseEpoch(path_).value(), (LeaseEpoch{.epoch = 1, .longest = kLongest}));
}

TEST_F(LeaseStartTest, FromNothingTakesTheNextEpochAndWaits) {
  Begin(5);
  const PlainRegion region(config_);
  const LeaseStart start = StartLeases(config_, region.view());
  EXPECT_EQ(start.terms.epoch, 6U);
  EXPECT_EQ(start.terms.wait, kLongest);
  const PlainRegion another(config_);
  EXPECT_EQ(StartLeases(config_, another.view()).terms.epoch, 7U);
}

TEST_F(LeaseStartTest, GoesOnInTheEpochOfARegionThatIsAdopted) {
  Begin();
  const PlainRegion region(config_);
  Make(region.view(), StartLeases(config_, region.view()).terms);
  const LeaseStart start = StartLeases(config_, region.view());
  EXPECT_EQ(start.complaint, "");
  EXPECT_EQ(start.terms.epoch, 1U);
  EXPECT_EQ(start.terms.wait, Duration{});
}

// Killed between the file and the region, or between one worker's state and the next one's.
TEST_F(LeaseStartTest, TakesAnotherEpochWhereTheRegionHasNotTheLast) {
  Begin();
  const PlainRegion region(config_);
  const LeaseStart first = StartLeases(config_, region.view());
  EXPECT_EQ(StartLeases(config_, region.view()).terms.epoch, 2U);
  Make(region.view(), StartLeases(config_, region.view()).terms);
  region.view().lease_state(1).epoch.store(first.terms.epoch);
  const LeaseStart start = StartLeases(config_, region.view());
  EXPECT_EQ(start.terms.epoch, 4U);
  EXPECT_EQ(start.terms.wait, kLongest);
}

// Nobody knows when the last grant by the longer term was made.
TEST_F(LeaseStartTest, WaitsForTheLongestTermThatEverWas) {
  Begin();
  config_.dataplane.lease_term_most = 3 * kLongest;
  Make(PlainRegion(config_).view(), StartLeases(config_, PlainRegion(config_).view()).terms);
  config_.dataplane.lease_term_most = kLongest;
  const PlainRegion region(config_);
  const LeaseStart start = StartLeases(config_, region.view());
  EXPECT_EQ(start.terms.longest, kLongest);
  EXPECT_EQ(start.terms.wait, 3 * kLongest);
}

TEST_F(LeaseStartTest, IsClosedWhereTheFileIsLostDamagedOrWentBack) {
  const PlainRegion region(config_);
  ExpectClosed(region.view(), "No such file");
  for (const char* const text : {"",
                                 "flatline lease epoch",
                                 "{}",
                                 "flatline lease epoch 7, terms "
                                 "up to 10000 ms, crc 00000000\n"}) {
    std::ofstream(path_) << text;
    ExpectClosed(region.view(), "needed one whole line");
  }
  std::filesystem::remove(path_);
  std::filesystem::create_directory(path_);
  ExpectClosed(region.view(), "the epoch of leases");
  std::filesystem::remove(path_);
  Begin(3);
  Make(region.view(), {.epoch = 4, .longest = kLongest});
  ExpectClosed(region.view(), "went back");
}

TEST_F(LeaseStartTest, IsClosedWhereTheFileCannotBeAdvanced) {
  Begin();
  config_.dataplane.lease_epoch = directory_.Path("epoch-elsewhere");
  std::filesystem::create_directory(directory_.Path("epoch-elsewhere.new"));
  std::filesystem::create_directory(directory_.Path("epoch-elsewhere.new/full"));
  std::filesystem::copy(path_, config_.dataplane.lease_epoch);
  const PlainRegion region(config_);
  const LeaseStart start = StartLeases(config_, region.view());
  EXPECT_EQ(start.terms.epoch, 0U);
  EXPECT_NE(start.complaint, "");
}

TEST_F(LeaseStartTest, AsksForNoFileWhereNoLeaseIsWanted) {
  config_.dataplane.leases = 0;
  const PlainRegion region(config_);
  EXPECT_EQ(StartLeases(config_, region.view()).complaint, "");
}

}  // namespace
}  // namespace flatline
