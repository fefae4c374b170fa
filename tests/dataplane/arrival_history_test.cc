// What the gaps between heartbeats leave in a record, and that pauses do not spoil it.
#include "dataplane/arrival_history.h"

#include "dataplane/detector.h"

#include <flatline/detectors.h>

#include <cmath>
#include <iostream>
#include <random>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr std::int32_t kSecond = 15'259;  // stamp units

// As it comes back from the record.
Arrival After(const Arrival& before, std::int32_t gap, std::uint32_t steps = 1) {
  return Arrival::Unpack(Remember(before.Pack(), gap, steps));
}

double DeviationOf(const Arrival& arrival) {
  return std::sqrt(static_cast<double>(arrival.variance));
}

TEST(ArrivalHistory, TheFirstGapsWeighTheSame) {
  Arrival arrival = After({}, 800);
  EXPECT_EQ(arrival.interval, 800.0F);
  EXPECT_EQ(arrival.variance, 0.0F);
  arrival = After(arrival, 1600);
  EXPECT_EQ(arrival.interval, 1200.0F);
  EXPECT_EQ(arrival.variance, 160'000.0F);
  arrival = After(arrival, 1200);
  EXPECT_EQ(arrival.interval, 1200.0F);
  EXPECT_NEAR(arrival.variance, 320'000.0 / 3, 50);
  EXPECT_EQ(arrival.count, 3U);
}

TEST(ArrivalHistory, ThenOneInSoManyIsForgottenWithEach) {
  Arrival arrival;
  for (int i = 0; i < 500; ++i) {
    arrival = After(arrival, kSecond);
  }
  EXPECT_EQ(arrival.count, kMostCounted);
  EXPECT_NEAR(arrival.interval, kSecond, kSecond * .002);
  const Arrival next = After(arrival, 2 * kSecond);
  EXPECT_NEAR(next.interval - arrival.interval, kSecond / 128.0, kSecond * .001);
}

// Mean and standard deviation of what went in, however coarsely they are kept.
TEST(ArrivalHistory, FollowsMeanAndDeviation) {
  const std::uint64_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::mt19937_64 random(seed);
  for (const double mean : {150., 15'259., 4e8}) {
    for (const double share : {.01, .2, .5}) {
      std::normal_distribution<double> gaps(mean, share * mean);
      Arrival arrival;
      double sum = 0;
      double deviations = 0;
      for (int i = 0; i < 40'000; ++i) {
        arrival = After(arrival, static_cast<std::int32_t>(std::max(0.0, gaps(random))));
        sum += i < 2000 ? 0 : arrival.interval;
        deviations += i < 2000 ? 0 : DeviationOf(arrival);
      }
      EXPECT_NEAR(sum / 38'000, mean, mean * (.01 + share * .03)) << "seed " << seed;
      EXPECT_NEAR(deviations / 38'000, share * mean, share * mean * .1 + 1) << "seed " << seed;
    }
  }
}

TEST(ArrivalHistory, AStampOfAnotherWorkerMayBeAhead) {
  Arrival arrival;
  for (int i = 0; i < 500; ++i) {
    arrival = After(arrival, i % 2 == 0 ? -3 : 10);
    ASSERT_GE(arrival.variance, 0.0F);
  }
  EXPECT_NEAR(arrival.interval, 3.5, .2);
}

TEST(ArrivalHistory, LossWidensTheDeviationAndLeavesTheInterval) {
  Arrival arrival;
  for (int i = 1; i <= 2000; ++i) {
    const std::uint32_t steps = i % 20 == 0 ? 3 : 1;
    arrival = After(arrival, static_cast<std::int32_t>(steps) * kSecond, steps);
  }
  EXPECT_NEAR(arrival.interval, kSecond, kSecond * .003);
  EXPECT_NEAR(DeviationOf(arrival), std::sqrt(4.0 / 20) * kSecond, .1 * kSecond)
      << "of gaps one in twenty of which is two seconds longer";
}

TEST(ArrivalHistory, ExpectsByTheMeanOfSeveralArrivals) {
  Arrival arrival;
  for (int i = 0; i < 300; ++i) {
    arrival = After(arrival, kSecond);
  }
  EXPECT_NEAR(arrival.lead, 0, kSecond * .02);
  arrival = After(arrival, kSecond + 2000);
  EXPECT_NEAR(arrival.lead, -2000 * 7 / 8., 400) << "it was late; the next one is expected on time";
  arrival = After(arrival, kSecond - 2000);
  EXPECT_NEAR(arrival.lead, 0, 500);
  const Arrival lossy = After(arrival, 3 * kSecond - 1000, 3);
  EXPECT_NEAR(lossy.lead, 1000 * 7 / 8., 500) << "early, by its sequence";
  EXPECT_EQ(After(arrival, kSecond, 30).lead, 0.0F) << "we were deaf: it says nothing";
  EXPECT_EQ(After(arrival, kSecond, 100'000).lead, 0.0F) << "a sequence that is a clock";
}

Profile PhiProfile() {
  Profile out = MakeProfile("x", Milliseconds(1000), 3, Milliseconds(1000));
  out.detector = DetectorKind::kPhi;
  out.threshold = 8;
  out.allowance = Milliseconds(3000);
  out.timeout = Milliseconds(30'000);
  return out;
}

// The way of a heartbeat through record and detector.
struct Endpoint {
  std::array<Profile, kMaxProfiles> profiles{};
  EndpointRecord record;
  Stamp now = 0;
  std::uint32_t sequence = 0;

  explicit Endpoint(const Profile& profile = PhiProfile()) {
    profiles[kFirstOwnProfile] = profile;
    record.state = EndpointState{Liveness::kAlive, Health::kReady, kFirstOwnProfile}.Pack();
  }

  // Whether it was suspect when the heartbeat after this gap came; it is alive again then.
  bool Beat(std::int32_t gap) {
    const Detector detector(profiles, kFirstOwnProfile);
    now += static_cast<Stamp>(gap);
    RecordView seen = View(record);
    const std::uint64_t arrival = record.arrival;
    const bool suspected =
        detector.Judge(seen.state, arrival, seen.heard.stamp, now).reason != Reason::kNone;
    seen.state.liveness = suspected ? Liveness::kSuspect : Liveness::kAlive;
    StampOwn(record, ++sequence, now);
    NoteGap(record, seen, detector.sampling(), sequence, now);
    return suspected;
  }

  [[nodiscard]] std::uint32_t Allowed() const {
    return AllowedSilence(RuleOf(profiles[kFirstOwnProfile]), Arrival::Unpack(record.arrival));
  }
};

TEST(ArrivalHistory, APauseOfFiveMinutesDoesNotHideTheNext) {
  Endpoint endpoint;
  for (int i = 0; i < 200; ++i) {
    ASSERT_FALSE(endpoint.Beat(kSecond)) << i;
  }
  const std::uint32_t before = endpoint.Allowed();
  for (int pause = 0; pause < 20; ++pause) {
    EXPECT_TRUE(endpoint.Beat(300 * kSecond)) << pause;
    EXPECT_EQ(endpoint.Allowed(), before) << pause;
    EXPECT_FALSE(endpoint.Beat(kSecond));
    EXPECT_TRUE(endpoint.Beat(6 * kSecond)) << "nor a shorter one";
  }
}

TEST(ArrivalHistory, AnIntervalIsLearntWhateverWasPromised) {
  Profile profile = PhiProfile();
  profile.detector = DetectorKind::kLearnt;
  profile.threshold = 3;
  for (const std::int32_t interval : {kSecond / 4, 5 * kSecond}) {
    Endpoint endpoint(profile);
    for (int i = 0; i < 40; ++i) {
      ASSERT_FALSE(endpoint.Beat(interval)) << i << ": it keeps its interval";
    }
    EXPECT_NEAR(endpoint.Allowed(), 3 * interval, interval * .001) << interval;
    EXPECT_FALSE(endpoint.Beat(3 * interval - 10));
    EXPECT_TRUE(endpoint.Beat(4 * interval));
  }
}

TEST(ArrivalHistory, AnAcceptablePauseIsForgiven) {
  Endpoint endpoint;
  for (int i = 0; i < 200; ++i) {
    endpoint.Beat(kSecond);
  }
  EXPECT_FALSE(endpoint.Beat(4 * kSecond)) << "a second, and three of pause";
  EXPECT_LT(endpoint.Allowed(), 7U * kSecond) << "and remembered a little";
}

}  // namespace
}  // namespace flatline
