#include "dataplane/dpdk/tx_queue.h"

#include <flatline/check.h>

#include <utility>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

namespace flatline::dpdk {

TxQueue::~TxQueue() {
  rte_pktmbuf_free(claimed_);
  rte_pktmbuf_free_bulk(buffers_.data(), static_cast<unsigned>(queued_));
}

std::byte* TxQueue::Claim() noexcept {
  if (claimed_ == nullptr) {
    claimed_ = rte_pktmbuf_alloc(pool_);
    if (claimed_ == nullptr) [[unlikely]] {
      return nullptr;
    }
  }
  return rte_pktmbuf_mtod(claimed_, std::byte*);
}

void TxQueue::Commit(std::uint32_t length) noexcept {
  FLATLINE_DCHECK(claimed_ != nullptr && length <= kReplyRoom);
  claimed_->data_len = static_cast<std::uint16_t>(length);
  claimed_->pkt_len = length;
  buffers_[queued_++] = std::exchange(claimed_, nullptr);
  if (queued_ == kBurst) {
    Send();
  }
}

std::size_t TxQueue::Flush() noexcept {
  if (queued_ > 0) {
    Send();
  }
  return std::exchange(refused_, 0);
}

void TxQueue::Send() noexcept {
  std::uint16_t sent = 0;
  const auto count = static_cast<std::uint16_t>(queued_);
  if (gate_ == nullptr) {
    sent = rte_eth_tx_burst(id_.port, id_.queue, buffers_.data(), count);
  } else if (gate_->EnterTransmit(id_.worker, id_.queue)) {
    sent = rte_eth_tx_burst(id_.port, id_.queue, buffers_.data(), count);
    gate_->Leave(id_.worker);
  }
  if (sent < count) {
    rte_pktmbuf_free_bulk(&buffers_[sent], static_cast<unsigned>(count - sent));
    refused_ += static_cast<std::size_t>(count - sent);
  }
  queued_ = 0;
}

}  // namespace flatline::dpdk
