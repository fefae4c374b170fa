// What is measured of the paths from a region made by hand, and what the verb says of it.
#include "control/cli/measured_paths.h"
#include "tests/cli/in_process.h"
#include "tests/control/region/region_on_disk.h"

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr ProfileId kPromised = 20;

class ContractVerb : public ::testing::Test {
 public:
  ContractVerb() : disk_({.workers = 2}), path_(disk_.directory() + "/config.toml") {
    std::ofstream(path_) << "region_directory = \"" << disk_.directory() << "\"\n"
                         << "[[profile]]\nid = 20\nname = \"x\"\ndetect_within = \"3s\"\n"
                            "mistakes_at_most_every = \"24h\"\ninterval = \"500ms\"\n"
                            "loss = 0.001\n";
    config_ = LoadConfig(path_).value();
    disk_.view().header().profiles = config_.profiles;
  }

  ~ContractVerb() override { ::unlink(path_.c_str()); }

 protected:
  // An endpoint of this jitter in the slot that is numbered so.
  void Put(Slot slot, std::uint32_t sequence, Duration jitter) const {
    EndpointRecord& record = disk_.view().records()[slot];
    const auto units = static_cast<float>(jitter.count()) / static_cast<float>(kStampUnit.count());
    record.arrival.store(Arrival{.interval = 1, .variance = 2 * units * units, .count = 8}.Pack());
    record.heard.store(Heard{.stamp = 1, .sequence = sequence}.Pack());
    record.incarnation.store(7);
    record.state.store(EndpointState{.liveness = Liveness::kAlive, .profile = kPromised}.Pack());
    record.id.store(100 + slot);
  }

  void CountHeard(unsigned worker, std::uint64_t heartbeats) const {
    disk_.view().dataplane().counters[worker].values[static_cast<std::size_t>(
        Counter::kHeartbeats)] += heartbeats;
  }

  [[nodiscard]] Ran Run(std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments{"contract", "--for", "1ms", "--config", path_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Flatline(arguments);
  }

  RegionOnDisk disk_;
  std::string path_;
  Config config_;
};

TEST_F(ContractVerb, LossIsWhatWasSentAndNotHeard) {
  Put(0, 10, {});
  Put(1, 0xFFFFFFFE, {});
  Put(200, 50, {});
  const SequencesSeen before(disk_.view());
  Put(0, 50, {});    // 40 sent
  Put(1, 18, {});    // 20, over the end of the numbers
  Put(200, 49, {});  // a late one: nothing
  Put(201, 90, {});  // new: nobody knows how many it sent
  CountHeard(0, 30);
  CountHeard(1, 15);
  EXPECT_DOUBLE_EQ(SequencesSeen(disk_.view()).LossSince(before), 0.25);
  disk_.view().records()[0].incarnation.store(8);  // restarted: its sequence says nothing
  CountHeard(0, 100);
  EXPECT_DOUBLE_EQ(SequencesSeen(disk_.view()).LossSince(before), 0) << "never below";
}

TEST_F(ContractVerb, NothingSentIsNothingLost) {
  const SequencesSeen before(disk_.view());
  EXPECT_EQ(SequencesSeen(disk_.view()).LossSince(before), 0);
}

TEST_F(ContractVerb, JittersAreOfThoseWhoAreKnown) {
  for (Slot slot = 0; slot < 100; ++slot) {
    Put(slot, 1, slot < 98 ? Milliseconds(10) : Milliseconds(2'000));
  }
  disk_.view().records()[0].arrival.store(Arrival{.interval = 1, .count = 7}.Pack());
  disk_.view().records()[1].state.store(
      EndpointState{.liveness = Liveness::kDead, .profile = kPromised}.Pack());
  const auto paths = MeasurePaths(disk_.view(), config_.contracts, 0.001);
  EXPECT_EQ(paths[kPromised].endpoints, 98U);
  EXPECT_EQ(paths[kPromised].keep, 96U);
  EXPECT_NEAR(static_cast<double>(paths[kPromised].jitter.count()), 10e6, 1e6);
  EXPECT_NEAR(static_cast<double>(paths[kPromised].worst_jitter.count()), 2e9, 2e8);
  EXPECT_EQ(paths[kPromised + 1].endpoints, 0U);
}

TEST_F(ContractVerb, SaysWhetherItIsKept) {
  Put(0, 1, Milliseconds(10));
  const Ran kept = Run();
  EXPECT_EQ(kept.code, 0) << kept.err;
  EXPECT_THAT(kept.out, HasSubstr("x: dead is told within 3s, heartbeats every 500ms\n"));
  EXPECT_THAT(kept.out, HasSubstr("  promised  one mistake in 24h, lasting 3s\n"));
  EXPECT_THAT(kept.out, HasSubstr("kept      by all 1\n"));
  Put(1, 1, Milliseconds(2'000));
  const Ran broken = Run();
  EXPECT_EQ(broken.code, 1);
  EXPECT_THAT(broken.out, HasSubstr("BROKEN    kept by 1 of 2\n"));
  const json row = json::parse(Run({"--json"}).out);
  EXPECT_EQ(row["profile"], "x");
  EXPECT_EQ(row["endpoints"], 2);
  EXPECT_EQ(row["kept_by"], 1);
  EXPECT_EQ(row["promised"]["detection_ns"], 3'000'000'000);
}

TEST_F(ContractVerb, SaysWhatIsMissing) {
  EXPECT_THAT(Run().out, HasSubstr("measured  nothing"));
  disk_.view().header().profiles[kPromised].interval = Milliseconds(400);
  const Ran other = Run();
  EXPECT_EQ(other.code, 1);
  EXPECT_THAT(other.err, HasSubstr("the dataplane was started with other times"));
  std::ofstream(path_) << "region_directory = \"" << disk_.directory() << "\"\n";
  const Ran none = Run();
  EXPECT_EQ(none.code, 3);
  EXPECT_THAT(none.err, HasSubstr("no profile has a contract"));
}

}  // namespace
}  // namespace flatline::cli
