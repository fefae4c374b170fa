// One transmit queue of a port, as a worker's sink for answers. Hot; used by one poll core.
// Assumes that the pool's buffers have kReplyRoom bytes behind their headroom. Nothing waits: what
// the device does not take is freed and counted. Frames are complete: no offload is asked for.
// Cost: one buffer from the core's pool cache for each frame, one driver call for each burst.
#pragma once

#include "dataplane/dpdk/poll_gate.h"
#include "dataplane/dpdk/rx_queue.h"
#include "dataplane/frame.h"

#include <array>
#include <cstddef>
#include <cstdint>

struct rte_mbuf;     // NOLINT(readability-identifier-naming): DPDK's
struct rte_mempool;  // NOLINT(readability-identifier-naming): DPDK's

namespace flatline::dpdk {

class TxQueue final : public FrameSink {
 public:
  // `gate` may be null; both outlive the queue.
  TxQueue(const QueueId& id, PollGate* gate, rte_mempool* pool) noexcept
      : id_(id), gate_(gate), pool_(pool) {}

  ~TxQueue() override;
  TxQueue(const TxQueue&) = delete;
  TxQueue& operator=(const TxQueue&) = delete;

  [[nodiscard]] std::byte* Claim() noexcept override;
  void Commit(std::uint32_t length) noexcept override;
  std::size_t Flush() noexcept override;

 private:
  // Hands over what is queued; the rest is freed and added to `refused_`.
  void Send() noexcept;

  QueueId id_;
  PollGate* gate_;
  rte_mempool* pool_;
  rte_mbuf* claimed_ = nullptr;
  std::size_t queued_ = 0;
  std::size_t refused_ = 0;  // since the last Flush
  std::array<rte_mbuf*, kBurst> buffers_{};
};

}  // namespace flatline::dpdk
