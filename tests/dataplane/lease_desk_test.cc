// Requests for leases through whole turns of an engine of two workers, from the frame in to the
// frame out: who is asked, who decides, who answers; and who is not answered. Invented time.
#include "dataplane/engine.h"
#include "tests/dataplane/fake_port.h"
#include "tests/dataplane/frames.h"
#include "tests/dataplane/plain_region.h"

#include <flatline/agent_lease.h>
#include <flatline/time.h>

#include <array>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr std::size_t kHeaders = 14 + 20 + 8;

Config DeskConfig() {
  Config out = SmallConfig(1000, 2);
  out.dataplane.leases = 64;
  return out;
}

class LeaseDeskTest : public testing::Test {
 protected:
  LeaseDeskTest() { Start(); }

  void Start() {
    engine_.reset();
    engine_ = Engine::Create(
                  region_.view(), {.leases = {.epoch = 1, .longest = Milliseconds(10'000)}}, now_)
                  .value();
    for (unsigned w = 0; w < 2; ++w) {
      engine_->Attach(w, ports_[w].attachment());
    }
  }

  void Turns(int count = 4) {
    for (int i = 0; i < count; ++i) {
      now_ += Milliseconds(1);
      for (unsigned w = 0; w < 2; ++w) {
        engine_->worker(w).Receive();
        engine_->worker(w).Turn(now_);
      }
    }
  }

  [[nodiscard]] FlatlineAgent Agent(EndpointId id, Group group = 0) {
    FlatlineAgent out{};
    out.id = id;
    out.incarnation = 3;
    out.group = group;
    Beat(out);
    return out;
  }

  void Beat(FlatlineAgent& agent) {
    std::array<std::uint8_t, kFlatlineLargestHeartbeat> bytes{};
    const std::size_t size = FlatlineEncodeHeartbeat(&agent, 1, bytes.data());
    Put(std::span(bytes).first(size));
    Turns();
  }

  void Put(std::span<const std::uint8_t> datagram) {
    ports_[0].source.Put(testing_frames::UdpFrame(std::as_bytes(datagram)));
  }

  [[nodiscard]] std::uint64_t Clock() const {
    return static_cast<std::uint64_t>(now_.time_since_epoch().count());
  }

  [[nodiscard]] std::vector<std::uint8_t> Request(const FlatlineAgent& agent,
                                                  FlatlineLease& lease) {
    std::vector<std::uint8_t> out(kFlatlineLargestLeaseRequest);
    out.resize(FlatlineEncodeLeaseRequest(&agent, &lease, Clock(), out.data()));
    return out;
  }

  // Datagrams to the endpoints, from either worker.
  std::vector<std::vector<std::uint8_t>> Answers() {
    std::vector<std::vector<std::uint8_t>> out;
    for (FakePort& port : ports_) {
      for (const auto& frame : port.sink.TakeSent()) {
        const auto payload = std::span(frame).subspan(kHeaders);
        const auto* at = reinterpret_cast<const std::uint8_t*>(payload.data());
        out.emplace_back(at, at + payload.size());
      }
    }
    return out;
  }

  // Asks, and takes in what is answered: one answer, of the length of the request.
  std::uint8_t Ask(const FlatlineAgent& agent, FlatlineLease& lease) {
    const auto request = Request(agent, lease);
    Put(request);
    Turns();
    const auto answers = Answers();
    EXPECT_EQ(answers.size(), 1U);
    if (answers.size() != 1) {
      return kFlatlineLeaseNothing;
    }
    EXPECT_EQ(answers[0].size(), request.size());
    EXPECT_TRUE(FlatlineAcceptLease(&agent, &lease, answers[0].data(), answers[0].size(), Clock()));
    return lease.answer;
  }

  void ExpectDropped(DropReason reason, std::span<const std::uint8_t> datagram) {
    const std::uint64_t before = Dropped(reason);
    Put(datagram);
    Turns();
    EXPECT_EQ(Answers().size(), 0U);
    EXPECT_EQ(Dropped(reason), before + 1) << NameOf(reason);
  }

  [[nodiscard]] std::uint64_t Dropped(DropReason reason) {
    Turns(3);
    return region_.view().dataplane().counters[0][reason] +
           region_.view().dataplane().counters[1][reason];
  }

  static FlatlineLease LeaseOf(std::uint64_t number, std::uint8_t space = kFlatlineLeaseName) {
    FlatlineLease out{};
    out.number = number;
    out.space = space;
    out.term_ms = 1000;
    return out;
  }

  Instant now_{Milliseconds(1000)};
  PlainRegion region_{DeskConfig()};
  std::array<FakePort, 2> ports_;
  std::unique_ptr<Engine> engine_;
};

// Frames come to worker 0 alone; about half of the names are worker 1's.
TEST_F(LeaseDeskTest, GrantsNamesOfEveryWorkerByThePortOfTheRequest) {
  const FlatlineAgent agent = Agent(7);
  std::set<unsigned> owners;
  for (std::uint64_t number = 1; number <= 16; ++number) {
    FlatlineLease lease = LeaseOf(number);
    EXPECT_EQ(Ask(agent, lease), kFlatlineLeaseGranted);
    EXPECT_TRUE(FlatlineMayAct(&lease, Clock()));
    EXPECT_EQ(lease.granted_ms, 1000U);
    owners.insert(ShardOf(HashLease({.number = number}, region_.view().header().hash_key), 2));
  }
  EXPECT_EQ(owners.size(), 2U);
}

TEST_F(LeaseDeskTest, HoldsAnothersOffUntilTheHoldersOwnTermIsOver) {
  const FlatlineAgent first = Agent(7);
  FlatlineAgent second = Agent(8);
  FlatlineLease mine = LeaseOf(42);
  FlatlineLease theirs = LeaseOf(42);
  EXPECT_EQ(Ask(first, mine), kFlatlineLeaseGranted);
  EXPECT_EQ(Ask(second, theirs), kFlatlineLeaseHeld);
  EXPECT_EQ(theirs.holder, 7U);
  EXPECT_EQ(theirs.token, mine.token);
  EXPECT_FALSE(FlatlineMayAct(&theirs, Clock()));
  while (theirs.answer != kFlatlineLeaseGranted && now_ < Instant{Milliseconds(5000)}) {
    Beat(second);  // or it is dead before the term is over
    Ask(second, theirs);
    EXPECT_FALSE(FlatlineMayAct(&mine, Clock()) && FlatlineMayAct(&theirs, Clock()));
  }
  EXPECT_TRUE(FlatlineMayAct(&theirs, Clock()));
  EXPECT_GT(theirs.token, mine.token);
}

TEST_F(LeaseDeskTest, GivesTheLeadOfAGroupToItsMembersAlone) {
  const FlatlineAgent member = Agent(7, 5);
  const FlatlineAgent other = Agent(8, 6);
  const FlatlineAgent single = Agent(9);
  FlatlineLease lead = LeaseOf(5, kFlatlineLeaseLeader);
  FlatlineLease refused = lead;
  EXPECT_EQ(Ask(other, refused), kFlatlineLeaseNotEntitled);
  EXPECT_EQ(Ask(member, lead), kFlatlineLeaseGranted);
  FlatlineLease of_nobody = LeaseOf(0, kFlatlineLeaseLeader);
  EXPECT_EQ(Ask(single, of_nobody), kFlatlineLeaseNotEntitled) << "0 is no group";
}

TEST_F(LeaseDeskTest, GivesAnEndpointsOwnToItAlone) {
  const FlatlineAgent first = Agent(7);
  FlatlineLease own = LeaseOf(7, kFlatlineLeaseOwn);
  EXPECT_EQ(Ask(first, own), kFlatlineLeaseGranted);
  FlatlineLease anothers = LeaseOf(8, kFlatlineLeaseOwn);
  EXPECT_EQ(Ask(first, anothers), kFlatlineLeaseNotEntitled);
}

TEST_F(LeaseDeskTest, AnswersNobodyItDoesNotKnow) {
  FlatlineAgent stranger{};
  stranger.id = 99;
  FlatlineLease lease = LeaseOf(42);
  ExpectDropped(DropReason::kUnknownEndpoint, Request(stranger, lease));
}

TEST_F(LeaseDeskTest, GrantsNothingToTheDeadNorToALifeItHasNotHeard) {
  FlatlineAgent agent = Agent(7);
  FlatlineLease lease = LeaseOf(42);
  FlatlineAgent later = agent;
  ++later.incarnation;
  EXPECT_EQ(Ask(later, lease), kFlatlineLeaseNotAlive);
  Turns(500);  // 300 ms of silence, 100 of confirmation
  EXPECT_EQ(Ask(agent, lease), kFlatlineLeaseNotAlive);
  Beat(agent);
  EXPECT_EQ(Ask(agent, lease), kFlatlineLeaseGranted);
  FlatlineAgent earlier = agent;
  --earlier.incarnation;
  ExpectDropped(DropReason::kOldIncarnation, Request(earlier, lease));
}

TEST_F(LeaseDeskTest, TakesNoRequestTwiceAndNoneFromBeforeTheLastHeartbeat) {
  FlatlineAgent agent = Agent(7);
  FlatlineLease lease = LeaseOf(42);
  const auto request = Request(agent, lease);
  Put(request);
  Turns();
  EXPECT_EQ(Answers().size(), 1U);
  ExpectDropped(DropReason::kOldSequence, request);
  Turns(1100);  // it ran out, and the endpoint is dead by now
  Beat(agent);
  ExpectDropped(DropReason::kOldSequence, request);
}

TEST_F(LeaseDeskTest, DropsWhatIsNoRequest) {
  const FlatlineAgent agent = Agent(7);
  FlatlineLease lease = LeaseOf(42);
  const auto good = Request(agent, lease);
  const auto with = [&](std::size_t at, std::uint8_t value) {
    auto out = good;
    out[at] = value;
    return out;
  };
  ExpectDropped(DropReason::kBadPayload, with(40, 11));  // a grant's element
  ExpectDropped(DropReason::kBadPayload, with(41, 31));  // of another length
  ExpectDropped(DropReason::kBadPayload, with(42, 3));   // no such space
  ExpectDropped(DropReason::kBadPayload, with(43, 2));   // no such wish
  ExpectDropped(DropReason::kBadPayload, with(45, 1));   // not zero
  ExpectDropped(DropReason::kUnknownKind, with(3, 6));   // a grant, to us
  lease.term_ms = 0;
  ExpectDropped(DropReason::kBadPayload, Request(agent, lease));
  auto longer = good;
  longer.resize(good.size() + 6);
  longer[37] = 40;
  ExpectDropped(DropReason::kBadPayload, longer);
  auto none = good;
  none.resize(kHeartbeatSize);
  none[37] = 0;
  ExpectDropped(DropReason::kBadPayload, none);
}

TEST_F(LeaseDeskTest, GoesOnAfterAKill) {
  FlatlineAgent agent = Agent(7);
  FlatlineAgent other = Agent(8);
  FlatlineLease lease = LeaseOf(42);
  FlatlineLease refused = LeaseOf(42);
  EXPECT_EQ(Ask(agent, lease), kFlatlineLeaseGranted);
  const FencingToken token = lease.token;
  now_ += Milliseconds(600);
  Start();
  Turns();
  Beat(agent);
  Beat(other);
  EXPECT_EQ(Ask(agent, lease), kFlatlineLeaseGranted);
  EXPECT_EQ(lease.token, token);
  EXPECT_EQ(Ask(other, refused), kFlatlineLeaseHeld);
}

TEST_F(LeaseDeskTest, KnowsNoRequestWhereNoLeaseIsGranted) {
  PlainRegion without{SmallConfig(1000, 2)};
  const auto engine = Engine::Create(without.view(), {}, now_).value();
  engine->Attach(0, ports_[0].attachment());
  FlatlineAgent agent{};
  agent.id = 7;
  FlatlineLease lease = LeaseOf(42);
  Put(Request(agent, lease));
  engine->worker(0).Receive();
  engine->worker(0).Turn(now_ + Milliseconds(1));
  engine->worker(0).Turn(now_ + Milliseconds(3));
  EXPECT_EQ(without.view().dataplane().counters[0][DropReason::kUnknownKind], 1U);
}

}  // namespace
}  // namespace flatline
