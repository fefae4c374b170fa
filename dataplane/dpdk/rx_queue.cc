#include "dataplane/dpdk/rx_queue.h"

#include "dataplane/dpdk/partial_checksum.h"

#include <flatline/check.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

namespace flatline::dpdk {
namespace {

ChecksumStatus Status(std::uint64_t flags, std::uint64_t good, std::uint64_t bad) noexcept {
  // both flags together mean "none", which drivers use for "the data is fine, the field is not"
  const bool is_good = (flags & good) != 0;
  const bool is_bad = (flags & bad) != 0;
  if (is_good == is_bad) {
    return ChecksumStatus::kUnknown;
  }
  return is_good ? ChecksumStatus::kGood : ChecksumStatus::kBad;
}

Frame FrameOf(const rte_mbuf& buffer) noexcept {
  return {.data = rte_pktmbuf_mtod(&buffer, const std::byte*),
          .length = buffer.data_len,
          .ip_checksum =
              Status(buffer.ol_flags, RTE_MBUF_F_RX_IP_CKSUM_GOOD, RTE_MBUF_F_RX_IP_CKSUM_BAD),
          .udp_checksum =
              Status(buffer.ol_flags, RTE_MBUF_F_RX_L4_CKSUM_GOOD, RTE_MBUF_F_RX_L4_CKSUM_BAD),
          .chained = buffer.nb_segs > 1};
}

bool IsPlain(const rte_mbuf& buffer, const rte_mempool* pool) noexcept {
  return buffer.refcnt == 1 && buffer.nb_segs == 1 && RTE_MBUF_DIRECT(&buffer) &&
         buffer.pool == pool;
}

}  // namespace

std::size_t RxQueue::Fill() noexcept {
  std::size_t count = 0;
  while (count < kBurst) {
    const std::uint16_t got = rte_eth_rx_burst(
        id_.port, id_.queue, &buffers_[count], static_cast<std::uint16_t>(kBurst - count));
    if (got == 0) {
      break;
    }
    count += got;
  }
  return count;
}

std::span<const Frame> RxQueue::Receive() noexcept {
  FLATLINE_DCHECK(held_ == 0);
  if (gate_ == nullptr) {
    held_ = Fill();
  } else if (gate_->EnterReceive(id_.worker, id_.queue)) {
    held_ = Fill();
    gate_->Leave(id_.worker);
  }
  for (std::size_t i = 0; i < held_; ++i) {
    const auto* data = rte_pktmbuf_mtod(buffers_[i], const std::byte*);
    rte_prefetch1(data);
    rte_prefetch1(data + RTE_CACHE_LINE_SIZE);  // a heartbeat ends there
  }
  for (std::size_t i = 0; i < held_; ++i) {
    frames_[i] = FrameOf(*buffers_[i]);
  }
  if (accept_partial_) {
    for (std::size_t i = 0; i < held_; ++i) {
      if (CarriesPartialChecksum(frames_[i])) {
        frames_[i].udp_checksum = ChecksumStatus::kGood;
      }
    }
  }
  return {frames_.data(), held_};
}

// All at once where each is as it came from the pool: whole, and nobody else's.
void RxQueue::Release() noexcept {
  if (held_ == 0) {
    return;
  }
  bool plain = true;
  for (std::size_t i = 0; i < held_; ++i) {
    plain &= IsPlain(*buffers_[i], pool_);
  }
  if (plain) {
    rte_mempool_put_bulk(
        pool_, reinterpret_cast<void* const*>(buffers_.data()), static_cast<unsigned>(held_));
  } else {
    rte_pktmbuf_free_bulk(buffers_.data(), static_cast<unsigned>(held_));
  }
  held_ = 0;
}

}  // namespace flatline::dpdk
