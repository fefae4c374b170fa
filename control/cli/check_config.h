// `flatline check-config`: says everything that is wrong with a configuration, or prints the one
// that is in effect. Touches nothing but the file.
#pragma once

#include "control/cli/verb.h"

namespace flatline::cli {

void AddCheckConfigVerb(CLI::App& app, Invocation& invocation);

}  // namespace flatline::cli
