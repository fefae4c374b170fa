// `flatline top`: the status, live, on a terminal of 80×24 or more; q quits. Reads the region a few
// times a second and nothing else, so it goes on beside a dataplane that hangs, and finds the next
// region when one is made.
#pragma once

#include "control/cli/verb.h"

namespace flatline::cli {

void AddTopVerb(CLI::App& app, Invocation& invocation);

}  // namespace flatline::cli
