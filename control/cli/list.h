// `flatline list`: the endpoints of the table, or those that pass the filters. Reads the
// region in one pass, so a busy table is seen as it was at slightly different instants.
#pragma once

#include "control/cli/verb.h"

namespace flatline::cli {

void AddListVerb(CLI::App& app, Invocation& invocation);

}  // namespace flatline::cli
