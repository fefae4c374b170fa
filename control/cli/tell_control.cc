#include "control/cli/tell_control.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>

namespace flatline::cli {
namespace {

std::expected<void, std::string> Because(int error) {
  return std::unexpected(std::generic_category().message(error));
}

// What the kernel calls a process: fifteen bytes of its file's name.
constexpr std::string_view kControl = "flatline-contro";

// Whoever made the socket that was found: another program there would die of the signal.
std::expected<void, std::string> Tell(pid_t listener) {
  std::string name;
  std::getline(std::ifstream("/proc/" + std::to_string(listener) + "/comm"), name);
  if (name != kControl) {
    return std::unexpected("who listens there is process " + std::to_string(listener) + ", " +
                           (name.empty() ? "of no name" : name));
  }
  if (::kill(listener, SIGHUP) != 0) {
    return Because(errno);
  }
  return {};
}

}  // namespace

std::expected<void, std::string> TellControl(const std::string& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.empty() || socket.size() >= sizeof(address.sun_path)) {
    return Because(ENAMETOOLONG);
  }
  std::memcpy(address.sun_path, socket.data(), socket.size());
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) {
    return Because(errno);
  }
  ucred listener{};
  socklen_t size = sizeof(listener);
  const bool is_there =
      ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
      ::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &listener, &size) == 0;
  // Told before the connection closes: as long as it is there, so is who listens.
  auto out = is_there ? Tell(listener.pid) : Because(errno);
  ::close(descriptor);
  return out;
}

}  // namespace flatline::cli
