// Control channels of memif: Unix sockets that carry messages of 128 bytes, some with a file
// descriptor. What the relay needs of them: addresses as net_memif understands them, and one
// message taken here and passed on there. Cold; used by the relay's thread and at start.
// Assumes SOCK_SEQPACKET, so that a message is whole or not there. Never blocks on a peer.
// Source of the layout: memif.h, version 2.0 of the protocol. Cost: a system call or two.
#pragma once

#include "dataplane/dpdk/device_string.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <utility>

namespace flatline::dpdk {

// A file descriptor that is closed when its owner goes.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) noexcept : fd_(fd) {}

  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();

  [[nodiscard]] int get() const noexcept { return fd_; }

  [[nodiscard]] bool valid() const noexcept { return fd_ >= 0; }

 private:
  int fd_;
};

// Where a memif socket is: in the file system, or in Linux's abstract space (the driver's default).
struct MemifAddress {
  std::string path;
  bool abstract = true;

  // From the device's arguments, with the driver's defaults.
  [[nodiscard]] static MemifAddress Of(const DeviceString& device);

  // A socket of ours there. A socket file that nobody listens on any more is replaced.
  [[nodiscard]] std::expected<Descriptor, std::string> Listen() const;

  // Invalid where nobody listens.
  [[nodiscard]] Descriptor Connect() const;
};

// 16 bits on the wire.
enum class MemifKind : std::uint16_t {  // NOLINT(performance-enum-size)
  kNone = 0,
  kAck = 1,
  kHello = 2,
  kInit = 3,
  kAddRegion = 4,
  kAddRing = 5,
  kConnect = 6,
  kConnected = 7,
  kDisconnect = 8,
};

struct MemifMessage {
  static constexpr std::size_t kBytes = 128;

  std::array<std::byte, kBytes> bytes{};
  Descriptor descriptor;  // that came with it

  // What the next byte on the socket brings: nothing at the end, after an error, or for a message
  // of another length.
  [[nodiscard]] static std::optional<MemifMessage> Receive(const Descriptor& from);

  [[nodiscard]] bool Send(const Descriptor& to) const;

  [[nodiscard]] MemifKind kind() const noexcept;

  // Of kAddRing: whether the ring carries frames from the client to the server.
  [[nodiscard]] bool ring_is_to_server() const noexcept;
};

}  // namespace flatline::dpdk
