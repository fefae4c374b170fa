// What finding and stamping an endpoint costs, in random order, by the index and by its handle: the
// part of a heartbeat that waits for memory. Measures look-up, the checks of Consider, the stamp
// and the arrival statistics, in bursts of 64 with prefetch; not packets, not the wheel.
#include "bench/fleet_in_memory.h"
#include "dataplane/endpoint_index.h"

#include <array>

#include <benchmark/benchmark.h>

namespace flatline {
namespace {

// Ids in random order, a burst at a time, round and round, with a sequence that grows.
class Stream {
 public:
  explicit Stream(const std::vector<EndpointId>& order) : order_(order) {}

  std::span<const EndpointId> Next() {
    if (at_ + kLookupBurst > order_.size()) {
      at_ = 0;
      ++sequence_;
    }
    const auto out = std::span(order_).subspan(at_, kLookupBurst);
    at_ += kLookupBurst;
    return out;
  }

  [[nodiscard]] std::uint32_t sequence() const { return sequence_; }

 private:
  const std::vector<EndpointId>& order_;
  std::size_t at_ = 0;
  std::uint32_t sequence_ = 1;
};

// One heartbeat whose record is known. Counts what is not routine, so that none goes unseen.
std::uint64_t Stamp1(EndpointRecord& record, const Heartbeat& heartbeat, const Shard& shard) {
  const RecordView seen = View(record);
  const Consideration it = shard.detector().Consider(seen, heartbeat, Arrived::kFromNetwork);
  if (!it.stamps || it.concerns_owner) [[unlikely]] {
    return 1;
  }
  StampOwn(record, heartbeat.sequence, seen.heard.stamp + 1);
  NoteGap(record, seen, shard.detector().sampling(), heartbeat.sequence, seen.heard.stamp + 1);
  return 0;
}

// Sequences go on from one benchmark to the next: a fleet serves several.
std::uint32_t& SequenceBase() {
  static std::uint32_t base = 0;
  return base;
}

template <typename Locate>
void StampFleet(benchmark::State& state, FleetInMemory& fleet, const Locate& locate) {
  Stream stream(fleet.order());
  const auto records = fleet.region().records();
  std::uint64_t unusual = 0;
  std::array<Slot, kLookupBurst> slots{};
  Heartbeat heartbeat{.incarnation = 1, .health = Health::kReady};
  while (state.KeepRunning()) {
    const auto ids = stream.Next();
    locate(ids, slots);
    heartbeat.sequence = SequenceBase() + stream.sequence();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      unusual += records[slots[i]].id.load(std::memory_order_relaxed) == ids[i] ? 0 : 1;
      unusual += Stamp1(records[slots[i]], heartbeat, fleet.shard());
    }
  }
  SequenceBase() += stream.sequence();
  if (unusual != 0) {
    state.SkipWithError("some heartbeats were not routine");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kLookupBurst));
}

void FindAndStampByIndex(benchmark::State& state) {
  FleetInMemory& fleet = FleetOf(state.range(0));
  const std::array<const EndpointIndex*, 1> shards{&fleet.shard().index()};
  const IndexSet set{shards, fleet.region().records(), fleet.region().header().hash_key};
  StampFleet(
      state, fleet, [&](std::span<const EndpointId> ids, std::array<Slot, kLookupBurst>& slots) {
        set.FindBurst(ids, slots);
      });
  state.counters["index_bytes"] =
      static_cast<double>(fleet.shard().index().bytes()) / static_cast<double>(state.range(0));
  state.counters["displaced"] =
      static_cast<double>(fleet.shard().index().displaced()) / static_cast<double>(state.range(0));
}

// Populate gave endpoint i + 1 the slot i: as if each sender had told its handle.
void StampByHandle(benchmark::State& state) {
  FleetInMemory& fleet = FleetOf(state.range(0));
  const auto records = fleet.region().records();
  StampFleet(
      state, fleet, [&](std::span<const EndpointId> ids, std::array<Slot, kLookupBurst>& slots) {
        for (std::size_t i = 0; i < ids.size(); ++i) {
          slots[i] = static_cast<Slot>(ids[i] - 1);
          __builtin_prefetch(&records[slots[i]], 1);
        }
      });
}

// An id that is not there: closed enrolment under a flood of strangers.
void FindNobody(benchmark::State& state) {
  FleetInMemory& fleet = FleetOf(state.range(0));
  const std::array<const EndpointIndex*, 1> shards{&fleet.shard().index()};
  const IndexSet set{shards, fleet.region().records(), fleet.region().header().hash_key};
  std::array<EndpointId, kLookupBurst> ids{};
  std::array<Slot, kLookupBurst> slots{};
  EndpointId next = EndpointId{1} << 40;
  while (state.KeepRunning()) {
    for (EndpointId& id : ids) {
      id = next++;
    }
    set.FindBurst(ids, slots);
    benchmark::DoNotOptimize(slots);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kLookupBurst));
}

BENCHMARK(FindAndStampByIndex)->Arg(100'000)->Arg(10'000'000);
BENCHMARK(StampByHandle)->Arg(100'000)->Arg(10'000'000);
BENCHMARK(FindNobody)->Arg(100'000)->Arg(10'000'000);

}  // namespace
}  // namespace flatline
