// `flatline maintain`: silences endpoints or groups until a time, ends that, or lists who is
// silenced. By an order to control, as enrol is; the list is read from the file that control keeps.
#pragma once

#include "control/cli/verb.h"

namespace flatline::cli {

void AddMaintainVerb(CLI::App& app, Invocation& invocation);

}  // namespace flatline::cli
