// `flatline contract`: what profiles promise, and whether the paths to their endpoints let them
// keep it. Reads the configuration and, twice, the region.
#pragma once

#include "control/cli/verb.h"

namespace flatline::cli {

void AddContractVerb(CLI::App& app, Invocation& invocation);

}  // namespace flatline::cli
