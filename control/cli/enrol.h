// `flatline enrol` and `flatline retire`: put endpoints on the watch, and take them off it, one or
// a hundred million at once, over control's Unix socket. The two differ by one command.
#pragma once

#include "control/cli/verb.h"

namespace flatline::cli {

void AddEnrolVerb(CLI::App& app, Invocation& invocation);
void AddRetireVerb(CLI::App& app, Invocation& invocation);

}  // namespace flatline::cli
