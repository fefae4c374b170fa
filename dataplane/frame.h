// A frame as the packet path sees it, and the two ends of a port as a worker sees them: bytes in,
// bytes out, with no word of DPDK. dpdk/ implements the ends for real ports, tests for invented
// ones. Called from one poll core; a source and a sink belong to one worker. No allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace flatline {

// What the device found out about a checksum.
enum class ChecksumStatus : std::uint8_t { kUnknown = 0, kGood = 1, kBad = 2 };

struct Frame {
  const std::byte* data = nullptr;  // from the Ethernet header on
  std::uint32_t length = 0;         // contiguous bytes at `data`
  ChecksumStatus ip_checksum = ChecksumStatus::kUnknown;
  ChecksumStatus udp_checksum = ChecksumStatus::kUnknown;
  bool chained = false;  // the frame goes on in another buffer
};

inline constexpr std::size_t kBurst = 256;  // frames asked for at once

class FrameSource {
 public:
  virtual ~FrameSource() = default;

  // Up to kBurst frames, readable until Release. Fewer than kBurst: the queue was empty at some
  // instant after the call began.
  [[nodiscard]] virtual std::span<const Frame> Receive() noexcept = 0;

  virtual void Release() noexcept = 0;
};

class FrameSink {
 public:
  virtual ~FrameSink() = default;

  // Room for one frame of up to kReplyRoom bytes, or null where there is no buffer: the answer is
  // dropped and counted by the caller. Claim again without Commit gives the same room.
  [[nodiscard]] virtual std::byte* Claim() noexcept = 0;

  // Queues the first `length` bytes of the claimed room for sending.
  virtual void Commit(std::uint32_t length) noexcept = 0;

  // Hands what is queued to the device; returns how many it did not take (they are freed).
  virtual std::size_t Flush() noexcept = 0;
};

inline constexpr std::size_t kReplyRoom = 2048;

}  // namespace flatline
