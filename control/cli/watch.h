// `flatline watch`: follows the stream of verdicts, one line a record, through restarts of control.
// A subscriber like any other.
#pragma once

#include "control/cli/verb.h"

namespace flatline::cli {

void AddWatchVerb(CLI::App& app, Invocation& invocation);

}  // namespace flatline::cli
