// `flatline status`: is it alive, does it hear, what has it counted. One look at the region, or two
// for rates. Changes nothing, waits for nobody.
#pragma once

#include "control/cli/verb.h"

namespace flatline::cli {

void AddStatusVerb(CLI::App& app, Invocation& invocation);

}  // namespace flatline::cli
