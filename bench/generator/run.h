// A run of the generator from its options to its exit status: makes the outlet, starts the judge,
// turns the traffic by the clock, prints. Called once, by main. Bounded: by the scenario's length
// and the judge's patience; SIGINT or SIGTERM end it early.
#pragma once

#include "bench/generator/options.h"

namespace flatline::generator {

// 0 passed, 1 failed, 3 something needed is not there.
[[nodiscard]] int Run(const Options& options);

}  // namespace flatline::generator
