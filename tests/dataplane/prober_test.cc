// Asking, from end to end over a whole engine and ports of memory: who is asked and how often, what
// an answer means and what is none, and every bound. Invented time. Profile 16 beats every 100 ms,
// is suspect after 300 ms, dead 100 ms later, and is asked three times in between.
#include "tests/dataplane/asking_engine.h"

#include <flatline/command_ring.h>
#include <flatline/round_trip.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

TEST_F(ProberTest, AsksASuspectAsOftenAsItsProfileSaysAndWaitsForItsSilence) {
  Start(ProbeKind::kNative);
  Beat();
  const Instant spoke = now_ - Milliseconds(1);
  TurnsUntil(spoke + Milliseconds(299));
  EXPECT_TRUE(sent_.empty());
  TurnsUntil(spoke + Milliseconds(600));
  ASSERT_EQ(sent_in_.size(), 3U);
  const Instant first = sent_in_.begin()->first;
  EXPECT_LE(first, spoke + Milliseconds(304));
  EXPECT_GE(sent_in_.rbegin()->first - first, Milliseconds(50)) << "spread over the confirmation";
  EXPECT_LE(sent_in_.rbegin()->first - first, Milliseconds(56));
  const auto told = Told();
  ASSERT_EQ(told.size(), 3U);
  EXPECT_EQ(told[2].reason, Reason::kNotConfirmed) << "it was never known to answer";
  EXPECT_GE(told[2].at, spoke + Milliseconds(399));
}

TEST_F(ProberTest, AnAnswerKeepsItAliveAndIsMeasured) {
  for (const ProbeKind kind : {ProbeKind::kNative, ProbeKind::kEcho}) {
    sequence_ = 0;
    Start(kind);
    Beat();
    (void)Told();
    AnsweringUntil(now_ + Milliseconds(320), {HostAt(Ip4(0, 2))});
    EXPECT_EQ(Reasons(), (std::vector{Reason::kDeadlineMissed, Reason::kProbeAnswered}));
    EXPECT_EQ(RoundTripOf(RoundTrip()), RoundTripOf(CodeOfRoundTrip(Milliseconds(1))));
    AnsweringUntil(now_ + Milliseconds(3000), {HostAt(Ip4(0, 2))});
    for (const Reason reason : Reasons()) {
      EXPECT_TRUE(reason == Reason::kDeadlineMissed || reason == Reason::kProbeAnswered);
    }
    EXPECT_GT(Count(Counter::kProbeReplies), 5U);
    EXPECT_EQ(Count(Counter::kProbesUnmatched), 0U);
    ports_[0].source.Put(HeartbeatFrame({.id = kId, .incarnation = 1, .sequence = ++sequence_}));
    Turn();
    EXPECT_EQ(Count(Counter::kHeartbeats), 2U) << "the next heartbeat is not old";
  }
}

TEST_F(ProberTest, OneWhoUsedToAnswerIsDeadSooner) {
  Start(ProbeKind::kEcho);
  Beat();
  AnsweringUntil(now_ + Milliseconds(320), {HostAt(Ip4(0, 2))});
  (void)Told();
  Beat();
  const Instant spoke = now_ - Milliseconds(1);
  TurnsUntil(spoke + Milliseconds(395));
  const auto told = Told();
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[1].reason, Reason::kProbeUnanswered);
  EXPECT_EQ(told[1].liveness, Liveness::kDead);
  EXPECT_GE(told[1].at - told[0].at, Milliseconds(75));
}

TEST_F(ProberTest, WhatWasLostWhileWeWereDeafCountsForNothing) {
  Start(ProbeKind::kEcho);
  Beat();
  AnsweringUntil(now_ + Milliseconds(320), {HostAt(Ip4(0, 2))});
  Beat();
  (void)Told();
  TurnsUntil(now_ + Milliseconds(340));
  sent_in_.clear();
  now_ += Milliseconds(5000);  // a stall
  const Instant hears = now_;
  TurnsUntil(hears + Milliseconds(200));
  const auto told = Told();
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[1].reason, Reason::kNotConfirmed) << "not by silence that may be ours";
  EXPECT_GE(told[1].at, hears + Milliseconds(50));
  EXPECT_EQ(sent_in_.size(), 2U) << "the third, and one more";
}

