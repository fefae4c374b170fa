// Simulated worlds of the whole appliance, each from a seed. `--worlds=N` through more or fewer of
// them than usual; `./run simulate` lives through any number, and makes small what fails.
#include "tests/simulation/allocation_watch.h"
#include "tests/simulation/apart.h"
#include "tests/simulation/shrink.h"
#include "tests/simulation/world.h"

#include <cstdint>
#include <iostream>
#include <memory>
#include <spdlog/spdlog.h>
#include <string_view>
#include <thread>

#include <gtest/gtest.h>
#include <oneapi/tbb/global_control.h>

namespace flatline {
namespace {

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): gtest has no arguments
std::uint64_t worlds_wanted = 1'000;

TEST(Simulation, ShrinksToWhatAFailureNeeds) {
  Climate wild;
  for (const ClimateField& field : kClimateFields) {
    wild.*field.member = 1'000;
  }
  const auto fails = [](const Climate& climate) {
    return climate.kills != 0 && climate.hang_ups != 0 && climate.endpoints >= 37;
  };
  const Climate least = Shrink(wild, fails);
  Climate expected;
  for (const ClimateField& field : kClimateFields) {
    expected.*field.member = field.least;
  }
  expected.kills = 1'000;
  expected.hang_ups = 1'000;
  expected.endpoints = 37;
  EXPECT_EQ(PrintClimate(least), PrintClimate(expected));
}

TEST(Simulation, TakesAClimateAsItPrintsIt) {
  const Climate climate = World::ClimateOf(7);
  const auto again = ParseClimate(PrintClimate(climate), Climate{});
  ASSERT_TRUE(again) << again.error();
  EXPECT_EQ(*again, climate);
  for (const char* const bad : {"kills", "kills=", "kills=x", "kill=1", "kills=1;loss=2"}) {
    EXPECT_FALSE(ParseClimate(bad, climate)) << bad;
  }
}

TEST(Simulation, SeesWhatIsTakenFromTheHeap) {
  if (!AllocationWatch::IsCounting()) {
    GTEST_SKIP() << "a sanitizer has the heap";
  }
  const AllocationWatch watch;
  const auto taken = std::make_unique<Climate>();
  EXPECT_EQ(watch.count(), 1U) << taken.get();
}

TEST(Simulation, IsTheSameWorldAgain) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const Report once = LiveThroughApart(seed, World::ClimateOf(seed));
    EXPECT_EQ(once.digest, LiveThroughApart(seed, World::ClimateOf(seed)).digest);
    EXPECT_NE(once.digest, LiveThroughApart(seed + 1, World::ClimateOf(seed)).digest);
  }
}

TEST(Simulation, NothingContradictsTheTruthInAnyWorld) {
  Report all;
  LiveThroughAll({.first = 1,
                  .count = worlds_wanted,
                  .processes = std::max(1U, std::thread::hardware_concurrency())},
                 [&](const Report& report) {
                   EXPECT_EQ(report.faults, 0U)
                       << report.fault.data() << "\nlive through it again, and make it small: "
                       << "./run simulate --seeds 1 --first " << report.seed;
                   all.suspicions += report.suspicions;
                   all.deaths += report.deaths;
                   all.corroborated += report.corroborated;
                   all.suppressed += report.suppressed;
                   all.recoveries += report.recoveries;
                   all.answers += report.answers;
                   all.frames += report.frames;
                   all.adoptions += report.adoptions;
                   all.control_deaths += report.control_deaths;
                   all.power_cuts += report.power_cuts;
                   all.snapshots += report.snapshots;
                   all.lease_rows += report.lease_rows;
                   all.scales += report.scales;
                   all.eased += report.eased;
                   all.journaled += report.journaled;
                   all.tenures += report.tenures;
                   all.holds += report.holds;
                 });
  std::cout << "seeds 1 to " << worlds_wanted << ": " << all.frames << " frames, " << all.suspicions
            << " suspicions, " << all.deaths << " deaths (" << all.corroborated
            << " corroborated), " << all.recoveries << " recoveries, " << all.answers
            << " answers, " << all.adoptions << " adoptions, " << all.control_deaths
            << " deaths of control, " << all.power_cuts << " power cuts, " << all.journaled
            << " records journaled (" << all.suppressed << " suppressed), " << all.snapshots
            << " snapshots (with " << all.lease_rows << " leases), " << all.scales
            << " scales of suspicion (" << all.eased << " were over untold), " << all.tenures
            << " tenures of leases, " << all.holds << " holds of guards\n";
  // The worlds must have put the claim to the test.
  EXPECT_GT(all.suspicions, worlds_wanted);
  EXPECT_GT(all.deaths, worlds_wanted);
  EXPECT_GT(all.corroborated, worlds_wanted / 20);
  EXPECT_GT(all.suppressed, worlds_wanted);
  EXPECT_GT(all.recoveries, worlds_wanted);
  EXPECT_GT(all.answers, 10 * worlds_wanted);
  EXPECT_GT(all.adoptions, worlds_wanted / 2);
  EXPECT_GT(all.control_deaths, worlds_wanted);
  EXPECT_GT(all.power_cuts, worlds_wanted / 10);
  EXPECT_GT(all.snapshots, worlds_wanted / 10);
  EXPECT_GT(all.lease_rows, worlds_wanted / 10);
  EXPECT_GT(all.scales, worlds_wanted);
  EXPECT_GT(all.eased, worlds_wanted / 10);
  EXPECT_GT(all.tenures, worlds_wanted);
  EXPECT_GT(all.holds, worlds_wanted / 4);
}

}  // namespace
}  // namespace flatline

int main(int argc, char** argv) {
  const tbb::global_control one_thread(tbb::global_control::max_allowed_parallelism, 1);
  spdlog::set_level(spdlog::level::off);
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument(argv[i]);
    if (argument.starts_with("--worlds=")) {
      flatline::worlds_wanted = std::stoull(argv[i] + 9);
    }
  }
  return RUN_ALL_TESTS();
}
