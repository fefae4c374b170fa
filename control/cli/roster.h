// `flatline roster load|show|export`: names, labels and groups for control and for the tools.
#pragma once

#include "control/cli/verb.h"

namespace flatline::cli {

void AddRosterVerb(CLI::App& app, Invocation& invocation);

}  // namespace flatline::cli
