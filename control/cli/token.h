// `flatline token`: makes, lists and revokes the tokens by which subscribers are let in over TCP.
// Works on the file that control.tokens names, which control reads anew on SIGHUP.
#pragma once

#include "control/cli/verb.h"

namespace flatline::cli {

void AddTokenVerb(CLI::App& app, Invocation& invocation);

}  // namespace flatline::cli
