// A stream socket of the client: an address as it is written, a connection attempt that does not
// block, an owned descriptor. Used by Client and Administer. Knows nothing of records. IPv4 and
// IPv6 by number (a name would have to be looked up, which blocks), and Unix.
#pragma once

#include <expected>
#include <string>
#include <sys/socket.h>

namespace flatline {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  bool is_encrypted = false;  // TLS is to be spoken there
  std::string host{};         // the number, of an address that is not Unix
};

// "unix:/path", "127.0.0.1:17997", "[::1]:17997". TLS is spoken where others could listen: not on a
// Unix socket, nor on loopback; "tls:" before the address makes it so, "plain:" makes it not so.
[[nodiscard]] std::expected<SocketAddress, std::string> ParseSocketAddress(const std::string& text);

class Socket {
 public:
  Socket() = default;

  explicit Socket(int descriptor) noexcept : descriptor_(descriptor) {}

  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket();

  // A socket that is connected or, over TCP, on its way: writable when it has arrived. Else errno.
  [[nodiscard]] static std::expected<Socket, int> Connect(const SocketAddress& address);

  // How an attempt that has become writable ended: 0 or errno.
  [[nodiscard]] int ConnectError() const noexcept;

  [[nodiscard]] int get() const noexcept { return descriptor_; }

  void Close() noexcept { *this = Socket(); }

 private:
  int descriptor_ = -1;
};

}  // namespace flatline
