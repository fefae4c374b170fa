// The frequency of the processor's time-stamp counter, measured against the steady clock: turns a
// rate into the cycles that benchmarks are told in. Called once by a benchmark. The counter runs at
// one rate whatever the core's own; where there is none, the result is that of a nanosecond clock.
// Takes 50 ms.
#pragma once

#include <chrono>
#include <cstdint>

namespace flatline {

inline std::uint64_t Cycles() noexcept {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#else
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

inline double CyclesPerSecond() {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  const std::uint64_t first = Cycles();
  Clock::duration passed{};
  while (passed < std::chrono::milliseconds(50)) {
    passed = Clock::now() - begin;
  }
  return static_cast<double>(Cycles() - first) / std::chrono::duration<double>(passed).count();
}

}  // namespace flatline
