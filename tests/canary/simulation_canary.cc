// Linked with a source in which a bug was planted: the simulation must find it. Lives through
// worlds until one fails, with the fault that the bug is known by, and fails if none does.
#include "tests/simulation/apart.h"

#include <cstdint>
#include <iostream>
#include <spdlog/spdlog.h>
#include <string_view>

#include <oneapi/tbb/global_control.h>

int main(int argc, char** argv) {
  constexpr std::uint64_t kMostWorlds = 300;
  const tbb::global_control one_thread(tbb::global_control::max_allowed_parallelism, 1);
  spdlog::set_level(spdlog::level::off);
  const std::string_view known_by = argc == 2 ? argv[1] : "";
  for (std::uint64_t seed = 1; seed <= kMostWorlds; ++seed) {
    const flatline::Report report =
        flatline::LiveThroughApart(seed, flatline::World::ClimateOf(seed));
    const std::string_view fault(report.fault.data());
    if (report.faults != 0 && fault.find(known_by) != std::string_view::npos) {
      std::cout << "found in world " << seed << ": " << fault << "\n";
      return 0;
    }
  }
  std::cout << "not found in " << kMostWorlds << " worlds\n";
  return 1;
}
