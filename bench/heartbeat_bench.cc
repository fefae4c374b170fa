// What decoding and encoding a heartbeat cost, by the dataplane's header and by the agents' C one.
#include <flatline/agent.h>
#include <flatline/heartbeat.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <benchmark/benchmark.h>

namespace flatline {
namespace {

constexpr std::size_t kDatagrams = 1024;  // 40 kB: in the first or second cache, as after a burst
using Datagram = std::array<std::byte, kHeartbeatSize>;

std::vector<Datagram> MakeDatagrams() {
  std::vector<Datagram> out(kDatagrams);
  for (std::size_t i = 0; i < kDatagrams; ++i) {
    EncodeHeartbeat({.id = i + 1, .incarnation = 1, .sequence = 2, .handle = static_cast<Slot>(i)},
                    out[i]);
  }
  return out;
}

void DecodeHeartbeats(benchmark::State& state) {
  const auto datagrams = MakeDatagrams();
  std::size_t at = 0;
  for (auto _ : state) {  // NOLINT(clang-analyzer-deadcode.DeadStores): the library's loop
    auto heartbeat = DecodeHeartbeat(datagrams[at]);
    benchmark::DoNotOptimize(heartbeat);
    at = (at + 1) % kDatagrams;
  }
  state.SetItemsProcessed(state.iterations());
}

void EncodeHeartbeats(benchmark::State& state) {
  Datagram out{};
  Heartbeat heartbeat{.id = 7, .handle = 3};
  for (auto _ : state) {  // NOLINT(clang-analyzer-deadcode.DeadStores): the library's loop
    ++heartbeat.sequence;
    EncodeHeartbeat(heartbeat, out);
    benchmark::DoNotOptimize(out);
  }
  state.SetItemsProcessed(state.iterations());
}

void EncodeAsAnAgent(benchmark::State& state) {
  std::array<std::uint8_t, kFlatlineLargestHeartbeat> out{};
  FlatlineAgent agent{};
  agent.id = 7;
  for (auto _ : state) {  // NOLINT(clang-analyzer-deadcode.DeadStores): the library's loop
    benchmark::DoNotOptimize(FlatlineEncodeHeartbeat(&agent, 1, out.data()));
    benchmark::DoNotOptimize(out);
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK(DecodeHeartbeats);
BENCHMARK(EncodeHeartbeats);
BENCHMARK(EncodeAsAnAgent);

}  // namespace
}  // namespace flatline
