// One receive queue of a port, as a worker's source of frames: DPDK's buffers in, spans of bytes
// out. Hot; used by one poll core. Keeps its promise that a short burst means an empty queue also
// for drivers that hand out less than was asked for: it asks until it is full or gets nothing.
// Assumes Release before the next Receive. No allocation.
// Cost: the driver's burst, and two lines prefetched and a dozen instructions for each frame.
#pragma once

#include "dataplane/dpdk/poll_gate.h"
#include "dataplane/frame.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

struct rte_mbuf;     // NOLINT(readability-identifier-naming): DPDK's
struct rte_mempool;  // NOLINT(readability-identifier-naming): DPDK's

namespace flatline::dpdk {

// Which queue of which port, and which worker polls it.
struct QueueId {
  std::uint16_t port = 0;
  std::uint16_t queue = 0;
  std::size_t worker = 0;
};

class RxQueue final : public FrameSource {
 public:
  // `gate` may be null, and outlives the queue, as does the pool that the driver fills from.
  // `accept_partial`: the peer is this host's kernel, which leaves checksums to an offload that
  // never happens (partial_checksum.h).
  RxQueue(const QueueId& id, rte_mempool* pool, PollGate* gate, bool accept_partial) noexcept
      : id_(id), pool_(pool), gate_(gate), accept_partial_(accept_partial) {}

  ~RxQueue() override { Release(); }

  RxQueue(const RxQueue&) = delete;
  RxQueue& operator=(const RxQueue&) = delete;

  [[nodiscard]] std::span<const Frame> Receive() noexcept override;
  void Release() noexcept override;

 private:
  [[nodiscard]] std::size_t Fill() noexcept;

  QueueId id_;
  rte_mempool* pool_;
  PollGate* gate_;
  bool accept_partial_;
  std::size_t held_ = 0;  // buffers not yet given back
  std::array<rte_mbuf*, kBurst> buffers_{};
  std::array<Frame, kBurst> frames_{};
};

}  // namespace flatline::dpdk
