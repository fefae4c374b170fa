// How many random 64-byte lines of an array one core can read and write in a second, at its best:
// a rolling prefetch so many lines ahead, by each hint the processor has and at several depths.
// Called once by a benchmark, over memory of the size and the pages of the table it measures.
// Measures memory and translation under full overlap and nothing else: no look-up, no frame, no
// branch on what was read. A heartbeat touches a line or two, so this is its ceiling. In seconds of
// the thread, not of the wall; takes about two seconds, and leaves the memory written over.
#pragma once

#include "bench/core_seconds.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace flatline {

enum class PrefetchHint : std::uint8_t { kT0, kT1, kT2, kNta, kWrite };

inline constexpr std::array<const char*, 5> kPrefetchHintNames{"t0", "t1", "t2", "nta", "w"};

struct MemoryLimit {
  double lines_per_second = 0;
  PrefetchHint hint = PrefetchHint::kT0;
  unsigned depth = 0;  // lines ahead
};

namespace memory_limit {

struct alignas(64) Line {
  std::uint64_t stamp;
  std::array<std::uint64_t, 7> rest;
};

inline constexpr std::array<unsigned, 5> kDepths{8, 16, 32, 64, 128};
inline constexpr unsigned kRounds = 5;  // each variant's rate is the median of so many
inline constexpr std::uint64_t kStepsPerRound = 1U << 20;

template <PrefetchHint kHint>
inline void Prefetch(const Line* line) noexcept {
  if constexpr (kHint == PrefetchHint::kWrite) {
#if defined(__x86_64__)
    asm volatile("prefetchw %0" : : "m"(*line));  // GCC writes prefetcht0 unless told the CPU
#else
    __builtin_prefetch(line, 1, 3);
#endif
  } else {
    __builtin_prefetch(line, 0, 3 - static_cast<int>(kHint));
  }
}

// Random places in the array: multiply-shift takes the high half, so any size will do.
class Places {
 public:
  Places(std::uint64_t seed, std::size_t lines) noexcept : state_(seed), lines_(lines) {}

  std::size_t Next() noexcept {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return ((state_ >> 32) * lines_) >> 32;
  }

 private:
  std::uint64_t state_;
  std::uint64_t lines_;
};

// Lines a second: each is asked for `kDepth` steps before it is read and written.
template <PrefetchHint kHint, unsigned kDepth>
double Rate(std::span<Line> lines, std::uint64_t seed, std::uint64_t steps) noexcept {
  static_assert(std::has_single_bit(kDepth));
  Places places(seed, lines.size());
  std::array<std::size_t, kDepth> ahead{};
  for (std::size_t& place : ahead) {
    place = places.Next();
    Prefetch<kHint>(&lines[place]);
  }
  const double begin = CoreSeconds();
  for (std::uint64_t step = 0; step < steps; ++step) {
    std::size_t& place = ahead[step & (kDepth - 1)];
    Line& line = lines[place];
    place = places.Next();
    Prefetch<kHint>(&lines[place]);
    line.stamp += step;
  }
  return static_cast<double>(steps) / (CoreSeconds() - begin);
}

using RateOf = double (*)(std::span<Line>, std::uint64_t, std::uint64_t);

template <PrefetchHint kHint>
constexpr std::array<RateOf, kDepths.size()> RatesOf() {
  return {&Rate<kHint, 8>, &Rate<kHint, 16>, &Rate<kHint, 32>, &Rate<kHint, 64>, &Rate<kHint, 128>};
}

inline double Median(std::array<double, kRounds> rates) {
  std::ranges::sort(rates);
  return rates[kRounds / 2];
}

}  // namespace memory_limit

// The best depth of each hint, by hint. `memory` is mapped, at least a line and at most 2^32; its
// contents are lost.
inline std::array<MemoryLimit, kPrefetchHintNames.size()> MeasureMemoryLimits(
    std::span<std::byte> memory) {
  using memory_limit::kDepths;
  using memory_limit::kRounds;
  using memory_limit::Line;
  using memory_limit::RatesOf;
  static constexpr std::array kRates{RatesOf<PrefetchHint::kT0>(),
                                     RatesOf<PrefetchHint::kT1>(),
                                     RatesOf<PrefetchHint::kT2>(),
                                     RatesOf<PrefetchHint::kNta>(),
                                     RatesOf<PrefetchHint::kWrite>()};
  const std::span lines(reinterpret_cast<Line*>(memory.data()), memory.size() / sizeof(Line));
  const std::uint64_t steps =
      std::min<std::uint64_t>(memory_limit::kStepsPerRound, 16 * lines.size());
  // Round by round and not variant by variant: so none is served by what another left in a cache.
  std::array<std::array<std::array<double, kRounds>, kDepths.size()>, kRates.size()> rates{};
  for (unsigned round = 0; round <= kRounds; ++round) {
    for (std::size_t hint = 0; hint < kRates.size(); ++hint) {
      for (std::size_t depth = 0; depth < kDepths.size(); ++depth) {
        const std::uint64_t seed = (round * kRates.size() + hint) * kDepths.size() + depth + 1;
        const double rate = kRates[hint][depth](lines, seed * 0x9E3779B97F4A7C15ULL, steps);
        rates[hint][depth][round % kRounds] = rate;  // the last round replaces the first, cold one
      }
    }
  }
  std::array<MemoryLimit, kPrefetchHintNames.size()> out{};
  for (std::size_t hint = 0; hint < kRates.size(); ++hint) {
    for (std::size_t depth = 0; depth < kDepths.size(); ++depth) {
      const double rate = memory_limit::Median(rates[hint][depth]);
      if (rate > out[hint].lines_per_second) {
        out[hint] = {rate, static_cast<PrefetchHint>(hint), kDepths[depth]};
      }
    }
  }
  return out;
}

// The best of all: what `pipeline.ratio_to_memory_limit` divides by.
inline MemoryLimit MeasureMemoryLimit(std::span<std::byte> memory) {
  const auto limits = MeasureMemoryLimits(memory);
  return *std::ranges::max_element(limits, {}, &MemoryLimit::lines_per_second);
}

}  // namespace flatline
