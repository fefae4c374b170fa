// Makes a climate in which a world fails as mild as it can be: fewer kinds of misfortune, fewer
// endpoints, a shorter life, for as long as it still fails. Pure but for what `fails` does; ends
// after so many calls of it at the latest.
#pragma once

#include "tests/simulation/climate.h"

#include <functional>

namespace flatline {

inline constexpr int kMostShrinkingTries = 400;

[[nodiscard]] Climate Shrink(Climate climate,
                             const std::function<bool(const Climate&)>& fails,
                             int tries = kMostShrinkingTries);

}  // namespace flatline
