// What came of entries that control was given: carried out in order, counted by status, the first
// failures named, in words or as JSON; and the exit code that follows. Used by enrol, retire and
// maintain. Bounds: kMostListed failures are named.
#pragma once

#include "control/cli/admin_options.h"
#include "control/cli/verb.h"

#include <flatline/client.h>
#include <flatline/delivery.h>

#include <cstddef>
#include <span>
#include <string>

namespace flatline::cli {

// The first `asked` entries count; those behind are parts of them, and count where they fail.
[[nodiscard]] ExitCode CarryOut(const char* verb,
                                const AdminOptions& options,
                                const std::string& address,
                                std::span<const AdminEntry> entries,
                                std::size_t asked,
                                const AdminAccess& access,
                                const Invocation& invocation);

}  // namespace flatline::cli
