// The other end of a connection of control's, in the same thread as control: never blocks. Of the
// tests of sockets; one test, one thread. Expects that it can connect. Cost: keeps all that it
// reads until it is told to forget.
#pragma once

#include <flatline/delivery.h>

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <netinet/in.h>
#include <span>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace flatline::uring {

class Peer {
 public:
  explicit Peer(const std::string& path) : descriptor_(::socket(AF_UNIX, kType, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    Connect(address);
  }

  explicit Peer(int port) : descriptor_(::socket(AF_INET, kType, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    Connect(address);
  }

  ~Peer() { ::close(descriptor_); }

  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // As much as the socket takes; returns how much.
  [[nodiscard]] std::size_t Send(std::span<const std::byte> bytes) const {
    const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return sent < 0 ? 0 : static_cast<std::size_t>(sent);
  }

  template <typename T>
  void Say(const T& value) const {
    EXPECT_EQ(Send(std::as_bytes(std::span{&value, 1})), sizeof(value));
  }

  void Ask(RequestKind kind, std::uint64_t sequence = 0) const {
    DeliveryRequest request;
    request.kind = kind;
    request.sequence = sequence;
    Say(request);
  }

  // Takes what is there, at most `most` bytes; `closed` once the other end has.
  void Read(std::size_t most = std::numeric_limits<std::size_t>::max()) {
    std::array<std::byte, 65536> room;
    while (most != 0) {
      const ssize_t got = ::recv(descriptor_, room.data(), std::min(most, room.size()), 0);
      if (got > 0) {
        bytes_.insert(bytes_.end(), room.begin(), room.begin() + got);
        most -= static_cast<std::size_t>(got);
        continue;
      }
      closed = closed || got == 0 || (errno != EAGAIN && errno != EINTR);
      return;
    }
  }

  [[nodiscard]] std::vector<DeliveryRecord> Records() const {
    std::vector<DeliveryRecord> out(bytes_.size() / sizeof(DeliveryRecord));
    if (!out.empty()) {
      std::memcpy(static_cast<void*>(out.data()), bytes_.data(), out.size() * sizeof(out[0]));
    }
    return out;
  }

  [[nodiscard]] std::size_t size() const { return bytes_.size() / sizeof(DeliveryRecord); }

  // What was read, and is then forgotten.
  [[nodiscard]] std::vector<std::byte> TakeBytes() { return std::exchange(bytes_, {}); }

  // Drops the whole records read so far.
  void Forget() {
    bytes_.erase(bytes_.begin(),
                 bytes_.begin() + static_cast<std::ptrdiff_t>(size() * sizeof(DeliveryRecord)));
  }

  bool closed = false;

 private:
  static constexpr int kType = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

  template <typename T>
  void Connect(const T& address) const {
    const int result =
        ::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    EXPECT_TRUE(result == 0 || errno == EINPROGRESS) << std::strerror(errno);
  }

  int descriptor_;
  std::vector<std::byte> bytes_;
};

}  // namespace flatline::uring
