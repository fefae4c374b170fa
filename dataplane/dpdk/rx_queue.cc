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
    rte_prefetch0(rte_pktmbuf_mtod(buffers_[i], const void*));
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

void RxQueue::Release() noexcept {
  if (held_ > 0) {
    rte_pktmbuf_free_bulk(buffers_.data(), static_cast<unsigned>(held_));
    held_ = 0;
  }
}

}  // namespace flatline::dpdk