TEST_F(ProberTest, AForgedAnswerKeepsNobodyAlive) {
  Start(ProbeKind::kNative);
  Beat();
  TurnsUntil(now_ + Milliseconds(310));
  ASSERT_EQ(sent_.size(), 1U);
  (void)Told();
  const Bytes good = HostAt(Ip4(0, 2)).Answer(sent_[0]).value();
  for (const std::size_t at : {57U, 65U, 66U, 73U}) {  // id, sequence, cookie's ends
    Bytes forged = good;
    forged[at] ^= std::byte{1};
    forged[40] = forged[41] = std::byte{0};  // without a checksum
    ports_[0].source.Put(forged);
  }
  testing_frames::Route route;
  route.from_ip = {10, 0, 0, 3};
  ports_[0].source.Put(testing_frames::UdpFrame(std::span(good).subspan(42), route));
  route = {};
  route.from_port = 40001;
  ports_[0].source.Put(testing_frames::UdpFrame(std::span(good).subspan(42), route));
  Turn();
  Turn();
  EXPECT_TRUE(Told().empty());
  EXPECT_EQ(Count(Counter::kProbesUnmatched), 6U);
  EXPECT_EQ(Count(Counter::kProbeReplies), 0U);
  ports_[0].source.Put(good);
  Turn();
  Turn();
  EXPECT_EQ(Reasons(), std::vector{Reason::kProbeAnswered}) << "the true one is still believed";
}

TEST_F(ProberTest, AnAnswerSentAgainKeepsNobodyAlive) {
  Start(ProbeKind::kNative);
  Beat();
  TurnsUntil(now_ + Milliseconds(310));
  const Bytes good = HostAt(Ip4(0, 2)).Answer(sent_.at(0)).value();
  Instant died{};
  for (int i = 0; i < 800 && died == Instant{}; ++i) {
    ports_[0].source.Put(good);
    Turn();
    for (const Transition& told : Told()) {
      died = told.liveness == Liveness::kDead ? told.at : died;
    }
  }
  EXPECT_NE(died, Instant{});
  EXPECT_LE(died, Instant{Milliseconds(1000 + 2 + 310 + 410)}) << "as of when it was asked";
  for (int i = 0; i < 100; ++i) {
    ports_[0].source.Put(good);
    Turn();
  }
  EXPECT_TRUE(Told().empty());
  EXPECT_GT(Count(Counter::kProbesUnmatched), 100U) << "stale";
}

TEST_F(ProberTest, AnAnswerByAnotherWayThanTheProfilesCountsForNothing) {
  Start(ProbeKind::kNative);
  Beat();
  TurnsUntil(now_ + Milliseconds(310));
  (void)Told();
  // The probe, brought back by an echo reply: who forged it has no need of the agent's key.
  const Frame frame{.data = sent_[0].data(), .length = static_cast<std::uint32_t>(sent_[0].size())};
  std::array<std::byte, kReplyRoom> room{};
  const PortIdentity host{.mac = {2, 0, 0, 0, 0, 2},
                          .udp_port = 40000,
                          .promiscuous = false,
                          .addresses = {Ip4(0, 2)},
                          .gateways = {}};
  const auto payload = ParsePacket(frame, host).value().payload;
  const NextHop hop{.mac = ports_[0].identity.mac, .ours = Ip4(0, 2)};
  const std::uint32_t length = BuildEchoRequest(host, hop, {kUs4, 1}, payload, room);
  Bytes echo(room.begin(), room.begin() + length);
  echo[34] = std::byte{0};                                                // a reply
  echo[36] = static_cast<std::byte>(std::to_integer<int>(echo[36]) + 8);  // and its checksum
  ports_[0].source.Put(echo);
  Turn();
  EXPECT_TRUE(Told().empty());
  EXPECT_EQ(Count(Counter::kProbesUnmatched), 1U);
}

