// A scenario out of its TOML file. Strict: an unknown key, a bad unit or a contradiction is an
// error with file, line, column and what to write instead; README.md lists every key. Called once,
// at start. Needs the whole file in memory.
#pragma once

#include "bench/generator/scenario.h"

#include <expected>
#include <string>
#include <string_view>

namespace flatline::generator {

// The scenario, not yet validated as a whole; or every error found, one a line.
[[nodiscard]] std::expected<Scenario, std::string> ReadScenario(const std::string& path);

// The same from text; `name` stands for the file in messages.
[[nodiscard]] std::expected<Scenario, std::string> ParseScenario(std::string_view text,
                                                                 const std::string& name);

}  // namespace flatline::generator
