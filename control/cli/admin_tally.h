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

struct AdminOrder {
  const char* verb;
  std::span<const AdminEntry> entries;
  std::size_t asked;  // so many of them count; those behind are parts, and count where they fail
};

[[nodiscard]] ExitCode CarryOut(const AdminOrder& order,
                                const AdminOptions& options,
                                const std::string& address,
                                const AdminAccess& access,
                                const Invocation& invocation);

}  // namespace flatline::cli
