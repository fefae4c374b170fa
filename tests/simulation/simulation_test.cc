// A few hundred simulated worlds, each from a seed, each ten thousand turns of the whole engine.
// `--seed=N` lives through one of them again; `--worlds=N` through more than usual.
#include "tests/simulation/world.h"

#include <cstdint>
#include <iostream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace flatline {
namespace {

struct Options {
  std::uint64_t first = 1;
  std::uint64_t worlds = 300;
};

Options& TheOptions() {
  static Options options;
  return options;
}

TEST(Simulation, NoVerdictContradictsTheTruthInAnyWorld) {
  Tidings all;
  for (std::uint64_t i = 0; i < TheOptions().worlds; ++i) {
    const std::uint64_t seed = TheOptions().first + i;
    const Tidings tidings = World(seed).Run();
    std::cout << tidings.frames << " frames " << tidings.suspicions << " s " << tidings.deaths
              << " d\n";
    for (const std::string& fault : tidings.faults) {
      ADD_FAILURE() << "--seed=" << seed << ": " << fault;
    }
    ASSERT_TRUE(tidings.faults.empty()) << "live through it again with --seed=" << seed;
    all.suspicions += tidings.suspicions;
    all.deaths += tidings.deaths;
    all.recoveries += tidings.recoveries;
    all.frames += tidings.frames;
    all.adoptions += tidings.adoptions;
    all.handed_over += tidings.handed_over;
  }
  std::cout << "seeds " << TheOptions().first << " to "
            << TheOptions().first + TheOptions().worlds - 1 << ": " << all.frames << " frames, "
            << all.handed_over << " handed over, " << all.suspicions << " suspicions, "
            << all.deaths << " deaths, " << all.recoveries << " recoveries, " << all.adoptions
            << " adoptions\n";
  if (TheOptions().worlds >= 300) {  // the worlds must have put the claim to the test
    EXPECT_GT(all.suspicions, 1000U);
    EXPECT_GT(all.deaths, 1000U);
    EXPECT_GT(all.recoveries, 500U);
    EXPECT_GT(all.adoptions, 100U);
    EXPECT_GT(all.handed_over, 1000U);
  }
}

}  // namespace
}  // namespace flatline

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument(argv[i]);
    if (argument.starts_with("--seed=")) {
      flatline::TheOptions() = {.first = std::stoull(argv[i] + 7), .worlds = 1};
    } else if (argument.starts_with("--worlds=")) {
      flatline::TheOptions().worlds = std::stoull(argv[i] + 9);
    }
  }
  return RUN_ALL_TESTS();
}
