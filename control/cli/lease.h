// `flatline lease`: who holds which lease, read from the region; and `flatline lease begin`, which
// makes the file of the epoch of fencing tokens.
#pragma once

#include "control/cli/verb.h"

namespace flatline::cli {

void AddLeaseVerb(CLI::App& app, Invocation& invocation);

}  // namespace flatline::cli
