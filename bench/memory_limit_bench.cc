// The memory limit by itself, for a size in MiB, on transparent huge pages: the best depth of each
// prefetch hint, as rows. What `./run figures` prints is measured beside the pipeline, in its
// process (pipeline_bench); this is for looking at a machine.
#include "bench/memory_limit.h"
#include "dataplane/page_array.h"

#include <cstdio>
#include <cstdlib>

int main(int count, char** arguments) {
  const std::size_t mebibytes = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 640;
  if (mebibytes == 0 || mebibytes > 65536) {
    std::fputs("usage: memory_limit_bench [MEBIBYTES]\n", stderr);
    return 2;
  }
  auto memory = flatline::PageArray<std::byte>::Create(mebibytes << 20, "the array");
  if (!memory) {
    std::fprintf(stderr, "memory_limit_bench: %s\n", memory.error().c_str());
    return EXIT_FAILURE;
  }
  for (const auto& limit : flatline::MeasureMemoryLimits({memory->data(), memory->size()})) {
    std::printf("limit.lines_per_second_%s %.4g 1/s at depth %u\n",
                flatline::kPrefetchHintNames[static_cast<std::size_t>(limit.hint)],
                limit.lines_per_second,
                limit.depth);
  }
  return EXIT_SUCCESS;
}
