// What entering, leaving and coming back after a restart cost, and what memory an endpoint takes.
// Measures the shard (index, slots, wheel together) on a table that is nearly full; not commands on
// their way, not the file.
#include "bench/fleet_in_memory.h"

#include <benchmark/benchmark.h>

namespace flatline {
namespace {

// Index, free lists and wheel from the records: the part of a restart that grows.
void AdoptTable(benchmark::State& state) {
  FleetInMemory& fleet = FleetOf(state.range(0));
  while (state.KeepRunning()) {
    fleet.Start();
  }
  if (fleet.shard().table().size() != fleet.order().size()) {
    state.SkipWithError("endpoints were lost");
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["bytes_per_endpoint"] = fleet.BytesPerEndpoint();
}

// One endpoint retired and enrolled again, in random order, with its transition and its quarantine.
void RetireAndEnrol(benchmark::State& state) {
  FleetInMemory& fleet = FleetOf(state.range(0));
  Shard& shard = fleet.shard();
  TransitionProducer ring(fleet.region().dataplane().transition_heads[0],
                          fleet.region().control().transition_tails[0],
                          fleet.region().transitions(0));
  Tally tally;
  std::size_t at = 0;
  Duration time{};
  std::uint64_t failed = 0;
  while (state.KeepRunning()) {
    time += Duration{1'000};
    const Moment moment{.now = Instant{time},
                        .hearing = FleetInMemory::kStart + time,
                        .horizon = FleetInMemory::kStart + time - Duration{500}};
    shard.Reclaim(moment);
    Command command{.id = fleet.order()[at], .profile = FleetInMemory::kProfile};
    for (const CommandKind kind : {CommandKind::kRetire, CommandKind::kEnrol}) {
      command.kind = kind;
      const auto result = shard.Execute(command, moment, ring, tally);
      failed += result && result->status == CommandStatus::kDone ? 0 : 1;
    }
    at = at + 1 == fleet.order().size() ? 0 : at + 1;
    fleet.region().control().transition_tails[0].value.store(ring.pushed(),
                                                             std::memory_order_relaxed);
  }
  if (failed != 0) {
    state.SkipWithError("a command failed");
  }
  state.SetItemsProcessed(state.iterations());
  fleet.Populate();
  fleet.Start();
}

BENCHMARK(AdoptTable)->Arg(100'000)->Arg(10'000'000)->Unit(benchmark::kMillisecond);
BENCHMARK(RetireAndEnrol)->Arg(100'000)->Arg(10'000'000);

}  // namespace
}  // namespace flatline