TEST_F(ProberTest, ALaterLifeIsToldAndAnEarlierOneIsNot) {
  Start(ProbeKind::kNative);
  Beat();
  AskedHost host = HostAt(Ip4(0, 2));
  host.agent().incarnation = 0;
  AnsweringUntil(now_ + Milliseconds(310), {host});
  EXPECT_EQ(Reasons().back(), Reason::kDeadlineMissed);
  EXPECT_EQ(Count(Counter::kProbesUnmatched), 1U);
  host.agent().incarnation = 2;
  host.agent().health = kFlatlineDegraded;
  AnsweringUntil(now_ + Milliseconds(40), {host});
  const auto told = Told();
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told[0].reason, Reason::kRestarted);
  EXPECT_EQ(told[0].incarnation, 2U);
  EXPECT_EQ(told[0].health, Health::kDegraded);
}

TEST_F(ProberTest, DistanceIsAFloorOfTheTimeout) {
  Start(ProbeKind::kEcho);
  Beat();
  TurnsUntil(now_ + Milliseconds(310));
  const Bytes answer = HostAt(Ip4(0, 2)).Answer(sent_.at(0)).value();
  TurnsUntil(now_ + Milliseconds(45));  // it is some 50 ms away
  ports_[0].source.Put(answer);
  Turn();
  EXPECT_EQ(Reasons().back(), Reason::kProbeAnswered);
  Beat();
  const Instant spoke = now_;
  TurnsUntil(spoke + Milliseconds(450));
  EXPECT_TRUE(Told().empty()) << "ten round trips have not passed";
  TurnsUntil(spoke + Milliseconds(600));
  EXPECT_EQ(Reasons(), std::vector{Reason::kDeadlineMissed});
}

TEST_F(ProberTest, OneThatIsOnlyPulledIsFoundByArpLivesByItsAnswersAndDiesWithoutThem) {
  for (const bool six : {false, true}) {
    Start(ProbeKind::kEcho, 1, true);
    IpAddress at = Ip4(0, 9);
    if (six) {
      at = kUs6;
      at[15] = 9;
    }
    Enrol(kId, at);
    const std::vector hosts{HostAt(at)};
    AnsweringUntil(now_ + Milliseconds(330), hosts);
    EXPECT_EQ(Reasons(), std::vector{Reason::kProbeAnswered});
    EXPECT_EQ(Count(Counter::kNextHopsAsked), 1U);
    AnsweringUntil(now_ + Milliseconds(5000), hosts);
    EXPECT_TRUE(Told().empty());
    const std::uint64_t replies = Count(Counter::kProbeReplies);
    EXPECT_GE(replies, 50U) << "once an interval";
    EXPECT_LE(replies, 54U);
    TurnsUntil(now_ + Milliseconds(450));
    EXPECT_EQ(Reasons(), (std::vector{Reason::kDeadlineMissed, Reason::kProbeUnanswered}));
    AnsweringUntil(now_ + Milliseconds(150), hosts);
    EXPECT_EQ(Reasons(), std::vector{Reason::kProbeAnswered}) << "the dead are asked too";
  }
}

TEST_F(ProberTest, PullsAreSpreadOverTheInterval) {
  Start(ProbeKind::kNative, 1, true, 100'000, 8000);
  constexpr unsigned kFleet = 6400;
  for (unsigned i = 0; i < kFleet; ++i) {
    Enrol(100 + i, Ip4(static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)), 40000);
    if (i % 200 == 199) {
      Turn();
    }
  }
  // By a router, so that one answer is for all of them.
  ports_[0].identity.gateways = {Ip4(200, 254)};
  AnsweringUntil(now_ + Milliseconds(50), {HostAt(Ip4(200, 254))});
  sent_in_.clear();
  sent_.clear();
  TurnsUntil(now_ + Milliseconds(100));
  std::map<EndpointId, unsigned> asked;
  for (const Bytes& bytes : sent_) {
    const auto probe = DecodeHeartbeat(std::span(bytes).subspan(42));
    ASSERT_TRUE(probe);
    ++asked[probe->id];
  }
  EXPECT_GE(asked.size(), kFleet - 200) << "everybody in one interval, but for a block or two";
  std::size_t most = 0;
  for (const auto& [at, count] : sent_in_) {
    most = std::max(most, count);
  }
  EXPECT_LE(most, 192U) << "6,400 in 100 ms, and never a burst of them";
}

