#include "bench/memif_sender.h"

#include "tests/appliance/memif/peer.h"
#include "tests/dataplane/frames.h"

#include <flatline/heartbeat.h>

#include <array>
#include <bit>
#include <cstdio>
#include <cstring>
#include <unistd.h>

namespace flatline {
namespace {

constexpr std::size_t kBatch = 64;
constexpr unsigned kWholeHandshake = 1000;
constexpr int kAttempts = 5;  // a second each, at most
constexpr std::size_t kUdp = 14 + 20;
constexpr std::size_t kPayload = kUdp + 8;
constexpr std::size_t kFrame = kPayload + kHeartbeatSize;

class FrameWriter {
 public:
  FrameWriter() {
    const auto frame = testing_frames::HeartbeatFrame({.incarnation = 1});
    std::memcpy(frame_.data(), frame.data(), kFrame);
  }

  void Begin(bool by_handle, bool spoilt) {
    frame_[kPayload + 4] = by_handle ? std::byte{kFlagHandle} : std::byte{0};
    sum_ = SumWithout() + (spoilt ? 1 : 0);
  }

  // The frame's sum of words in memory order without what differs: one's complement sums do not
  // mind the byte order.
  void Write(std::byte* room, const MemifFleet::Member& member, std::uint32_t sequence) const {
    std::memcpy(room, frame_.data(), kFrame);
    const std::uint32_t number = std::byteswap(sequence);
    std::memcpy(room + kPayload + 8, &member.id, sizeof member.id);
    std::memcpy(room + kPayload + 20, &number, sizeof number);
    std::memcpy(room + kPayload + 32, &member.handle, sizeof member.handle);
    std::uint32_t sum = sum_ + member.sum + (number & 0xFFFF) + (number >> 16);
    sum = (sum & 0xFFFF) + (sum >> 16);
    sum = (sum & 0xFFFF) + (sum >> 16);
    auto checksum = static_cast<std::uint16_t>(~sum);
    checksum = checksum == 0 ? std::uint16_t{0xFFFF} : checksum;
    std::memcpy(room + kUdp + 6, &checksum, sizeof checksum);
  }

 private:
  [[nodiscard]] std::uint32_t SumWithout() const {
    const std::span<const std::byte> all(frame_);
    std::uint32_t sum =
        std::byteswap(std::uint16_t{17}) + std::byteswap(static_cast<std::uint16_t>(kFrame - kUdp));
    for (std::size_t at = kUdp - 8; at < kFrame; at += 2) {
      std::uint16_t word = 0;
      std::memcpy(&word, &all[at], sizeof word);
      sum += at == kUdp + 6 ? 0 : word;
    }
    return sum;
  }

  std::array<std::byte, kFrame> frame_{};  // id, sequence and handle are zero
  std::uint32_t sum_ = 0;
};

class Load {
 public:
  Load(MemifFleet& fleet, dpdk::MemifPeer& peer, bool asks_ahead)
      : fleet_(fleet), peer_(peer), asks_ahead_(asks_ahead) {}

  void Obey() {
    LoadOrder order = LoadOrder::kWait;
    while ((order = fleet_.order().load(std::memory_order_acquire)) != LoadOrder::kLeave) {
      if (order != LoadOrder::kWait) {
        writer_.Begin(order == LoadOrder::kByHandle, order == LoadOrder::kSpoilt);
      }
      fleet_.obeyed().store(order, std::memory_order_release);
      if (order != LoadOrder::kWait) {
        Stretch();
      }
    }
    fleet_.obeyed().store(LoadOrder::kLeave, std::memory_order_release);
  }

 private:
  void Stretch() {
    for (std::uint64_t sent = 0; sent < kStretch; sent += kBatch) {
      Batch();
    }
    accepted_ += kStretch;
    fleet_.accepted().store(accepted_, std::memory_order_release);
    while (fleet_.taken().load(std::memory_order_acquire) < accepted_) {
    }
  }

  // The receiver has read the lines last, and a store that waits for its line holds up all behind
  // it. To ask for those of the next batch first pays where the receiver copies (36 M/s for 20); in
  // its own buffers it costs (36 for 44).
  void Batch() {
    while (peer_.Claim(rooms_) < rooms_.size()) {
    }
    for (std::size_t i = kBatch; asks_ahead_ && i < rooms_.size(); ++i) {
      __builtin_prefetch(rooms_[i], 1);
      __builtin_prefetch(rooms_[i] + 64, 1);
    }
    for (std::size_t i = 0; i < kBatch; ++i) {
      writer_.Write(rooms_[i], fleet_.members()[at_], sequence_);
      if (++at_ == fleet_.members().size()) {
        at_ = 0;
        ++sequence_;
      }
    }
    peer_.Publish(kBatch, kFrame);
  }

  MemifFleet& fleet_;
  dpdk::MemifPeer& peer_;
  bool asks_ahead_;
  FrameWriter writer_;
  std::array<std::byte*, 2 * kBatch> rooms_{};
  std::size_t at_ = 0;
  std::uint32_t sequence_ = 1;
  std::uint64_t accepted_ = 0;
};

bool Join(dpdk::MemifPeer& peer, const MemifLine& line) {
  const dpdk::MemifAddress address{.path = line.socket, .abstract = true};
  if (line.sender_serves) {
    const auto listener = address.Listen();
    for (int attempt = 0; listener && attempt < kAttempts; ++attempt) {
      if (peer.ServeOne(*listener)) {
        return true;
      }
    }
    return false;
  }
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (peer.ConnectTo(address)) {
      return true;
    }
    usleep(500'000);
  }
  return false;
}

}  // namespace

int RunMemifSender(MemifFleet& fleet, const MemifLine& line) {
  dpdk::MemifPeer peer(kWholeHandshake, line.log2_slots);
  if (!Join(peer, line)) {
    std::fprintf(stderr, "memif_bench: the sender found no dataplane at %s\n", line.socket.c_str());
    return kNobodyThere;
  }
  Load(fleet, peer, !line.sender_serves).Obey();
  return 0;
}

}  // namespace flatline
