// The limits of the machine by themselves, for a size in MiB, on transparent huge pages: random
// lines read and written by the best depth of each prefetch hint, and what the translation of
// addresses costs. Rows of `./run figures limit`. The limit that the pipeline is divided by is
// measured in its own process (pipeline_bench); this is for looking at a machine.
#include "bench/memory_limit.h"
#include "bench/translation.h"
#include "dataplane/page_array.h"

#include <cstdio>
#include <cstdlib>

int main(int count, char** arguments) {
  constexpr std::size_t kLeast = (flatline::translation::kBytes >> 20) + 1;
  const std::size_t mebibytes = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 320;
  if (mebibytes < kLeast || mebibytes > 65536) {
    std::fprintf(stderr, "usage: memory_limit_bench [MEBIBYTES], at least %zu\n", kLeast);
    return 2;
  }
  auto memory = flatline::PageArray<std::byte>::Create(mebibytes << 20, "the array");
  if (!memory) {
    std::fprintf(stderr, "memory_limit_bench: %s\n", memory.error().c_str());
    return EXIT_FAILURE;
  }
  const std::span<std::byte> bytes(memory->data(), memory->size());
  std::printf("limit.mebibytes %zu MiB\n", mebibytes);
  for (const auto& limit : flatline::MeasureMemoryLimits(bytes)) {
    const char* hint = flatline::kPrefetchHintNames[static_cast<std::size_t>(limit.hint)];
    std::printf("limit.lines_per_second_%s %.4g 1/s\n", hint, limit.lines_per_second);
    std::printf("limit.depth_%s %u lines\n", hint, limit.depth);
  }
  const flatline::Translation translation = flatline::MeasureTranslation(bytes);
  std::printf("limit.chase_adjacent_ns %.3g ns\n", translation.adjacent_ns);
  std::printf("limit.chase_scattered_ns %.3g ns\n", translation.scattered_ns);
  return EXIT_SUCCESS;
}
