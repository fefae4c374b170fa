// What translating an address costs where pages are large to us and small to the processor: the
// guest's 2 MiB pages are worth little where its host maps them in 4 KiB ones. A chase through so
// many lines that lie side by side, and through as many that lie one in each 4 KiB: both fit the
// second-level cache, both lie in a few of our huge pages, so what differs is translation alone.
// Called by a benchmark, over at least kBytes of memory on huge pages; their contents are lost.
#pragma once

#include "bench/core_seconds.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <span>
#include <vector>

namespace flatline {

struct Translation {
  double adjacent_ns = 0;   // a step, the lines side by side
  double scattered_ns = 0;  // a step, each line in a 4 KiB of its own
};

namespace translation {

inline constexpr std::size_t kLines = 8192;
inline constexpr std::size_t kAdjacent = 64;
inline constexpr std::size_t kScattered = 4096 + 64;  // another set of the caches each
inline constexpr std::size_t kBytes = kLines * kScattered;
inline constexpr std::uint64_t kSteps = 2'000'000;

// A ring through all lines, in an order that no prefetcher guesses. Returns ns a step.
inline double Chase(std::span<std::byte> memory, std::size_t stride) {
  std::vector<std::uint32_t> order(kLines);
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::shuffle(order, std::mt19937_64(1));
  const auto at = [&](std::size_t i) {
    return reinterpret_cast<void**>(memory.data() + order[i % kLines] * stride);
  };
  for (std::size_t i = 0; i < kLines; ++i) {
    *at(i) = static_cast<void*>(at(i + 1));
  }
  const auto walk = [](void** from, std::uint64_t steps) {
    for (std::uint64_t i = 0; i < steps; ++i) {
      from = static_cast<void**>(*from);
    }
    asm volatile("" : : "r"(from));
  };
  walk(at(0), kLines);
  const double begin = CoreSeconds();
  walk(at(0), kSteps);
  return (CoreSeconds() - begin) / static_cast<double>(kSteps) * 1e9;
}

}  // namespace translation

inline Translation MeasureTranslation(std::span<std::byte> memory) {
  return {.adjacent_ns = translation::Chase(memory, translation::kAdjacent),
          .scattered_ns = translation::Chase(memory, translation::kScattered)};
}

}  // namespace flatline
