// Heartbeats that come by the clock, whether they are taken or not: a queue of the size of a NIC's,
// in front of a worker, that loses what does not fit. For the witness of delivery's storm. Used by
// the worker's thread. Bounds: kQueue frames wait. Cost of an empty look: a reading of the clock.
#pragma once

#include "dataplane/frame.h"
#include "tests/dataplane/frames.h"

#include <flatline/endpoint.h>
#include <flatline/heartbeat.h>
#include <flatline/liveness.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace flatline {

class PacedFleet final : public FrameSource {
 public:
  static constexpr std::uint64_t kQueue = 4096;

  // Endpoints `first` and following, `count` of them, each once a second, from now on.
  PacedFleet(EndpointId first, std::uint64_t count) : first_(first), count_(count) {
    for (std::size_t i = 0; i < buffers_.size(); ++i) {
      buffers_[i] = testing_frames::HeartbeatFrame({.id = 1, .incarnation = 1, .sequence = 1});
      buffers_[i][kPayload + 5] = static_cast<std::byte>(Health::kReady);
      frames_[i] = {.data = buffers_[i].data(),
                    .length = static_cast<std::uint32_t>(buffers_[i].size()),
                    .ip_checksum = ChecksumStatus::kGood,
                    .udp_checksum = ChecksumStatus::kGood};
    }
  }

  // No more come; those that wait are still there to be taken.
  void End() noexcept { ends_at_.store(Due()); }

  // How many came, taken or lost.
  [[nodiscard]] std::uint64_t sent() const noexcept { return std::min(Due(), ends_at_.load()); }

  [[nodiscard]] std::span<const Frame> Receive() noexcept override {
    const std::uint64_t due = sent();
    if (due - next_ > kQueue) {
      next_ = due - kQueue;  // the rest met a full queue
    }
    const std::uint64_t count = std::min<std::uint64_t>(due - next_, frames_.size());
    for (std::uint64_t i = 0; i < count; ++i, ++next_) {
      std::byte* const heartbeat = buffers_[i].data() + kPayload;
      wire::Store<std::uint64_t>(heartbeat + 8, first_ + next_ * kStride % count_);
      wire::Store<std::uint32_t>(heartbeat + 20, static_cast<std::uint32_t>(1 + next_ / count_));
    }
    return std::span<const Frame>(frames_).first(count);
  }

  void Release() noexcept override {}

 private:
  static constexpr std::size_t kPayload = 42;       // behind Ethernet, IPv4 and UDP
  static constexpr std::uint64_t kStride = 30'011;  // a prime: everybody has a turn

  [[nodiscard]] std::uint64_t Due() const noexcept {
    const auto passed = std::chrono::steady_clock::now() - begin_;
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(passed).count() * count_ / 1'000'000);
  }

  EndpointId first_;
  std::uint64_t count_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::atomic<std::uint64_t> ends_at_{~std::uint64_t{0}};  // read by who asks how many were sent
  std::uint64_t next_ = 0;
  std::array<std::vector<std::byte>, kBurst - 1> buffers_;  // a full burst would mean: more waits
  std::array<Frame, kBurst - 1> frames_{};
};

}  // namespace flatline
