// An engine that asks, over ports of memory, and hosts that answer or not: for the tests of the
// prober. Invented time. Profile 16 beats every 100 ms, is suspect after 300 ms, dead 100 ms later,
// and is asked three times in between.
#pragma once

#include "dataplane/engine.h"
#include "dataplane/probe_frame.h"
#include "tests/dataplane/asked_host.h"
#include "tests/dataplane/fake_port.h"
#include "tests/dataplane/frames.h"
#include "tests/dataplane/plain_region.h"

#include <flatline/command_ring.h>
#include <flatline/round_trip.h>
#include <flatline/time.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {

using testing_frames::HeartbeatFrame;
using Bytes = std::vector<std::byte>;

inline constexpr ProfileId kAsked = kFirstOwnProfile;
inline constexpr EndpointId kId = 7;
inline constexpr IpAddress kUs4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 1};
inline constexpr IpAddress kUs6{0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

inline IpAddress Ip4(std::uint8_t b, std::uint8_t a) {
  return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, b, a};
}

inline AskedHost HostAt(const IpAddress& ip, EndpointId id = kId, std::uint16_t port = 40000) {
  FlatlineAgent agent{};
  agent.id = id;
  agent.incarnation = 1;
  return {agent,
          {.mac = {2, 0, 0, 0, 0, 2},
           .udp_port = port,
           .promiscuous = false,
           .addresses = {ip},
           .gateways = {}}};
}

class ProberTest : public testing::Test {
 protected:
  void Start(ProbeKind kind,
             unsigned workers = 1,
             bool pull = false,
             std::uint64_t rate = 100'000,
             std::uint64_t endpoints = 1000) {
    Config config = SmallConfig(endpoints, workers);
    config.dataplane.transition_ring = transition_ring_;
    config.guard.fleet_share_ppm = 0;  // all of a fleet fall silent here
    Profile& asked = config.profiles[kAsked];
    asked = MakeProfile("asked", Milliseconds(100), 3, confirmation_);
    asked.probe = kind;
    asked.probes = 3;
    asked.least_confirmation = least_confirmation_;
    asked.pull = pull ? 1 : 0;
    config.dataplane.default_profile = kAsked;
    region_ = std::make_unique<PlainRegion>(config);
    workers_ = workers;
    rate_ = rate;
    Adopt();
  }

  // A process takes over the region as it is.
  void Adopt() {
    engine_ = std::move(
        Engine::Create(region_->view(), {.probe_key = {3, 4}, .probe_rate = rate_}, now_).value());
    sent_.clear();
    sent_in_.clear();
    for (unsigned w = 0; w < workers_; ++w) {
      ports_[w].source.Clear();
      ports_[w].identity.addresses = {kUs4, kUs6};
      engine_->Attach(w, ports_[w].attachment());
    }
  }

  void Turn() {
    now_ += Milliseconds(1);
    for (unsigned w = workers_; w-- > 0;) {
      engine_->worker(w).Receive();
      engine_->worker(w).Turn(now_);
      region_->view().control().result_tails[w].value.store(
          region_->view().dataplane().result_heads[w].value.load());
      for (Bytes& bytes : ports_[w].sink.TakeSent()) {
        ++sent_in_[now_];
        sent_.push_back(std::move(bytes));
      }
    }
  }

  void TurnsUntil(Instant until) {
    while (now_ < until) {
      Turn();
    }
  }

  // Every frame that was sent is answered by those of the hosts who understand it.
  void AnsweringUntil(Instant until, const std::vector<AskedHost>& hosts, unsigned worker = 0) {
    while (now_ < until) {
      Turn();
      for (const Bytes& bytes : std::exchange(sent_, {})) {
        for (const AskedHost& host : hosts) {
          if (auto answer = host.Answer(bytes)) {
            ports_[worker].source.Put(std::move(*answer));
          }
        }
      }
    }
  }

  void Beat(const testing_frames::Route& route = {}, EndpointId id = kId) {
    ports_[0].source.Put(
        HeartbeatFrame({.id = id, .incarnation = 1, .sequence = ++sequence_}, {}, route));
    Turn();
    Turn();
  }

  [[nodiscard]] std::vector<Transition> Told() {
    std::vector<Transition> out;
    for (unsigned w = 0; w < workers_; ++w) {
      TransitionConsumer control(region_->view().dataplane().transition_heads[w],
                                 region_->view().control().transition_tails[w],
                                 region_->view().transitions(w));
      for (std::uint64_t i = control.tail(); i < control.head(); ++i) {
        if (control.At(i).kind != TransitionKind::kBlind) {
          out.push_back(control.At(i));
        }
      }
      region_->view().control().transition_tails[w].value.store(control.head());
    }
    return out;
  }

  [[nodiscard]] std::vector<Reason> Reasons() {
    std::vector<Reason> out;
    std::ranges::transform(Told(), std::back_inserter(out), &Transition::reason);
    return out;
  }

  [[nodiscard]] std::uint64_t Count(Counter counter) {
    TurnsUntil(now_ + Milliseconds(2));  // housekeeping publishes
    std::uint64_t out = 0;
    for (unsigned w = 0; w < workers_; ++w) {
      out += region_->view().dataplane().counters[w][counter];
    }
    return out;
  }

  void Give(const Command& command) {
    const RegionView& view = region_->view();
    const unsigned owner = ShardOf(HashEndpoint(command.id, view.header().hash_key), workers_);
    SharedRing<Command> ring(view.control().command_heads[owner],
                             view.dataplane().command_tails[owner],
                             view.commands(owner));
    ASSERT_TRUE(ring.TryPush(command));
  }

  void Enrol(EndpointId id, const IpAddress& at, std::uint16_t udp_port = 40000) {
    Give({.id = id, .profile = kAsked, .kind = CommandKind::kEnrol});
    std::array<std::byte, 18> bytes{};
    std::ranges::transform(
        at, bytes.begin(), [](std::uint8_t byte) { return static_cast<std::byte>(byte); });
    wire::Store(bytes.data() + 16, udp_port);
    for (unsigned part = 0; part < 3; ++part) {
      Give({.id = id,
            .group = wire::Load<std::uint32_t>(bytes.data() + 6 * part),
            .profile = wire::Load<std::uint16_t>(bytes.data() + 6 * part + 4),
            .kind = static_cast<CommandKind>(7 + part)});
    }
  }

  [[nodiscard]] std::uint8_t RoundTrip() const {
    for (std::size_t slot = 0; slot < region_->view().records().size(); ++slot) {
      if (region_->view().records()[slot].id.load() == kId) {
        return region_->view().addresses()[slot].round_trip;
      }
    }
    return 0;
  }

  Instant now_{Milliseconds(1000)};
  std::unique_ptr<PlainRegion> region_;
  std::array<FakePort, 2> ports_;
  std::unique_ptr<Engine> engine_;
  unsigned workers_ = 1;
  std::uint64_t rate_ = 0;
  Duration confirmation_ = Milliseconds(100);
  Duration least_confirmation_{};
  std::uint32_t transition_ring_ = 1U << 14;
  std::uint32_t sequence_ = 0;
  std::vector<Bytes> sent_;
  std::map<Instant, std::size_t> sent_in_;
};

}  // namespace flatline
