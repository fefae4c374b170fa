// An observation for people and for programs: `flatline status` and the frame of `flatline top`.
// Pure functions from data to text.
#pragma once

#include "control/cli/observation.h"

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace flatline::cli {

// `before`, where given, is an earlier look, for rates.
[[nodiscard]] std::string StatusText(const Observation& now,
                                     const std::optional<Observation>& before);
[[nodiscard]] nlohmann::ordered_json StatusJson(const Observation& now,
                                                const std::optional<Observation>& before);

struct FrameSize {
  int rows = 24;
  int columns = 80;
};

// Exactly `rows` lines of at most `columns` characters.
[[nodiscard]] std::vector<std::string> TopFrame(const Observation& now,
                                                const Observation& before,
                                                FrameSize size);

// "1.234ms", "3.5s", "2h5m": three or four digits, for people.
[[nodiscard]] std::string ShortDuration(Duration duration);

}  // namespace flatline::cli
