// Frames for a worker from memory in place of a NIC: heartbeats of the members of a fleet in a
// given order, round and round, made in advance and changed in place (id, sequence and handle are
// written; that is in whatever is measured). For benchmarks that drive real workers; one thread.
// With it the sink for their answers, which takes none, and such a fleet's configuration and slots.
#pragma once

#include "dataplane/frame.h"
#include "tests/dataplane/frames.h"

#include <flatline/config.h>
#include <flatline/endpoint.h>
#include <flatline/heartbeat.h>
#include <flatline/region.h>
#include <flatline/wire.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

namespace flatline {

// How a heartbeat is to be found.
enum class Find : std::uint8_t { kByIndex, kByHandle };

struct Member {
  EndpointId id = kNoEndpoint;
  Slot slot = kNoSlot;
};

// Heartbeats of `members`, round and round, with tags of 64 bits where they are `tagged`. Every so
// often a burst is short, as if the queue had been empty for a moment: else the worker would
// rightly call itself overloaded.
class FleetSource final : public FrameSource {
 public:
  explicit FleetSource(bool tagged = false) : tagged_(tagged) {
    std::vector<std::byte> datagram(kHeartbeatSize + (tagged ? kTagSize : 0));
    EncodeHeartbeat({.id = 1, .incarnation = 1, .sequence = 1},
                    std::span(datagram).first<kHeartbeatSize>());
    for (std::size_t i = 0; i < kBurst; ++i) {
      buffers_[i] = testing_frames::UdpFrame(datagram);
      frames_[i] = {.data = buffers_[i].data(),
                    .length = static_cast<std::uint32_t>(buffers_[i].size()),
                    .ip_checksum = ChecksumStatus::kGood,
                    .udp_checksum = ChecksumStatus::kGood};
    }
  }

  // Whom to speak for from here on, how they are to be found, and from which sequence on: above
  // those that they have used. `members` outlives the next call.
  void Set(std::span<const Member> members, Find find, std::uint32_t sequence) {
    members_ = members;
    find_ = find;
    sequence_ = sequence;
    at_ = 0;
    for (auto& buffer : buffers_) {
      buffer[kPayload + 4] = (find == Find::kByHandle ? std::byte{kFlagHandle} : std::byte{0}) |
                             (tagged_ ? std::byte{kFlagAuthenticated} : std::byte{0});
    }
    tags_ = {};
  }

  // Makes the tags of the next `count` heartbeats, so that it takes no time later: `tag` gives that
  // of the 40 bytes of a member's. No more than these may be asked for before the next call.
  template <typename TagOf>
  void MakeTags(std::size_t count, const TagOf& tag) {
    const std::size_t at = at_;
    const std::uint32_t sequence = sequence_;
    std::vector<std::byte> scratch(buffers_[0].begin() + kPayload, buffers_[0].end());
    tags_.clear();
    std::vector<std::uint64_t> made;
    made.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      const Member& member = members_[at_];
      Write(scratch.data());
      made.push_back(tag(member, std::span<const std::byte>(scratch).first(kHeartbeatSize)));
    }
    at_ = at;
    sequence_ = sequence;
    tags_ = std::move(made);
    next_tag_ = 0;
  }

  std::span<const Frame> Receive() noexcept override {
    if (is_paused_) {
      return {};
    }
    const std::size_t count = ++bursts_ % kBurstsBetweenShort == 0 ? kBurst - 1 : kBurst;
    for (std::size_t i = 0; i < count; ++i) {
      Write(buffers_[i].data() + kPayload);
    }
    handed_ += count;
    return {frames_.data(), count};
  }

  void Release() noexcept override {}

  // Whether the queue is empty.
  void Pause(bool is_paused) noexcept { is_paused_ = is_paused; }

  // Of the heartbeats handed out now.
  [[nodiscard]] std::uint32_t sequence() const noexcept { return sequence_; }

  [[nodiscard]] std::uint64_t handed() const noexcept { return handed_; }

 private:
  static constexpr std::size_t kPayload = 42;  // behind Ethernet, IPv4 and UDP
  static constexpr unsigned kBurstsBetweenShort = 16;
  static constexpr std::size_t kOrderAhead = 512;
  static constexpr std::size_t kTagSize = 8;

  void Write(std::byte* heartbeat) noexcept {
    const Member& member = members_[at_];
    __builtin_prefetch(&members_[std::min(at_ + kOrderAhead, members_.size() - 1)], 0, 3);
    wire::Store<std::uint64_t>(heartbeat + 8, member.id);
    wire::Store<std::uint32_t>(heartbeat + 20, sequence_);
    wire::Store<std::uint32_t>(heartbeat + 32, find_ == Find::kByHandle ? member.slot : 0);
    if (next_tag_ < tags_.size()) {
      std::memcpy(heartbeat + kHeartbeatSize, &tags_[next_tag_++], kTagSize);
    }
    if (++at_ == members_.size()) {
      at_ = 0;
      ++sequence_;
    }
  }

  bool tagged_;
  bool is_paused_ = false;
  std::span<const Member> members_;
  std::vector<std::uint64_t> tags_;
  std::size_t next_tag_ = 0;
  std::array<std::vector<std::byte>, kBurst> buffers_;
  std::array<Frame, kBurst> frames_{};
  std::size_t at_ = 0;
  std::uint64_t handed_ = 0;
  std::uint32_t sequence_ = 1;
  unsigned bursts_ = 0;
  Find find_ = Find::kByIndex;
};

class NoSink final : public FrameSink {
 public:
  std::byte* Claim() noexcept override { return nullptr; }

  void Commit(std::uint32_t) noexcept override {}

  std::size_t Flush() noexcept override { return 0; }
};

// From the records, once everybody was heard: which slot each of `members` was given. Ids are from
// 1 on, without gaps.
inline void LearnSlots(const RegionView& region, std::span<Member> members) {
  std::vector<Slot> slot_of(region.records().size() + 1, kNoSlot);
  for (Slot slot = 0; slot < region.records().size(); ++slot) {
    if (const EndpointId id = region.records()[slot].id; id < slot_of.size()) {
      slot_of[id] = slot;
    }
  }
  for (Member& member : members) {
    member.slot = slot_of[member.id];
  }
}

inline Config FleetConfig(std::uint64_t endpoints, unsigned workers) {
  Config config;
  config.dataplane.endpoints = endpoints;
  config.dataplane.workers = workers;
  config.guard.fleet_share_ppm = 0;  // whole fleets die here, and their verdicts are measured
  for (std::size_t i = 0; i < kBuiltInProfiles.size(); ++i) {
    config.profiles[kFirstBuiltInProfile + i] = kBuiltInProfiles[i];
  }
  return config;
}

}  // namespace flatline
