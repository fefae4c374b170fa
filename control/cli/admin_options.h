// Where a verb that administers finds control, and what it shows there: the options that enrol,
// retire, guard and maintain have in common. Used by those verbs. Bounds: control's Unix socket
// unless an address is named.
#pragma once

#include "control/cli/verb.h"

#include <flatline/client.h>
#include <flatline/config.h>

#include <expected>
#include <string>

namespace CLI {
class App;
}

namespace flatline::cli {

struct AdminOptions {
  std::string socket;
  std::string address;
  std::string token;
  TlsTrust trust;
  std::string timeout = "10s";
};

void AddAdminOptions(CLI::App& verb, AdminOptions& options);

// Control's address, or why nobody is there.
[[nodiscard]] std::expected<std::string, Failure> FindControl(const AdminOptions& options,
                                                              const Config& config);

}  // namespace flatline::cli
