// `flatline agent`: beats for one endpoint or a few over a UDP socket of the kernel's, as a program
// that includes agent.h would; listens to acknowledgements, and takes its leave where asked to.
// Needs neither a region nor control. Runs until its time is over or a signal ends it.
#pragma once

#include "control/cli/verb.h"

namespace flatline::cli {

void AddAgentVerb(CLI::App& app, Invocation& invocation);

}  // namespace flatline::cli
