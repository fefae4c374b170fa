// A shard whose profiles judge by history, against a model that knows every endpoint's deadline: no
// suspicion comes before the deadline, and none later than a tick and two stamp units after it. So
// one lazy entry of the wheel for 64 records is early enough, though each heartbeat moves the
// deadline of its record by as much as it likes.
#include "dataplane/shard.h"
#include "tests/dataplane/plain_region.h"

#include <flatline/detectors.h>
#include <flatline/transition_ring.h>

#include <array>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

// Few to a profile, so to a block: where there are many, somebody's deadline is always near, and an
// entry that is due too late is not found out.
constexpr std::size_t kProfiles = kMaxProfiles - kFirstOwnProfile;
constexpr std::size_t kEndpoints = 3 * kProfiles / 2;
constexpr Duration kStep = Milliseconds(1);
constexpr Duration kLateness = kTick + 2 * kStampUnit + kStep;

Profile Adaptive(DetectorKind kind, std::string_view name, Duration interval, Duration allowance) {
  Profile out = MakeProfile(name, interval, 4, 2 * interval);
  out.detector = kind;
  out.allowance = allowance;
  out.deviations = kind == DetectorKind::kChen ? 3 : 0;
  out.timeout = interval * 20;
  return out;
}

Config ConfigOfMany() {
  Config config = SmallConfig(kEndpoints * 4);
  config.dataplane.transition_ring = 1U << 14;
  for (ProfileId id = kFirstOwnProfile; id < kMaxProfiles; ++id) {
    const DetectorKind kind = id % 2 == 0 ? DetectorKind::kPhi : DetectorKind::kChen;
    config.profiles[id] =
        Adaptive(kind, std::to_string(id), Milliseconds(5 + id), Milliseconds(id % 7));
  }
  return config;
}

struct Endpoint {
  EndpointId id = kNoEndpoint;
  ProfileId profile = kDefaultProfile;
  Duration next{};
  Duration usual{};
  double jitter = 0;
  std::uint32_t sequence = 0;
  bool is_alive = false;
  std::optional<HearingInstant> deadline;  // of one that is alive
};

class Model {
 public:
  explicit Model(std::uint64_t seed) : random_(seed) {
    for (std::size_t i = 0; i < kEndpoints; ++i) {
      Endpoint endpoint{.id = i + 1,
                        .profile = static_cast<ProfileId>(kFirstOwnProfile + i % kProfiles),
                        .next = {},
                        .usual = {},
                        .jitter = std::array{.0, .05, .5, .95}[random_() % 4],
                        .sequence = 0,
                        .is_alive = false,
                        .deadline = {}};
      // Some beat faster than promised, some slower.
      endpoint.usual = config_.profiles[endpoint.profile].interval *
                       static_cast<std::int64_t>(1 + random_() % 6) / 2;
      endpoint.next = now_ + Milliseconds(static_cast<std::int64_t>(random_() % 100));
      fleet_.push_back(endpoint);
    }
    shard_ = std::move(Shard::Create(region_.view(), 0, Now()).value());
  }

  // A step of time: heartbeats, a turn, and what it told against the deadlines.
  void Step() {
    now_ += kStep;
    for (Endpoint& endpoint : fleet_) {
      if (endpoint.next <= now_) {
        Beat(endpoint);
      }
    }
    const Moment moment = Now();
    shard_->Reclaim(moment);
    while (shard_->Expire(moment, 4096, ring_, tally_)) {
    }
    CheckTold();
    for (const Endpoint& endpoint : fleet_) {
      ASSERT_FALSE(endpoint.deadline && Hearing() > *endpoint.deadline + kLateness)
          << "endpoint " << endpoint.id << " is late";
    }
  }

  [[nodiscard]] std::uint64_t suspicions() const { return suspicions_; }

  [[nodiscard]] std::uint64_t earlier() const { return earlier_; }

 private:
  [[nodiscard]] HearingInstant Hearing() const { return HearingInstant{now_}; }

  [[nodiscard]] Moment Now() const {
    return {.now = Instant{now_}, .hearing = Hearing(), .horizon = Hearing()};
  }

  [[nodiscard]] const EndpointRecord& RecordOf(const Endpoint& endpoint) const {
    return region_.view().records()[shard_->index().Find(
        endpoint.id, HashEndpoint(endpoint.id, region_.view().header().hash_key))];
  }

  void Beat(Endpoint& endpoint) {
    const double wide = std::uniform_real_distribution<double>(-1, 1)(random_) * endpoint.jitter;
    const bool dies = random_() % 50 == 0;
    endpoint.next += Duration{static_cast<std::int64_t>(
        static_cast<double>(endpoint.usual.count()) * (1 + wide) * (dies ? 40 : 1))};
    endpoint.sequence += random_() % 8 == 0 ? 3 : 1;
    Handoff heard;
    heard.heartbeat.id = endpoint.id;
    heard.heartbeat.sequence = endpoint.sequence;
    heard.heartbeat.incarnation = 1;
    heard.heartbeat.profile = endpoint.profile;
    heard.stamp = StampOf(Hearing());
    const Moment moment = Now();
    ASSERT_TRUE(shard_->Hear(heard, Arrived::kFromNetwork, moment, ring_, tally_).counted);
    endpoint.is_alive = true;
    const SilenceRule& rule = shard_->detector().TimingOf(endpoint.profile).silence;
    const Arrival arrival = Arrival::Unpack(RecordOf(endpoint).arrival);
    const HearingInstant deadline = Hearing() + AllowedSilence(rule, arrival) * kStampUnit;
    earlier_ += endpoint.deadline && deadline < *endpoint.deadline ? 1 : 0;
    endpoint.deadline = deadline;
  }

  void CheckTold() {
    TransitionConsumer consumer(region_.view().dataplane().transition_heads[0],
                                region_.view().control().transition_tails[0],
                                region_.view().transitions(0));
    for (std::uint64_t i = consumer.tail(); i < consumer.head(); ++i) {
      const Transition& told = consumer.At(i);
      if (told.reason != Reason::kDeadlineMissed) {
        continue;
      }
      Endpoint& endpoint = fleet_[told.id - 1];
      ++suspicions_;
      ASSERT_TRUE(endpoint.deadline) << "endpoint " << told.id << " was suspect already";
      EXPECT_GE(Hearing(), *endpoint.deadline) << "endpoint " << told.id << " is early";
      endpoint.deadline.reset();
    }
    consumer.Release(consumer.head());
  }

  std::mt19937_64 random_;
  Config config_ = ConfigOfMany();
  PlainRegion region_{config_};
  TransitionProducer ring_{region_.view().dataplane().transition_heads[0],
                           region_.view().control().transition_tails[0],
                           region_.view().transitions(0)};
  Tally tally_;
  Duration now_ = Milliseconds(50'000);
  std::vector<Endpoint> fleet_;
  std::unique_ptr<Shard> shard_;
  std::uint64_t suspicions_ = 0;
  std::uint64_t earlier_ = 0;
};

TEST(AdaptiveDeadline, IsMetThoughNoHeartbeatTouchesTheWheel) {
  const std::uint64_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  Model model(seed);
  for (int step = 0; step < 100'000; ++step) {
    model.Step();
    ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed << ", step " << step;
  }
  std::cout << model.suspicions() << " suspicions, " << model.earlier()
            << " heartbeats that moved a deadline to an earlier instant\n";
  EXPECT_GT(model.suspicions(), 1000U);
  EXPECT_GT(model.earlier(), 200U) << "else the wheel was not put to the test";
}

}  // namespace
}  // namespace flatline
