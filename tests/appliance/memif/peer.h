// A memif peer of a few lines, for the stress and the benchmark: completes (or breaks off) the
// protocol's handshake and writes frames straight into the rings' buffers, with no DPDK, so that it
// starts in a millisecond and can be killed a hundred times a second. Used by one thread of a
// process of its own. Speaks memif 2.0, one ring each way, as client, or as server of a client
// whose buffers may be in several regions (zero-copy). Aborts nothing: false says that the other
// side did not play along. Cost: a slot read and written for each frame.
#pragma once

#include "dataplane/dpdk/memif_channel.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace flatline::dpdk {

class MemifPeer {
 public:
  // How many messages of the handshake to send before breaking off; more than there are: complete.
  // The ring's size is the client's choice.
  explicit MemifPeer(unsigned messages, unsigned log2_slots = 10) noexcept
      : left_(messages), log2_slots_(log2_slots) {}

  ~MemifPeer();
  MemifPeer(const MemifPeer&) = delete;
  MemifPeer& operator=(const MemifPeer&) = delete;

  [[nodiscard]] bool ConnectTo(const MemifAddress& server);
  [[nodiscard]] bool ServeOne(const Descriptor& listener);

  // The buffers that the next frames will be in, in order: `rooms` filled as far as slots are free;
  // how many. They may be written until they are published.
  [[nodiscard]] std::size_t Claim(std::span<std::byte*> rooms) noexcept;

  // Gives the other side the first `count` of them, `length` bytes in each.
  void Publish(std::size_t count, std::uint32_t length) noexcept;

  // Puts as many frames as fit into the ring; how many.
  unsigned Send(std::span<const std::byte> frame);

  // Frames that the other side has put into its ring, taken and forgotten.
  unsigned Receive();

  void SayGoodbye();

 private:
  struct Ring;
  struct Slot;

  [[nodiscard]] bool Say(MemifKind kind, std::span<const std::byte> body, int fd);
  [[nodiscard]] std::optional<MemifMessage> Next();  // none within a second, or the end
  [[nodiscard]] bool Hear(MemifKind kind);
  void Forget() noexcept;  // what a session has left
  [[nodiscard]] bool Map(int fd, std::size_t bytes);
  [[nodiscard]] bool MakeRegion();
  [[nodiscard]] bool TakeRing(const MemifMessage& message);

  [[nodiscard]] Slot& SlotAt(Ring& ring, unsigned index) const noexcept;

  unsigned left_;
  unsigned log2_slots_;
  bool is_server_ = false;
  Descriptor socket_;
  Descriptor memory_;
  std::vector<std::span<std::byte>> regions_;
  Ring* out_ = nullptr;
  Ring* in_ = nullptr;
  std::uint16_t taken_ = 0;  // of the ring to the client
};

}  // namespace flatline::dpdk
