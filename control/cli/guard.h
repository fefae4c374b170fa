// `flatline guard`: forces the guard over the fleet either way, or leaves it to its numbers. By an
// order to control, as enrol is; `flatline status` says how the guard stands.
#pragma once

#include "control/cli/verb.h"

namespace flatline::cli {

void AddGuardVerb(CLI::App& app, Invocation& invocation);

}  // namespace flatline::cli
