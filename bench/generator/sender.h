// Where generated heartbeats go: a DPDK port, a kernel socket, a capture file. Used by one thread.
// Assumes that a caller claims rooms, fills the first ones and sends them, in this order. What is
// accepted has left for flatline; what is not is the caller's to try again or to give up. Never
// blocks. No allocation after construction.
#pragma once

#include "bench/generator/fleet.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace flatline::generator {

inline constexpr std::size_t kBatch = 64;          // heartbeats sent at once, at most
inline constexpr std::size_t kRoomSize = 256;      // bytes of a room
inline constexpr std::size_t kReceiveRoom = 2048;  // bytes of something received

class Sender {
 public:
  virtual ~Sender() = default;

  // Rooms of kRoomSize bytes for up to `count` (at most kBatch) heartbeats; fewer where buffers
  // lack.
  [[nodiscard]] virtual std::span<std::byte* const> Claim(std::size_t count) noexcept = 0;

  // Sends the first `count` rooms claimed, `length` bytes of each. Returns how many of them, from
  // the first on, were accepted.
  [[nodiscard]] virtual std::size_t Send(std::size_t count,
                                         std::uint32_t length,
                                         Elapsed now) noexcept = 0;

  // Up to kBatch frames or datagrams that came back, valid until the next call.
  [[nodiscard]] virtual std::span<const std::span<const std::byte>> Receive() noexcept = 0;
};

}  // namespace flatline::generator
