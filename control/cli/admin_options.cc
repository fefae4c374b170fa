#include "control/cli/admin_options.h"

#include "control/cli/trust_options.h"
#include "control/client/socket.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <limits>
#include <poll.h>
#include <system_error>

namespace flatline::cli {
namespace {

// 0: somebody is there; else errno. Over TCP it takes until the answer to know.
int Reach(const SocketAddress& address, Duration patience) {
  const auto socket = Socket::Connect(address);
  if (!socket) {
    return socket.error();
  }
  const std::int64_t most = std::numeric_limits<int>::max();
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(patience).count();
  pollfd entry{.fd = socket->get(), .events = POLLOUT, .revents = 0};
  const int came = ::poll(&entry, 1, static_cast<int>(std::clamp<std::int64_t>(wait, 0, most)));
  return came > 0 ? socket->ConnectError() : came == 0 ? ETIMEDOUT : errno;
}

}  // namespace

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
  const Duration patience = ParseDuration(options.timeout).value_or(Duration{});
  if (const int error = Reach(*address, patience); error != 0) {
    return std::unexpected(
        Failure{ExitCode::kAbsent,
                out + ": needed flatline-control, found nobody who answers (" +
                    std::generic_category().message(error) +
                    (options.address.empty() ? "); start it, or run as a member of its group"
                                             : "); start it, or name its address")});
  }
  return out;
}

}  // namespace flatline::cli
