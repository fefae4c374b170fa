// Puts control together out of its parts, as the configuration says, and runs it until it is told
// to stop. Called by main, once. The error is one line: what was needed, what was found, what to
// do.
#pragma once

#include "control/control_loop.h"

#include <flatline/config.h>

#include <expected>
#include <string>

namespace flatline {

[[nodiscard]] std::expected<void, std::string> RunControl(const Config& config, Wishes& wishes);

}  // namespace flatline
