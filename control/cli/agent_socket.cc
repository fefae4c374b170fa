#include "control/cli/agent_socket.h"

#include <flatline/heartbeat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <netdb.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace flatline::cli {
namespace {

std::string ErrorText(int error) {
  return std::generic_category().message(error);
}

// A socket connected to one of the addresses of a name, or why there is none.
// To an address of ours of its family, whichever it is.
bool BindTo(int descriptor, int family, std::uint16_t port) {
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(port);
  return family == AF_INET6
             ? ::bind(descriptor, reinterpret_cast<const sockaddr*>(&six), sizeof six) == 0
             : ::bind(descriptor, reinterpret_cast<const sockaddr*>(&four), sizeof four) == 0;
}

std::expected<int, std::string> Open(const addrinfo& address,
                                     const std::string& device,
                                     std::uint16_t port) {
  const int descriptor = ::socket(
      address.ai_family, address.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address.ai_protocol);
  if (descriptor < 0) {
    return std::unexpected(ErrorText(errno));
  }
  if (!device.empty() && ::setsockopt(descriptor,
                                      SOL_SOCKET,
                                      SO_BINDTODEVICE,
                                      device.c_str(),
                                      static_cast<socklen_t>(device.size())) != 0) {
    const std::string why = ErrorText(errno);
    ::close(descriptor);
    return std::unexpected("device " + device + ": " + why);
  }
  if (port != 0 && !BindTo(descriptor, address.ai_family, port)) {
    const std::string why = ErrorText(errno);
    ::close(descriptor);
    return std::unexpected("port " + std::to_string(port) + ": " + why);
  }
  if (::connect(descriptor, address.ai_addr, address.ai_addrlen) != 0) {
    const std::string why = ErrorText(errno);
    ::close(descriptor);
    return std::unexpected(why);
  }
  return descriptor;
}

}  // namespace

std::optional<HostAndPort> ParseDestination(std::string_view text) {
  HostAndPort out{.host = std::string{text}, .port = std::to_string(kHeartbeatPort)};
  const auto colon = text.rfind(':');
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos || (end + 1 != text.size() && colon != end + 1)) {
      return std::nullopt;
    }
    out.host = text.substr(1, end - 1);
    if (colon == end + 1) {
      out.port = text.substr(colon + 1);
    }
  } else if (colon != std::string_view::npos && text.find(':') == colon) {
    out.host = text.substr(0, colon);
    out.port = text.substr(colon + 1);
  }
  const bool is_number = std::ranges::all_of(out.port, [](char c) { return c >= '0' && c <= '9'; });
  if (out.host.empty() || out.port.empty() || out.port.size() > 5 || !is_number ||
      std::stoul(out.port) == 0 || std::stoul(out.port) > 0xFFFF) {
    return std::nullopt;
  }
  return out;
}

std::expected<AgentSocket, std::string> AgentSocket::Connect(const std::string& to,
                                                             const std::string& device,
                                                             std::uint16_t port) {
  const auto destination = ParseDestination(to);
  if (!destination) {
    return std::unexpected("needed ADDRESS:PORT, found \"" + to + "\"; write 10.0.0.1:17996, say");
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  const int failed =
      ::getaddrinfo(destination->host.c_str(), destination->port.c_str(), &hints, &found);
  if (failed != 0) {
    return std::unexpected("cannot find " + destination->host + ": " + ::gai_strerror(failed));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses{found, &::freeaddrinfo};
  std::string why;
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    const auto descriptor = Open(*address, device, port);
    if (descriptor) {
      return AgentSocket{*descriptor};
    }
    why = descriptor.error();
  }
  return std::unexpected("cannot send to " + to + ": " + why);
}

AgentSocket::AgentSocket(AgentSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

AgentSocket::~AgentSocket() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

bool AgentSocket::Send(std::span<const std::uint8_t> datagram) {
  const ssize_t sent = ::send(descriptor_, datagram.data(), datagram.size(), 0);
  return sent == static_cast<ssize_t>(datagram.size());
}

std::optional<std::size_t> AgentSocket::Receive(std::span<std::uint8_t> out) {
  const ssize_t size = ::recv(descriptor_, out.data(), out.size(), 0);
  return size < 0 ? std::nullopt : std::optional{static_cast<std::size_t>(size)};
}

}  // namespace flatline::cli
