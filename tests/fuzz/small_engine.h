// An engine of two workers over a small region, with a port for each in memory and a clock that the
// input moves. Used by the targets that let a dataplane live with hostile bytes. Some microseconds
// a turn.
#pragma once

#include "dataplane/engine.h"
#include "tests/dataplane/fake_port.h"
#include "tests/dataplane/frames.h"

#include <flatline/check.h>
#include <flatline/region.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace flatline {

class SmallEngine {
 public:
  // Null inside where the region cannot be adopted: see refusal(). The ports have these addresses.
  explicit SmallEngine(const RegionView& region,
                       const EngineOptions& options = {},
                       const std::vector<IpAddress>& addresses = {})
      : region_(region) {
    auto made = Engine::Create(region, options, now_);
    if (!made) {
      refusal_ = made.error();
      return;
    }
    engine_ = std::move(*made);
    for (unsigned worker = 0; worker < kWorkers; ++worker) {
      ports_[worker].identity.addresses = addresses;
      engine_->Attach(worker, ports_[worker].attachment());
    }
  }

  // Empty: it turns.
  [[nodiscard]] const std::string& refusal() const noexcept { return refusal_; }

  // Both workers, `step` later; what each publishes meanwhile is entries of its ring, one by one.
  void Turn(Duration step) {
    now_ += step;
    for (unsigned worker = 0; worker < kWorkers; ++worker) {
      auto& head = region_.dataplane().transition_heads[worker].value;
      const std::uint64_t before = head.load();
      engine_->worker(worker).Receive();
      engine_->worker(worker).Turn(now_);
      FLATLINE_CHECK(head.load() - before <= region_.shape().transition_capacity);
      CheckTold(worker, before, head.load());
      sent_[worker] = ports_[worker].sink.TakeSent();
    }
  }

  void Beat(unsigned worker, const Heartbeat& heartbeat, std::span<const std::byte> elements = {}) {
    ports_[worker % kWorkers].source.Put(testing_frames::HeartbeatFrame(heartbeat, elements));
  }

  // A frame as it is.
  void Take(unsigned worker, std::vector<std::byte> frame) {
    ports_[worker % kWorkers].source.Put(std::move(frame));
  }

  // The frames that the worker sent in the last turn.
  [[nodiscard]] const std::vector<std::vector<std::byte>>& sent(unsigned worker) const noexcept {
    return sent_[worker % kWorkers];
  }

  void Hear(unsigned worker, std::span<const std::byte> datagram) {
    ports_[worker % kWorkers].source.Put(testing_frames::UdpFrame(datagram));
  }

 private:
  static constexpr unsigned kWorkers = 2;

  void CheckTold(unsigned worker, std::uint64_t from, std::uint64_t to) const {
    const auto entries = region_.transitions(worker);
    for (; from != to; ++from) {
      const Transition& told = entries[from & (entries.size() - 1)];
      FLATLINE_CHECK(static_cast<std::size_t>(told.liveness) < kLivenessNames.size());
      FLATLINE_CHECK(static_cast<std::size_t>(told.reason) < kReasonNames.size());
      FLATLINE_CHECK(told.at <= now_);
      if (told.kind == TransitionKind::kLease) {
        FLATLINE_CHECK(told.id != kNoEndpoint && told.from < kLeaseSpaceNames.size());
        continue;
      }
      FLATLINE_CHECK((told.id == kNoEndpoint) == !ConcernsEndpoint(told));
      FLATLINE_CHECK(told.id == kNoEndpoint ||
                     told.slot / region_.shape().slots_per_worker == worker);
      FLATLINE_CHECK(told.silence >= Duration{});
    }
  }

  RegionView region_;
  std::string refusal_;
  Instant now_{Milliseconds(10'000)};
  std::array<FakePort, kWorkers> ports_;
  std::array<std::vector<std::vector<std::byte>>, kWorkers> sent_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace flatline
