#include "tests/fuzz/replay.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

namespace flatline {
namespace {

using Input = std::vector<std::uint8_t>;

constexpr std::size_t kLongestInput = 4096;

std::vector<Input> ReadCorpus(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator{folder}) {
    if (entry.is_regular_file()) {
      paths.push_back(entry.path());
    }
  }
  std::ranges::sort(paths);
  std::vector<Input> out;
  for (const auto& path : paths) {
    std::ifstream in{path, std::ios::binary};
    out.emplace_back(std::istreambuf_iterator<char>{in}, std::istreambuf_iterator<char>{});
  }
  return out;
}

// The input lies in a buffer of exactly its size, for AddressSanitizer's sake.
void Give(const Input& input) {
  const Input exact(input.begin(), input.end());
  static_cast<void>(LLVMFuzzerTestOneInput(exact.data(), exact.size()));
}

// One to four changes: a byte set, a bit flipped, cut off, or grown.
Input Mutate(Input input, std::mt19937_64& random) {
  for (auto changes = 1 + random() % 4; changes > 0; --changes) {
    const auto at = static_cast<std::size_t>(random() % std::max<std::size_t>(input.size(), 1));
    switch (random() % 4) {
      case 0:
        input.resize(at);
        break;
      case 1:
        input.resize(std::min(input.size() + random() % 64, kLongestInput));
        break;
      case 2:
        if (!input.empty()) {
          input[at] = static_cast<std::uint8_t>(random());
        }
        break;
      default:
        if (!input.empty()) {
          input[at] = static_cast<std::uint8_t>(input[at] ^ (1U << (random() % 8)));
        }
    }
  }
  return input;
}

}  // namespace

std::size_t Replay(const std::filesystem::path& folder, const ReplayOptions& options) {
  std::mt19937_64 random{options.seed};
  std::size_t given = 0;
  for (const Input& input : ReadCorpus(folder)) {
    Give(input);
    ++given;
    for (unsigned mutant = 0; mutant < options.mutants; ++mutant, ++given) {
      Give(Mutate(input, random));
    }
  }
  return given;
}

}  // namespace flatline
