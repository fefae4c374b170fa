// A port of a simulated world: frames that the world puts in, and of what the worker answers the
// handles, which its endpoints learn. Takes no memory in a worker's turn. One thread.
#pragma once

#include "tests/dataplane/fake_port.h"

#include <flatline/endpoint.h>
#include <flatline/heartbeat.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

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
    if (reply && reply->kind == HeartbeatKind::kAcknowledgement && count_ < handles_.size()) {
      handles_[count_++] = {.id = reply->id, .slot = reply->handle};
    }
  }

  std::size_t Flush() noexcept override { return 0; }

  // What was learnt since, and no longer kept; valid until the next Commit.
  [[nodiscard]] std::span<const Handle> TakeHandles() {
    const std::size_t count = count_;
    count_ = 0;
    return std::span(handles_).first(count);
  }

 private:
  std::array<std::byte, kReplyRoom> room_{};
  std::array<Handle, 4 * kBurst> handles_{};
  std::size_t count_ = 0;
};

struct SimulatedPort {
  FakeSource source;
  ReplySink sink;
  PortIdentity identity = FakePort{}.identity;

  [[nodiscard]] Attachment attachment(std::uint8_t port) {
    return {.source = &source, .sink = &sink, .identity = &identity, .port = port};
  }
};

}  // namespace flatline
