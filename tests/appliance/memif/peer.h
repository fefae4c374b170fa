// A memif peer of a few lines, for the stress: completes (or breaks off) the protocol's handshake
// and sends frames through the rings, with no DPDK, so that it starts in a millisecond and can be
// killed a hundred times a second. Runs in a process of its own. Speaks memif 2.0, one ring each
// way, as client or as server. Aborts nothing: false says that the other side did not play along.
#pragma once

#include "dataplane/dpdk/memif_channel.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace flatline::dpdk {

class MemifPeer {
 public:
  // How many messages of the handshake to send before breaking off; more than there are: complete.
  explicit MemifPeer(unsigned messages) noexcept : left_(messages) {}

  ~MemifPeer();
  MemifPeer(const MemifPeer&) = delete;
  MemifPeer& operator=(const MemifPeer&) = delete;

  [[nodiscard]] bool ConnectTo(const MemifAddress& server);
  [[nodiscard]] bool ServeOne(const Descriptor& listener);

  // Puts as many frames as fit into the ring; how many.
  unsigned Send(std::span<const std::byte> frame);

  // Frames that the other side has put into its ring, taken and forgotten.
  unsigned Receive();

  void SayGoodbye();

 private:
  struct Ring;

  [[nodiscard]] bool Say(MemifKind kind, std::span<const std::byte> body, int fd);
  [[nodiscard]] bool Hear(MemifKind kind, MemifMessage& out);
  [[nodiscard]] bool MakeRegion();
  [[nodiscard]] bool MapRegion(int fd, std::size_t bytes);
  [[nodiscard]] Ring* RingAt(unsigned index);

  unsigned left_;
  bool is_server_ = false;
  Descriptor socket_;
  Descriptor memory_;
  std::byte* region_ = nullptr;
  std::size_t bytes_ = 0;
  std::uint16_t taken_ = 0;  // of the ring to the client
};

}  // namespace flatline::dpdk