TEST_F(ProberTest, OneAddressIsNotFloodedHoweverManyEndpointsNameIt) {
  Start(ProbeKind::kEcho, 1, false, 100'000, 4000);
  for (EndpointId id = 1; id <= 2000; ++id) {
    ports_[0].source.Put(HeartbeatFrame({.id = id, .incarnation = 1, .sequence = 1}));
    if (id % 200 == 0) {
      Turn();
    }
  }
  TurnsUntil(now_ + Milliseconds(600));
  EXPECT_LE(sent_.size(), 200U) << "100 in each second that was touched";
  EXPECT_GE(sent_.size(), 100U);
  EXPECT_GT(Count(Counter::kProbesHeldBack), 1000U);
  EXPECT_EQ(Count(Counter::kDeaths), 2000U) << "silence alone decides then";
}

TEST_F(ProberTest, KeepsToTheRateOfAll) {
  Start(ProbeKind::kEcho, 1, false, 1000, 4000);
  for (EndpointId id = 1; id <= 2000; ++id) {
    testing_frames::Route route;
    route.from_ip = {10, 0, static_cast<std::uint8_t>(id >> 8), static_cast<std::uint8_t>(id)};
    ports_[0].source.Put(HeartbeatFrame({.id = id, .incarnation = 1, .sequence = 1}, {}, route));
    if (id % 200 == 0) {
      Turn();
    }
  }
  TurnsUntil(now_ + Milliseconds(500));
  EXPECT_GE(sent_.size(), 90U);
  std::erase_if(sent_, [](const Bytes& bytes) { return bytes[13] == std::byte{6}; });
  EXPECT_LE(sent_.size(), 64U + 120U)
      << "1,000 a second for the 110 ms in which there are suspects";
}

TEST_F(ProberTest, AnAnswerThatComesToAnotherWorkerCounts) {
  Start(ProbeKind::kEcho, 2);
  EndpointId id = 1;
  while (ShardOf(HashEndpoint(id, region_->view().header().hash_key), 2) != 0) {
    ++id;
  }
  Beat({}, id);
  AnsweringUntil(now_ + Milliseconds(320), {HostAt(Ip4(0, 2), id)}, 1);
  EXPECT_EQ(Reasons().back(), Reason::kProbeAnswered);
}

TEST_F(ProberTest, AsksInTheVlanInWhichTheEndpointWasHeard) {
  Start(ProbeKind::kEcho);
  Bytes tagged = HeartbeatFrame({.id = kId, .incarnation = 1, .sequence = 1});
  const std::array<std::byte, 4> tag{std::byte{0x81}, std::byte{0}, std::byte{0}, std::byte{9}};
  tagged.insert(tagged.begin() + 12, tag.begin(), tag.end());
  ports_[0].source.Put(tagged);
  TurnsUntil(now_ + Milliseconds(310));
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_TRUE(std::equal(tag.begin(), tag.end(), sent_[0].begin() + 12));
  AnsweringUntil(now_ + Milliseconds(30), {HostAt(Ip4(0, 2))});
  EXPECT_EQ(Reasons().back(), Reason::kProbeAnswered);
}

TEST_F(ProberTest, NobodyIsAskedWhoLeftOrWhomNobodyFinds) {
  Start(ProbeKind::kEcho, 1, true);
  Enrol(kId, Ip4(0, 9));
  TurnsUntil(now_ + Milliseconds(2000));
  EXPECT_EQ(Count(Counter::kProbesSent), 0U) << "no answer to ARP";
  EXPECT_GT(Count(Counter::kProbesUnresolved), 10U);
  EXPECT_LE(Count(Counter::kNextHopsAsked), 5U) << "twice a second";
  EXPECT_EQ(Reasons(), std::vector{Reason::kNeverHeard});
}

TEST_F(ProberTest, OnePulledIsLeftAloneOnceItHasLeft) {
  Start(ProbeKind::kNative, 1, true);
  Beat();
  TurnsUntil(now_ + Milliseconds(1000));
  ASSERT_FALSE(sent_.empty()) << "asked as long as it has not";
  ports_[0].source.Put(HeartbeatFrame(
      {.id = kId, .incarnation = 1, .sequence = ++sequence_, .kind = HeartbeatKind::kLeave}));
  Turn();
  Turn();
  sent_.clear();
  TurnsUntil(now_ + Milliseconds(1000));
  EXPECT_TRUE(sent_.empty());
  EXPECT_EQ(Reasons().back(), Reason::kLeaveReceived);
}

TEST_F(ProberTest, WhoHasNoAddressThatAPortCanReachIsCountedAndNotAsked) {
  IpAddress group = Ip4(0, 9);
  group[12] = 224;
  for (const IpAddress& nowhere : {IpAddress{}, group}) {
    Start(ProbeKind::kNative, 1, true);
    Enrol(kId, nowhere);
    TurnsUntil(now_ + Milliseconds(500));
    EXPECT_TRUE(sent_.empty());
    EXPECT_GE(Count(Counter::kProbesUnresolved), 4U) << "once an interval";
  }
  Start(ProbeKind::kNative, 1, true);
  ports_[0].identity.addresses = {kUs4};
  IpAddress six = kUs6;
  six[15] = 9;
  Enrol(kId, six);
  TurnsUntil(now_ + Milliseconds(500));
  EXPECT_TRUE(sent_.empty()) << "no port of ours has an address of its family";
  EXPECT_GE(Count(Counter::kProbesUnresolved), 4U);
}

TEST_F(ProberTest, AProbeForWhichThePortHasNoBufferIsTriedAgain) {
  Start(ProbeKind::kEcho);
  Beat();
  ports_[0].sink.set_has_room(false);
  TurnsUntil(now_ + Milliseconds(330));
  EXPECT_TRUE(sent_.empty());
  EXPECT_GT(Count(Counter::kProbesHeldBack), 0U);
  ports_[0].sink.set_has_room(true);
  AnsweringUntil(now_ + Milliseconds(60), {HostAt(Ip4(0, 2))});
  EXPECT_EQ(Reasons().back(), Reason::kProbeAnswered);
}

TEST_F(ProberTest, OfMoreSuspectsThanThereAreRoundsTheRestDieByTheirSilence) {
  constexpr EndpointId kFleet = kMostRounds + 100;
  transition_ring_ = 1U << 17;
  Start(ProbeKind::kEcho, 1, false, 1'000, kFleet);
  for (EndpointId id = 1; id <= kFleet; ++id) {
    ports_[0].source.Put(HeartbeatFrame({.id = id, .incarnation = 1, .sequence = 1}));
    if (id % 256 == 0) {
      Turn();
    }
  }
  TurnsUntil(now_ + Milliseconds(300));
  for (EndpointId id = 1; id <= kFleet;
       ++id) {  // else the first are dead before the last are heard
    ports_[0].source.Put(HeartbeatFrame({.id = id, .incarnation = 1, .sequence = 2}));
  }
  while (ports_[0].source.waiting() != 0) {
    engine_->worker(0).Receive();
    engine_->worker(0).Turn(now_);
  }
  const std::uint64_t deaths = Count(Counter::kDeaths);
  EXPECT_EQ(Count(Counter::kProbesUnbooked), 0U);
  TurnsUntil(now_ + Milliseconds(600));
  EXPECT_EQ(Count(Counter::kProbesUnbooked), 100U);
  EXPECT_EQ(Count(Counter::kDeaths), deaths + kFleet);
}

TEST_F(ProberTest, AVerdictForWhichTheRingHasNoRoomIsGivenWhenThereIs) {
  transition_ring_ = 64;
  Start(ProbeKind::kEcho);
  Beat();
  AnsweringUntil(now_ + Milliseconds(320), {HostAt(Ip4(0, 2))});
  (void)Told();
  Beat();
  const Instant spoke = now_ - Milliseconds(1);
  TurnsUntil(spoke + Milliseconds(330));
  EXPECT_EQ(Reasons().back(), Reason::kDeadlineMissed);
  for (EndpointId id = 100; id < 200; ++id) {
    ports_[0].source.Put(HeartbeatFrame({.id = id, .incarnation = 1, .sequence = 1}));
  }
  TurnsUntil(spoke + Milliseconds(370));
  const std::uint64_t full = Count(Counter::kRingFull);
  TurnsUntil(spoke + Milliseconds(394));
  EXPECT_GT(Count(Counter::kRingFull), full) << "all its probes are unanswered";
  EXPECT_EQ(Told().size(), 64U) << "newcomers";
  TurnsUntil(spoke + Milliseconds(399));
  const auto told = Told();
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told[0].id, kId);
  EXPECT_EQ(told[0].reason, Reason::kProbeUnanswered);
}

}  // namespace
}  // namespace flatline
