// Leases on one core: how many renewals a second a worker answers, from the frame in to the frame
// out, each by another endpoint of its own lease; and how many tenures a second it ends and tells
// when all run out in the same instant. Time is invented, 50 us a turn, so that each round does the
// same work. Prints rows `lease.*`, medians of the rounds; fails if a request was not answered as
// granted, or an end was not told. Not measured: control, which is taken to keep up; making the
// frames is in the time.
#include "bench/core_seconds.h"
#include "dataplane/engine.h"
#include "dataplane/shared_region.h"
#include "tests/dataplane/frames.h"
#include "tests/dataplane/plain_region.h"

#include <flatline/agent_lease.h>
#include <flatline/config.h>
#include <flatline/region.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <stdexcept>
#include <vector>

namespace flatline {
namespace {

constexpr std::size_t kPayload = 42;  // behind Ethernet, IPv4 and UDP
constexpr std::size_t kNumber = kPayload + kHeartbeatSize + 10;
constexpr std::size_t kRounds = 9;
constexpr std::size_t kFramesPerTurn = kBurst - 1;  // a full burst would mean that more waits
constexpr Instant kStart{Milliseconds(1'000'000)};
constexpr Duration kTurn{50'000};
constexpr std::uint32_t kTermMs = 600'000;

Config BenchConfig(std::uint64_t leases) {
  Config out = SmallConfig(leases);
  out.dataplane.leases = static_cast<std::uint32_t>(leases);
  out.dataplane.default_profile = 5;
  out.dataplane.transition_ring = 1U << 20;
  return out;
}

// One message from each endpoint in turn, its id and number written over.
class EachInTurn final : public FrameSource {
 public:
  EachInTurn(const std::vector<std::byte>& like, std::uint64_t endpoints, bool is_request)
      : endpoints_(endpoints), is_request_(is_request) {
    for (std::size_t i = 0; i < kFramesPerTurn; ++i) {
      buffers_[i] = like;
      frames_[i] = {.data = buffers_[i].data(),
                    .length = static_cast<std::uint32_t>(like.size()),
                    .ip_checksum = ChecksumStatus::kGood,
                    .udp_checksum = ChecksumStatus::kGood};
    }
  }

  std::span<const Frame> Receive() noexcept override {
    std::size_t count = 0;
    for (; count < kFramesPerTurn && sent_ < endpoints_; ++count) {
      std::byte* const message = buffers_[count].data();
      const std::uint64_t id = ++sent_;
      wire::Store<std::uint64_t>(message + kPayload + 8, id);
      if (is_request_) {
        wire::Store<std::uint64_t>(message + kPayload + 24, ++clock_);
        wire::Store<std::uint64_t>(message + kNumber, id);
      }
    }
    return {frames_.data(), count};
  }

  void Release() noexcept override {}

  // Once more, each.
  void Rewind() { sent_ = 0; }

 private:
  std::uint64_t endpoints_;
  bool is_request_;
  std::uint64_t sent_ = 0;
  std::uint64_t clock_ = 0;
  std::array<std::vector<std::byte>, kFramesPerTurn> buffers_;
  std::array<Frame, kFramesPerTurn> frames_{};
};

class GrantsCounted final : public FrameSink {
 public:
  std::byte* Claim() noexcept override { return room_.data(); }

  void Commit(std::uint32_t) noexcept override {
    const std::byte* const message = room_.data() + kPayload;
    granted_ += message[3] == std::byte{6} && message[kHeartbeatSize + 3] == std::byte{0} ? 1 : 0;
  }

  std::size_t Flush() noexcept override { return 0; }

  [[nodiscard]] std::uint64_t granted() const { return granted_; }

 private:
  std::array<std::byte, kReplyRoom> room_{};
  std::uint64_t granted_ = 0;
};

void Drain(const RegionView& region) {
  region.control().transition_tails[0].value.store(
      region.dataplane().transition_heads[0].value.load());
}

double MedianOf(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
  return values[values.size() / 2];
}

std::vector<std::byte> RequestFrame() {
  FlatlineAgent agent{};
  agent.id = 1;
  agent.incarnation = 1;
  agent.sequence = 1;
  FlatlineLease lease{};
  lease.space = kFlatlineLeaseOwn;
  lease.term_ms = kTermMs;
  std::array<std::uint8_t, kFlatlineLargestLeaseRequest> bytes{};
  const std::size_t size = FlatlineEncodeLeaseRequest(&agent, &lease, 1, bytes.data());
  return testing_frames::UdpFrame(std::as_bytes(std::span(bytes).first(size)));
}

double RenewalsPerSecond(std::uint64_t endpoints) {
  const PlainRegion region(BenchConfig(endpoints));
  Instant now = kStart;
  const auto engine =
      Engine::Create(region.view(), {.leases = {.epoch = 1, .longest = Milliseconds(kTermMs)}}, now)
          .value();
  EachInTurn beats(
      testing_frames::HeartbeatFrame({.id = 1, .incarnation = 1, .sequence = 1}), endpoints, false);
  EachInTurn requests(RequestFrame(), endpoints, true);
  GrantsCounted sink;
  const PortIdentity identity{
      .mac = {2, 0, 0, 0, 0, 1}, .udp_port = kHeartbeatPort, .promiscuous = false, .addresses = {}};
  engine->Attach(0, {.source = &beats, .sink = &sink, .identity = &identity, .port = 0});
  engine->Attach(0, {.source = &requests, .sink = &sink, .identity = &identity, .port = 1});
  const std::uint64_t turns = endpoints / kFramesPerTurn + 2;
  const auto live = [&] {
    for (std::uint64_t turn = 0; turn < turns; ++turn) {
      now += kTurn;
      engine->worker(0).Receive();
      engine->worker(0).Turn(now);
    }
    Drain(region.view());
  };
  live();  // who is not known yet is not answered
  requests.Rewind();
  live();  // grants
  std::vector<double> seconds;
  const std::uint64_t before = sink.granted();
  for (std::size_t round = 0; round < kRounds; ++round) {
    requests.Rewind();
    const double began = CoreSeconds();
    live();
    seconds.push_back(CoreSeconds() - began);
  }
  if (sink.granted() - before != kRounds * endpoints) {
    throw std::runtime_error("not every request was granted");
  }
  return static_cast<double>(endpoints) / MedianOf(seconds);
}

double ExpiriesPerSecond(std::uint64_t leases) {
  const PlainRegion region(BenchConfig(leases));
  const RegionView& view = region.view();
  TransitionProducer ring(view.dataplane().transition_heads[0],
                          view.control().transition_tails[0],
                          view.transitions(0));
  Tally tally;
  HearingInstant hearing{kStart.time_since_epoch()};
  LeaseTable table(view, 0, {.epoch = 1, .longest = Milliseconds(kTermMs)}, hearing);
  std::vector<double> seconds;
  for (std::size_t round = 0; round < kRounds; ++round) {
    Moment moment{
        .now = Instant{hearing.time_since_epoch()}, .hearing = hearing, .horizon = hearing};
    for (std::uint64_t id = 1; id <= leases; ++id) {
      static_cast<void>(table.Ask({.message = {.name = {.number = id}, .term_ms = kTermMs},
                                   .id = id,
                                   .incarnation = 1,
                                   .sent_ns = 1},
                                  moment,
                                  ring,
                                  tally));
    }
    Drain(view);
    hearing += Milliseconds(kTermMs);
    moment.horizon = hearing;
    const double began = CoreSeconds();
    while (table.Expire(moment, kLeasesPerTurn, ring, tally)) {
      Drain(view);
    }
    seconds.push_back(CoreSeconds() - began);
    Drain(view);
  }
  if (tally.values[static_cast<std::size_t>(Counter::kLeasesExpired)] != kRounds * leases) {
    throw std::runtime_error("not every end was told");
  }
  return static_cast<double>(leases) / MedianOf(seconds);
}

int Run(std::uint64_t leases) {
  std::printf("lease.renewals_per_core %.3g 1/s\n", RenewalsPerSecond(leases));
  std::printf("lease.expiries_per_core %.3g 1/s\n", ExpiriesPerSecond(leases));
  return 0;
}

}  // namespace
}  // namespace flatline

int main(int argc, char** argv) {
  try {
    return flatline::Run(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100'000);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "lease_bench: %s\n", error.what());
    return 1;
  }
}
