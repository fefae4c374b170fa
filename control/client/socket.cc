#include "control/client/socket.h"

#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace flatline {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";
constexpr std::string_view kTlsPrefix = "tls:";
constexpr std::string_view kPlainPrefix = "plain:";

SocketAddress UnixAddress(std::string_view path) {
  SocketAddress out;
  auto& address = reinterpret_cast<sockaddr_un&>(out.storage);
  address.sun_family = AF_UNIX;
  std::memcpy(&address.sun_path, path.data(), path.size());
  out.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return out;
}

// A length of 0 where `host` is not an address.
SocketAddress InternetAddress(std::string_view host, std::uint16_t port) {
  SocketAddress out;
  const bool bracketed = host.size() > 2 && host.starts_with('[') && host.ends_with(']');
  if (bracketed) {
    auto& address = reinterpret_cast<sockaddr_in6&>(out.storage);
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port);
    const std::string number(host.substr(1, host.size() - 2));
    out.length =
        ::inet_pton(AF_INET6, number.c_str(), &address.sin6_addr) == 1 ? sizeof(address) : 0;
  } else {
    auto& address = reinterpret_cast<sockaddr_in&>(out.storage);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    const std::string number(host);
    out.length = ::inet_pton(AF_INET, number.c_str(), &address.sin_addr) == 1 ? sizeof(address) : 0;
  }
  return out;
}

bool IsLoopback(const SocketAddress& address) {
  if (address.storage.ss_family == AF_INET6) {
    const auto& number = reinterpret_cast<const sockaddr_in6&>(address.storage).sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(&number);
  }
  const auto& number = reinterpret_cast<const sockaddr_in&>(address.storage).sin_addr;
  return ntohl(number.s_addr) >> 24 == 127;
}

// A peer that vanished without a word is noticed in half a minute: bookmarks flow one way only.
void WatchPeer(int descriptor) {
  const auto set = [descriptor](int level, int option, int value) {
    ::setsockopt(descriptor, level, option, &value, sizeof(value));
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 10);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(IPPROTO_TCP, TCP_KEEPCNT, 4);
  set(IPPROTO_TCP, TCP_NODELAY, 1);
}

}  // namespace

std::expected<SocketAddress, std::string> ParseSocketAddress(const std::string& text) {
  const std::unexpected<std::string> error(
      "needed an address such as \"unix:/run/flatline/control.sock\", \"127.0.0.1:17997\" or "
      "\"[::1]:17997\", found \"" +
      text + "\"; write one of these");
  std::string_view view(text);
  if (view.starts_with(kUnixPrefix)) {
    const std::string_view path = view.substr(kUnixPrefix.size());
    const bool fits = !path.empty() && path.size() < sizeof(sockaddr_un::sun_path);
    return fits ? std::expected<SocketAddress, std::string>(UnixAddress(path)) : error;
  }
  const bool is_tls = view.starts_with(kTlsPrefix);
  const bool is_plain = view.starts_with(kPlainPrefix);
  view.remove_prefix(is_tls ? kTlsPrefix.size() : is_plain ? kPlainPrefix.size() : 0);
  const std::size_t colon = view.rfind(':');
  if (colon == std::string_view::npos) {
    return error;
  }
  std::uint16_t port = 0;
  const char* end = view.data() + view.size();
  const auto [rest, fault] = std::from_chars(view.data() + colon + 1, end, port);
  const std::string_view host = view.substr(0, colon);
  SocketAddress address = InternetAddress(host, port);
  if (fault != std::errc{} || rest != end || port == 0 || address.length == 0) {
    return error;
  }
  address.is_encrypted = is_tls || (!is_plain && !IsLoopback(address));
  address.host = host.starts_with('[') ? host.substr(1, host.size() - 2) : host;
  return address;
}

Socket::Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

Socket::~Socket() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

std::expected<Socket, int> Socket::Connect(const SocketAddress& address) {
  const int family = address.storage.ss_family;
  Socket out(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (out.get() < 0) {
    return std::unexpected(errno);
  }
  if (family != AF_UNIX) {
    WatchPeer(out.get());
  }
  const auto* to = reinterpret_cast<const sockaddr*>(&address.storage);
  if (::connect(out.get(), to, address.length) != 0 && errno != EINPROGRESS) {
    return std::unexpected(errno);
  }
  return out;
}

int Socket::ConnectError() const noexcept {
  int error = 0;
  socklen_t length = sizeof(error);
  return ::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

}  // namespace flatline
