// How many look-ups one core can make in a second, at its best, where nothing else is to be done:
// a random line of an array, then one of a larger array whose place depends on what the first said,
// read and written; both asked for with a rolling prefetch into the first-level cache. The arrays
// are to each other as the index is to the records. Called once by a benchmark, over memory of the
// size and the pages of the table it measures: the ceiling of a heartbeat by the index, as
// bench/memory_limit.h is that of one by handle. No frame, no comparison, no branch on what was
// read. In seconds of the thread; takes about a second, and leaves the memory written over.
#pragma once

#include "bench/core_seconds.h"
#include "bench/memory_limit.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace flatline {
namespace lookup_limit {

// 64 bytes of the index to nine endpoints, and 288 of the records.
inline constexpr std::size_t kIndexShare = 1;
inline constexpr std::size_t kRecordsShare = 9 * 32 / 64;

// Look-ups a second, `kDepth` steps between the stages.
template <unsigned kDepth>
double Rate(std::span<memory_limit::Line> index,
            std::span<memory_limit::Line> records,
            std::uint64_t seed,
            std::uint64_t steps) noexcept {
  using memory_limit::Line;
  using memory_limit::Prefetch;
  memory_limit::Places buckets(seed, index.size());
  memory_limit::Places places(~seed, records.size());
  std::array<const Line*, kDepth> asked{};
  std::array<Line*, kDepth> found{};
  asked.fill(index.data());
  found.fill(records.data());
  const double begin = CoreSeconds();
  for (std::uint64_t step = 0; step < steps; ++step) {
    const Line*& bucket = asked[step & (kDepth - 1)];
    Line*& record = found[step & (kDepth - 1)];
    record->stamp += step;
    record = &records[places.Next() + bucket->rest[0]];  // 0, which the compiler does not know
    Prefetch<PrefetchHint::kNta>(record);
    bucket = &index[buckets.Next()];
    Prefetch<PrefetchHint::kNta>(bucket);
  }
  return static_cast<double>(steps) / (CoreSeconds() - begin);
}

}  // namespace lookup_limit

// Of the depths, the best; each rate the median of rounds. `memory` is mapped, at least 64 lines.
inline double MeasureLookupLimit(std::span<std::byte> memory) {
  using memory_limit::Line;
  static constexpr std::array kRates{
      &lookup_limit::Rate<8>, &lookup_limit::Rate<16>, &lookup_limit::Rate<32>};
  const std::span lines(reinterpret_cast<Line*>(memory.data()), memory.size() / sizeof(Line));
  constexpr std::size_t kShares = lookup_limit::kIndexShare + lookup_limit::kRecordsShare;
  const std::span index = lines.first(lines.size() * lookup_limit::kIndexShare / kShares);
  const std::span records = lines.subspan(index.size());
  for (Line& bucket : index) {
    bucket.rest[0] = 0;
  }
  const std::uint64_t steps =
      std::min<std::uint64_t>(memory_limit::kStepsPerRound, 16 * lines.size());
  double best = 0;
  for (std::size_t depth = 0; depth < kRates.size(); ++depth) {
    std::array<double, memory_limit::kRounds> rates{};
    for (unsigned round = 0; round <= memory_limit::kRounds; ++round) {
      const std::uint64_t seed = (round * kRates.size() + depth + 1) * 0x9E3779B97F4A7C15ULL;
      // The last round replaces the first, cold one.
      rates[round % memory_limit::kRounds] = kRates[depth](index, records, seed, steps);
    }
    best = std::max(best, memory_limit::Median(rates));
  }
  return best;
}

}  // namespace flatline
