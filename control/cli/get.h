// `flatline get`: what the table says of one endpoint. Reads the region; scans the share of
// the table that its owner has.
#pragma once

#include "control/cli/verb.h"

namespace flatline::cli {

void AddGetVerb(CLI::App& app, Invocation& invocation);

}  // namespace flatline::cli
