// Everything that is random in a simulated world comes from here, and so from one seed.
#pragma once

#include <flatline/time.h>

#include <cstdint>
#include <random>

namespace flatline {

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : engine_(seed) {}

  // True once in `n` times.
  bool OneIn(std::uint64_t n) { return engine_() % n == 0; }

  // From 0 to n - 1.
  std::uint64_t Below(std::uint64_t n) { return engine_() % n; }

  // From a to b.
  Duration Between(Duration a, Duration b) {
    return a + Duration{static_cast<std::int64_t>(
                   engine_() % (static_cast<std::uint64_t>((b - a).count()) + 1))};
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace flatline
