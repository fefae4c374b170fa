// Control's look at the paths, over an invented region: that a path which gets worse is found, told
// and written down, and that one which is as it was taken to be is not, whatever chance does.
#include "control/contracts/contract_watch.h"

#include "tests/control/invented_region.h"
#include "tests/temporary_directory.h"

#include <flatline/config.h>

#include <cmath>
#include <cstdint>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr ProfileId kPromised = 20;
constexpr Slot kEndpoints = 100;

class ContractWatchTest : public testing::Test {
 protected:
  ContractWatchTest() {
    RecordProperty("seed", std::to_string(seed_));
    const std::string path = directory_.Path("config.toml");
    // No interval: the longest that keeps it, so that there is nothing to spare.
    std::ofstream(path) << "[[profile]]\nid = 20\nname = \"x\"\ndetect_within = \"3s\"\n"
                           "mistakes_at_most_every = \"24h\"\nloss = 0.01\njitter = \"10ms\"\n";
    config_ = LoadConfig(path).value();
    interval_ = config_.profiles.at(kPromised).interval;
    region_.view().header().profiles = config_.profiles;
    for (Slot slot = 0; slot < kEndpoints; ++slot) {
      EndpointRecord& record = region_.view().records()[slot];
      record.state.store(EndpointState{Liveness::kAlive, Health::kReady, kPromised}.Pack());
      record.heard.store(Heard{.stamp = StampOf(HearingInstant{now_.time_since_epoch()})}.Pack());
      record.id.store(100 + slot);
    }
    auto record = TrackRecord::Open(
        directory_.Path("contracts"), config_.contracts, 0, WallInstant{now_.time_since_epoch()});
    watch_ = std::make_unique<ContractWatch>(config_, std::move(record.value()));
  }

  void Live(Duration during, double loss, double jitter_ns) {
    std::normal_distribution<double> late(0, jitter_ns);
    std::bernoulli_distribution is_lost(loss);
    for (const Instant end = now_ + during; now_ < end; now_ += interval_ / 16) {
      while (now_ >= begin_ + interval_ * (beat_ + 1)) {
        ++beat_;
        for (Slot slot = 0; slot < kEndpoints; ++slot) {
          if (!is_lost(random_)) {
            const Duration at = (begin_ + interval_ * beat_).time_since_epoch() +
                                Duration{std::llround(late(random_))};
            region_.view().records()[slot].heard.store(Heard{
                .stamp = StampOf(HearingInstant{at}), .sequence = static_cast<std::uint32_t>(beat_)}
                                                           .Pack());
          }
        }
      }
      members_.Turn(region_.view(), now_);
      watch_->Turn(&region_.view(), members_, now_, WallInstant{now_.time_since_epoch()});
    }
  }

  [[nodiscard]] const ContractTrack& track() const { return watch_->record().of(kPromised); }

  const std::uint32_t seed_ = std::random_device{}();
  std::mt19937_64 random_{seed_};
  TemporaryDirectory directory_;
  Config config_;
  Duration interval_{};
  InventedRegion region_{{.slots_per_worker = 2 * kBlockSlots}};
  const Instant begin_{Duration{1'000'000'000'000}};
  Instant now_ = begin_;
  std::int64_t beat_ = 0;
  Membership members_;
  std::unique_ptr<ContractWatch> watch_;
};

TEST_F(ContractWatchTest, APathAsItWasTakenToBeIsNoNews) {
  Live(Milliseconds(600'000), 0.01, 10e6);
  EXPECT_NE(track().measured_ns, 0);
  EXPECT_EQ(track().endpoints, kEndpoints);
  EXPECT_EQ(track().broken_ns, 0) << "seed " << seed_;
  EXPECT_NEAR(track().loss, 0.01, 0.004) << "seed " << seed_;
  EXPECT_NEAR(track().watched_ns, 600e9 * kEndpoints, 6e9 * kEndpoints);
}

TEST_F(ContractWatchTest, ALossyPathIsToldAndItsMendingToo) {
  Live(Milliseconds(300'000), 0.01, 10e6);
  ASSERT_EQ(track().broken_ns, 0) << "seed " << seed_;
  const std::int64_t worse = now_.time_since_epoch().count();
  Live(Milliseconds(3'000'000), 0.2, 10e6);
  EXPECT_GT(track().broken_ns, worse) << "seed " << seed_;
  EXPECT_EQ(track().keep, 0U);
  EXPECT_NEAR(track().loss_behind_loss, 0.2, 0.05) << "seed " << seed_;
  Live(Milliseconds(3'000'000), 0.005, 5e6);
  EXPECT_EQ(track().broken_ns, 0) << "seed " << seed_;
}

TEST_F(ContractWatchTest, AnotherRegionIsLookedAtAnew) {
  Live(Milliseconds(200'000), 0.01, 10e6);
  const std::int64_t measured = track().measured_ns;
  watch_->Forget();
  region_.view().header().profiles.at(kPromised).interval *= 2;
  Live(Milliseconds(200'000), 0.5, 10e6);
  EXPECT_EQ(track().measured_ns, measured) << "its times are not the configuration's";
  EXPECT_EQ(track().broken_ns, 0);
  watch_->Turn(nullptr, members_, now_, WallInstant{now_.time_since_epoch()});
}

}  // namespace
}  // namespace flatline
