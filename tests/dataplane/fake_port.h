// A port made of memory: frames that a test puts in come out of Receive, replies that a worker
// commits can be looked at. One thread.
#pragma once

#include "dataplane/attachment.h"
#include "dataplane/frame.h"
#include "dataplane/packet.h"

#include <flatline/heartbeat.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <utility>
#include <vector>

namespace flatline {

class FakeSource final : public FrameSource {
 public:
  void Put(std::vector<std::byte> bytes) { queue_.push_back(std::move(bytes)); }

  [[nodiscard]] std::size_t waiting() const { return queue_.size(); }

  // Whether every span was given back before the next was asked for.
  [[nodiscard]] bool well_used() const { return well_used_; }

  std::span<const Frame> Receive() noexcept override {
    well_used_ = well_used_ && lent_.empty();
    const std::size_t count = std::min(queue_.size(), kBurst);
    for (std::size_t i = 0; i < count; ++i) {
      lent_.push_back(std::move(queue_.front()));
      queue_.pop_front();
      frames_[i] = {.data = lent_[i].data(), .length = static_cast<std::uint32_t>(lent_[i].size())};
    }
    return {frames_.data(), count};
  }

  void Release() noexcept override { lent_.clear(); }

  // What a killed process had received and not yet dealt with is gone.
  void Clear() {
    queue_.clear();
    lent_.clear();
  }

 private:
  std::deque<std::vector<std::byte>> queue_;
  std::vector<std::vector<std::byte>> lent_;
  std::array<Frame, kBurst> frames_{};
  bool well_used_ = true;
};

class FakeSink final : public FrameSink {
 public:
  std::byte* Claim() noexcept override { return has_room_ ? room_.data() : nullptr; }

  void Commit(std::uint32_t length) noexcept override {
    queued_.emplace_back(room_.begin(), room_.begin() + length);
  }

  std::size_t Flush() noexcept override {
    sent_.insert(sent_.end(), queued_.begin(), queued_.end());
    queued_.clear();
    return 0;
  }

  void set_has_room(bool has_room) { has_room_ = has_room; }

  // The frames sent so far, and no longer kept.
  std::vector<std::vector<std::byte>> TakeSent() { return std::exchange(sent_, {}); }

 private:
  std::array<std::byte, kReplyRoom> room_{};
  std::vector<std::vector<std::byte>> queued_;
  std::vector<std::vector<std::byte>> sent_;
  bool has_room_ = true;
};

struct FakePort {
  FakeSource source;
  FakeSink sink;
  PortIdentity identity{
      .mac = {2, 0, 0, 0, 0, 1}, .udp_port = kHeartbeatPort, .promiscuous = false, .addresses = {}};

  [[nodiscard]] Attachment attachment(std::uint8_t port = 0) {
    return {.source = &source, .sink = &sink, .identity = &identity, .port = port};
  }
};

}  // namespace flatline
