#include "control/cli/tell_control.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>

namespace flatline::cli {
namespace {

std::unexpected<std::string> Because(int error) {
  return std::unexpected(std::generic_category().message(error));
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
  int error = is_there ? 0 : errno;
  // Told before the connection closes: as long as it is there, so is who listens.
  if (is_there && (listener.pid <= 0 || ::kill(listener.pid, SIGHUP) != 0)) {
    error = listener.pid <= 0 ? ESRCH : errno;
  }
  ::close(descriptor);
  return error == 0 ? std::expected<void, std::string>{} : Because(error);
}

}  // namespace flatline::cli
