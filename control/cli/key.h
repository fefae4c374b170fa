// `flatline key`: makes, rotates and retires the master key of heartbeats, and derives from it the
// keys of endpoints, which is what agents are given. A running dataplane takes a change up at its
// next start, which is warm: nobody is called silent for it.
#pragma once

#include "control/cli/verb.h"

namespace flatline::cli {

void AddKeyVerb(CLI::App& app, Invocation& invocation);

}  // namespace flatline::cli
