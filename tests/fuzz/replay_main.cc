// x_replay FOLDER [SEED [MUTANTS]]: the fuzz target it is linked with, over a corpus and mutants of
// it.
#include "tests/fuzz/replay.h"

#include <cstdio>
#include <cstdlib>
#include <exception>

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s FOLDER [SEED [MUTANTS]]\n", argv[0]);
    return 2;
  }
  try {
    flatline::ReplayOptions options;
    if (argc > 2) {
      options.seed = std::strtoull(argv[2], nullptr, 10);
    }
    if (argc > 3) {
      options.mutants = static_cast<unsigned>(std::strtoul(argv[3], nullptr, 10));
    }
    std::printf("seed %llu\n", static_cast<unsigned long long>(options.seed));
    static_cast<void>(std::fflush(stdout));  // an abort would lose it
    const std::size_t given = flatline::Replay(argv[1], options);
    std::printf("%zu inputs\n", given);
    return given > 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
