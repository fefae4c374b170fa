// What it costs control to take transitions out of the workers' rings, in order: the ring alone,
// and the merge of several.
#include "control/region/transition_reader.h"
#include "tests/control/invented_region.h"

#include <cstdint>

#include <benchmark/benchmark.h>

namespace flatline {
namespace {

constexpr std::uint32_t kEntries = 4096;

// Pushed and released, 4096 at a time.
void PassThroughOneRing(benchmark::State& state) {
  InventedRegion region({.transitions = kEntries});
  TransitionConsumer consumer(region.view().dataplane().transition_heads[0],
                              region.view().control().transition_tails[0],
                              region.view().transitions(0));
  const Transition told;
  for (auto _ : state) {  // NOLINT(clang-analyzer-deadcode.DeadStores): the library's loop
    while (region.Push(0, told)) {
    }
    std::uint64_t sum = 0;
    const std::uint64_t head = consumer.head();
    for (std::uint64_t i = consumer.tail(); i != head; ++i) {
      sum += consumer.At(i).id;
    }
    benchmark::DoNotOptimize(sum);
    consumer.Release(head);
  }
  state.SetItemsProcessed(state.iterations() * kEntries);
}

// Likewise, through the reader, dealt out to so many workers.
void MergeWorkers(benchmark::State& state) {
  const auto workers = static_cast<std::uint32_t>(state.range(0));
  InventedRegion region({.workers = workers, .transitions = kEntries});
  TransitionReader reader(region.view());
  std::int64_t now = 1;
  for (auto _ : state) {  // NOLINT(clang-analyzer-deadcode.DeadStores): the library's loop
    for (std::uint32_t i = 0; i < kEntries; ++i) {
      static_cast<void>(region.PushDeath(i % workers, i + 1, ++now));
    }
    for (unsigned worker = 0; worker < workers; ++worker) {
      region.Published(worker, now);
    }
    const auto told = reader.Read(Instant{Duration{now}}, kEntries);
    benchmark::DoNotOptimize(told->data());
    reader.Release(told->size());
  }
  state.SetItemsProcessed(state.iterations() * kEntries);
}

BENCHMARK(PassThroughOneRing);
BENCHMARK(MergeWorkers)->Arg(1)->Arg(4)->Arg(16);

}  // namespace
}  // namespace flatline
