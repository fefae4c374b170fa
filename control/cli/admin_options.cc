#include "control/cli/admin_options.h"

#include "control/cli/trust_options.h"
#include "control/client/socket.h"

#include <CLI/CLI.hpp>

namespace flatline::cli {

void AddAdminOptions(CLI::App& verb, AdminOptions& options) {
  verb.add_option("--socket", options.socket, "control's; the configuration's if left out")
      ->type_name("PATH");
  verb.add_option("--address", options.address, "ADDRESS:PORT, with a token that may administer")
      ->type_name("ADDRESS");
  verb.add_option("--token", options.token, "to show; better in FLATLINE_TOKEN")
      ->envname("FLATLINE_TOKEN")
      ->type_name("TOKEN");
  AddTrustOptions(verb, options.trust);
  verb.add_option("--timeout", options.timeout, "give up after so long without an answer")
      ->capture_default_str()
      ->type_name("DURATION")
      ->check(FaultInDuration);
}

std::expected<std::string, Failure> FindControl(const AdminOptions& options, const Config& config) {
  const std::string& path = options.socket.empty() ? config.control.socket : options.socket;
  std::string out = options.address.empty() ? "unix:" + path : options.address;
  const auto address = ParseSocketAddress(out);
  if (!address) {
    return std::unexpected(Failure{ExitCode::kUsage, address.error()});
  }
  if (!Socket::Connect(*address)) {
    return std::unexpected(Failure{ExitCode::kAbsent,
                                   out + ": needed flatline-control, found nobody who answers; "
                                         "start it, or run as a member of its group"});
  }
  return out;
}

}  // namespace flatline::cli
