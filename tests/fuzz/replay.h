// Replays a corpus through a fuzz target without a fuzzer: each file, then a few thousand mutants
// of each, from a seed. Called by replay_main (the ordinary tests) and by canary_test. A property
// that does not hold aborts the process, as it does under libFuzzer. Linear in files × mutants.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace flatline {

struct ReplayOptions {
  std::uint64_t seed = 1;
  unsigned mutants = 2000;  // of each file
};

// How many inputs were given to the target; 0 where the folder holds no file.
std::size_t Replay(const std::filesystem::path& folder, const ReplayOptions& options);

}  // namespace flatline
