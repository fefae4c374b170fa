// What time costs: the visits that a beating fleet causes, for each heartbeat, and a whole fleet
// that falls silent in one tick. Measures wheel, detector, records and the transition ring in
// bounded turns; not the heartbeats' own stamps, not control, which is taken to keep up.
#include "bench/fleet_in_memory.h"

#include <algorithm>
#include <chrono>

#include <benchmark/benchmark.h>

namespace flatline {
namespace {

constexpr std::size_t kBudget = 1024;  // steps a turn, as in a worker

TransitionProducer RingOf(const FleetInMemory& fleet) {
  return {fleet.region().dataplane().transition_heads[0],
          fleet.region().control().transition_tails[0],
          fleet.region().transitions(0)};
}

Moment At(HearingInstant hearing) {
  return {.now = Instant{hearing.time_since_epoch()}, .hearing = hearing, .horizon = hearing};
}

// A virtual second, in which every endpoint beats once: its stamps are written without being
// measured, and the visits of the same second are. Items are heartbeats.
void VisitBeatingFleet(benchmark::State& state) {
  FleetInMemory& fleet = FleetOf(state.range(0));
  fleet.Populate();
  fleet.Start();
  TransitionProducer ring = RingOf(fleet);
  Tally tally;
  const auto records = fleet.region().records();
  const std::size_t slice = fleet.order().size() / 1000;
  HearingInstant now = FleetInMemory::kStart;
  while (state.KeepRunning()) {
    Duration spent{};
    for (std::size_t ms = 0; ms < 1000; ++ms) {
      now += Milliseconds(1);
      for (std::size_t i = ms * slice; i < (ms + 1) * slice; ++i) {
        records[fleet.order()[i] - 1].heard.store(Heard{StampOf(now), 1}.Pack(),
                                                  std::memory_order_relaxed);
      }
      const auto before = std::chrono::steady_clock::now();
      while (fleet.shard().Expire(At(now), kBudget, ring, tally)) {
      }
      spent += std::chrono::steady_clock::now() - before;
    }
    state.SetIterationTime(std::chrono::duration<double>(spent).count());
  }
  if (fleet.shard().table().count(Liveness::kAlive) != fleet.order().size()) {
    state.SkipWithError("a beating endpoint was suspected");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(slice * 1000));
  state.counters["visits_per_heartbeat"] =
      static_cast<double>(tally.values[static_cast<std::size_t>(Counter::kVisits)]) /
      static_cast<double>(state.items_processed());
}

// Everybody silent since the same instant: suspect in one tick. The ring is emptied by turns.
void WholeFleetFallsSilent(benchmark::State& state) {
  FleetInMemory& fleet = FleetOf(state.range(0));
  Tally tally;
  Duration longest{};
  std::uint64_t told = 0;
  while (state.KeepRunning()) {
    fleet.Populate();
    fleet.Start();
    TransitionProducer ring = RingOf(fleet);
    // The first visits, which put each block where it belongs.
    while (fleet.shard().Expire(At(FleetInMemory::kStart + kTick), kBudget, ring, tally)) {
    }
    const std::uint64_t first = ring.pushed();
    const Moment after = At(FleetInMemory::kStart + Milliseconds(3'010));
    Duration spent{};
    bool more = true;
    while (more) {
      const auto before = std::chrono::steady_clock::now();
      more = fleet.shard().Expire(after, kBudget, ring, tally);
      const Duration turn = std::chrono::steady_clock::now() - before;
      spent += turn;
      longest = std::max(longest, turn);
      fleet.region().control().transition_tails[0].value.store(ring.pushed(),
                                                               std::memory_order_relaxed);
    }
    told += ring.pushed() - first;
    state.SetIterationTime(std::chrono::duration<double>(spent).count());
  }
  if (told != static_cast<std::uint64_t>(state.iterations() * state.range(0))) {
    state.SkipWithError("not everybody was told of");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(told));
  state.counters["longest_turn_us"] = static_cast<double>(longest.count()) / 1e3;
  fleet.Populate();
  fleet.Start();
}

// A restart: index, slots and wheel from the records of the region, their memory included.
void Adopt(benchmark::State& state) {
  FleetInMemory& fleet = FleetOf(state.range(0));
  fleet.Populate();
  while (state.KeepRunning()) {
    fleet.Start();
  }
  if (fleet.shard().table().size() != fleet.order().size()) {
    state.SkipWithError("not everybody was adopted");
  }
  state.SetItemsProcessed(state.iterations() *
                          static_cast<std::int64_t>(fleet.shard().table().capacity()));
}

BENCHMARK(Adopt)->Arg(100'000)->Arg(1'000'000)->Arg(10'000'000)->Unit(benchmark::kMillisecond);
BENCHMARK(VisitBeatingFleet)
    ->Arg(100'000)
    ->Arg(1'000'000)
    ->Arg(10'000'000)
    ->UseManualTime()
    ->Iterations(4)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(WholeFleetFallsSilent)
    ->Arg(100'000)
    ->Arg(1'000'000)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace flatline
