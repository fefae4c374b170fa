// A port of a simulated world: frames that the world puts in; of what the worker answers the
// handles, which its endpoints learn, and what it says of leases; and what it asks. Takes no memory
// in a worker's turn. One thread.
#pragma once

#include "tests/dataplane/fake_port.h"

#include <flatline/endpoint.h>
#include <flatline/heartbeat.h>
#include <flatline/lease_message.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace flatline {

class ReplySink final : public FrameSink {
 public:
  struct Handle {
    EndpointId id = kNoEndpoint;
    Slot slot = kNoSlot;
  };

  std::byte* Claim() noexcept override { return room_.data(); }

  void Commit(std::uint32_t length) noexcept override {
    constexpr std::size_t kHeaders = 14 + 20 + 8;
    const auto reply = DecodeHeartbeat(std::span(room_).first(length).subspan(kHeaders));
    if (reply && reply->kind == HeartbeatKind::kLeaseGrant) {
      KeepGrant(reply->id, std::span(room_).first(length).subspan(kHeaders).first<kGrant>());
    } else if (!reply || reply->kind != HeartbeatKind::kAcknowledgement) {
      Keep(length);
    } else if (count_ < handles_.size()) {
      handles_[count_++] = {.id = reply->id, .slot = reply->handle};
    }
  }

  std::size_t Flush() noexcept override { return 0; }

  static constexpr std::size_t kGrant = kHeartbeatSize + kLeasePayload;

  struct Grant {
    EndpointId id = kNoEndpoint;
    std::array<std::byte, kGrant> bytes{};
  };

  // What was answered to requests for leases since, and is no longer kept; likewise.
  [[nodiscard]] std::span<const Grant> TakeGrants() {
    const std::size_t count = grants_count_;
    grants_count_ = 0;
    return std::span(grants_).first(count);
  }

  // What was learnt since, and no longer kept; valid until the next Commit.
  [[nodiscard]] std::span<const Handle> TakeHandles() {
    const std::size_t count = std::exchange(count_, 0);
    return std::span(handles_).first(count);
  }

  // Probes, and requests for the way of one; likewise.
  [[nodiscard]] std::vector<std::vector<std::byte>> TakeQuestions() {
    std::vector<std::vector<std::byte>> out;
    const std::size_t count = std::exchange(asked_, 0);
    out.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      out.emplace_back(questions_[i].begin(), questions_[i].begin() + lengths_[i]);
    }
    return out;
  }

 private:
  void KeepGrant(EndpointId id, std::span<const std::byte, kGrant> bytes) noexcept {
    if (grants_count_ < grants_.size()) {
      Grant& grant = grants_[grants_count_++];
      grant.id = id;
      std::ranges::copy(bytes, grant.bytes.begin());
    }
  }

  static constexpr std::size_t kMostQuestions = 512;
  static constexpr std::size_t kLongestQuestion = 128;

  void Keep(std::uint32_t length) noexcept {
    if (asked_ < kMostQuestions && length <= kLongestQuestion) {
      std::copy_n(room_.begin(), length, questions_[asked_].begin());
      lengths_[asked_++] = length;
    }
  }

  std::array<std::byte, kReplyRoom> room_{};
  std::array<Handle, 4 * kBurst> handles_{};
  std::size_t count_ = 0;
  std::array<std::array<std::byte, kLongestQuestion>, kMostQuestions> questions_{};
  std::array<std::uint32_t, kMostQuestions> lengths_{};
  std::size_t asked_ = 0;
  std::array<Grant, kBurst> grants_{};
  std::size_t grants_count_ = 0;
};

struct SimulatedPort {
  FakeSource source;
  ReplySink sink;
  PortIdentity identity = [] {
    PortIdentity out = FakePort{}.identity;
    out.addresses = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 1}};
    return out;
  }();

  [[nodiscard]] Attachment attachment(std::uint8_t port) {
    return {.source = &source, .sink = &sink, .identity = &identity, .port = port};
  }
};

}  // namespace flatline
