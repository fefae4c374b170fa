// A hundred slow, a hundred stuck, a hundred lying and a hundred vanished subscribers beside ten
// good ones, over real sockets and in invented time: the good ones hear everything, in order, once;
// the others are slowed by themselves, refused, counted, closed, and leave nothing behind in
// control. One thread, no sleep. Skips where the kernel forbids the ring.
#include "tests/control/uring/peer.h"
#include "tests/control/uring/served.h"

#include <flatline/crc32c.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline::uring {
namespace {

constexpr std::size_t kGood = 10;
constexpr std::size_t kOfEach = 100;
constexpr Duration kSecond{1'000'000'000};
constexpr std::uint64_t kSeed = 20261121;

using Peers = std::vector<std::unique_ptr<Peer>>;

std::span<const std::byte> BytesOf(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// Segments of the journal that this process has mapped: a subscriber that holds on to one shows.
std::size_t MappedSegments() {
  std::ifstream maps("/proc/self/maps");
  std::size_t out = 0;
  for (std::string line; std::getline(maps, line);) {
    out += line.contains(".journal") ? 1 : 0;
  }
  return out;
}

// Hears the stream from its beginning, and is content with nothing but every record in its turn.
class Good {
 public:
  explicit Good(std::unique_ptr<Peer> peer) : peer_(std::move(peer)) {
    peer_->Ask(RequestKind::kSubscribeFrom);
  }

  void Listen() {
    peer_->Read();
    for (const DeliveryRecord& record : peer_->Records()) {
      ASSERT_EQ(record.crc, SealOf(record));
      if (record.kind == RecordKind::kLiveness || record.kind == RecordKind::kReset) {
        ASSERT_EQ(record.sequence, ++heard_);
      } else {
        ASSERT_TRUE(record.kind == RecordKind::kHello || record.kind == RecordKind::kBookmark);
      }
    }
    peer_->Forget();
    ASSERT_FALSE(peer_->closed);
  }

  [[nodiscard]] std::uint64_t heard() const { return heard_; }

 private:
  std::unique_ptr<Peer> peer_;
  std::uint64_t heard_ = 0;
};

class HostileTest : public Served {
 protected:
  HostileTest() : Served(1024) {}

  void SetUp() override {
    RecordProperty("seed", std::to_string(kSeed));
    Serve();
    if (IsSkipped()) {
      return;
    }
    for (std::size_t i = 0; i < kGood; ++i) {
      good_.emplace_back(Connect(i));
    }
  }

  // Half of them over TCP.
  std::unique_ptr<Peer> Connect(std::size_t number) {
    return number % 2 == 0 ? std::make_unique<Peer>(config_.socket)
                           : std::make_unique<Peer>(port());
  }

  // Another kind of vanishing each: before a request, in the middle of one, after a promise to say
  // something now and then, and in the middle of a snapshot.
  void Vanish(std::size_t number) {
    DeliveryRequest request;
    auto peer = Connect(number / 4);
    switch (number % 4) {
      case 0:
        break;
      case 1:
        ASSERT_EQ(peer->Send(std::as_bytes(std::span{&request, 1}).first(40)), 40U);
        break;
      case 2:
        request.options = kAcknowledges;
        peer->Say(request);
        break;
      default:
        peer->Ask(RequestKind::kSubscribeSnapshot);
        break;
    }
    vanished_.push_back(std::move(peer));
  }

  // Reads nothing, ever. Every other one wants less than everything, which is encoded for it.
  void Clog(std::size_t number) {
    auto peer = Connect(number);
    DeliveryRequest request;
    request.kind = RequestKind::kSubscribeFrom;
    request.liveness_mask = number % 4 < 2 ? 0xFF : 1U << static_cast<unsigned>(Liveness::kDead);
    peer->Say(request);
    stuck_.push_back(std::move(peer));
  }

  // A turn in which some die and everybody does what he does.
  void Live(EndpointId deaths) {
    const std::uint64_t least = std::ranges::min_element(good_, {}, &Good::heard)->heard();
    // The journal is small, so the fleet waits for those who are good; not for the others.
    for (; deaths != 0 && next_ < least + 8192 &&
           region_.PushDeath(next_ % 2, next_, static_cast<std::int64_t>(next_));
         --deaths) {
      ++next_;
    }
    region_.Published(0, static_cast<std::int64_t>(next_));
    region_.Published(1, static_cast<std::int64_t>(next_));
    Turn();
    for (Good& good : good_) {
      good.Listen();
    }
    for (const auto& peer : slow_) {
      peer->Read(std::uniform_int_distribution<std::size_t>(0, 200)(random_));
      peer->Forget();
    }
  }

  [[nodiscard]] bool AllHeard(std::uint64_t deaths) const {
    return std::ranges::all_of(good_, [&](const Good& good) { return good.heard() == deaths + 1; });
  }

  // Drains what was sent to peers that control should have let go; how many it has not.
  static std::size_t StillOpen(const Peers& peers) {
    for (const auto& peer : peers) {
      peer->Read();
      peer->Forget();
    }
    return static_cast<std::size_t>(std::ranges::count(peers, false, &Peer::closed));
  }

  std::mt19937_64 random_{kSeed};
  std::vector<Good> good_;
  Peers slow_;
  Peers stuck_;
  Peers vanished_;
  EndpointId next_ = 1;  // to die
};

TEST_F(HostileTest, FourHundredOfThemAreNobodyElsesTrouble) {
  constexpr EndpointId kDeaths = 400'000;
  for (Slot slot = 0; slot < 100; ++slot) {
    region_.view().records()[slot].id.store(1'000'000 + slot);
  }
  for (std::size_t i = 0; i < kOfEach; ++i) {
    Vanish(i);
    Clog(i);
    slow_.push_back(Connect(i));
    slow_.back()->Ask(RequestKind::kSubscribeFrom);
  }
  for (int turns = 0; turns < 1000; ++turns) {
    Live(0);  // until all snapshots have begun
  }
  const auto die_up_to = [&](EndpointId last) {
    while (next_ <= last && !HasFailure()) {
      Live(last - next_ + 1);
    }
  };
  die_up_to(20'000);  // more than a Unix socket takes, less than the journal keeps
  for (std::size_t i = 0; i < kOfEach; i += 10) {
    // To be sent away by a word that they will not read either.
    EXPECT_NE(stuck_[i]->Send(BytesOf("and another thing")), 0U);
  }
  die_up_to(kDeaths);
  for (int turns = 0; turns < 20'000 && !AllHeard(kDeaths) && !HasFailure(); ++turns) {
    Live(0);
  }
  ASSERT_TRUE(AllHeard(kDeaths));
  for (int looks = 0; looks < 16 * 8; ++looks) {  // 16 s, at 8 looks a second
    Turn(kSecond / 8);
    for (Good& good : good_) {
      good.Listen();
    }
  }
  EXPECT_EQ(StillOpen(stuck_), 0U);
  EXPECT_EQ(StillOpen(vanished_), 0U);
  slow_.clear();
  for (int turns = 0; turns < 100; ++turns) {
    Turn();
  }
  EXPECT_EQ(outlet_->connections(), kGood);
  EXPECT_LE(MappedSegments(), 6U) << "four that are retained, the next, and one being sent";
  EXPECT_GE(service_.dismissals().stuck(), kOfEach);
}

TEST_F(HostileTest, LiarsAreRefusedAndCounted) {
  using Lie = std::function<void(const Peer&)>;
  const auto request_with = [](const std::function<void(DeliveryRequest&)>& change) -> Lie {
    DeliveryRequest request;
    change(request);
    return [request](const Peer& peer) { peer.Say(request); };
  };
  const auto subscribed_and = [](std::string text) -> Lie {
    return [text = std::move(text)](const Peer& peer) {
      peer.Ask(RequestKind::kSubscribeFrom);
      EXPECT_NE(peer.Send(BytesOf(text)), 0U);
    };
  };

  struct Case {
    Lie lie;
    DeliveryError error;
  };

  const std::vector<Case> cases{
      {[](const Peer& peer) { EXPECT_NE(peer.Send(BytesOf("GET / HTTP/1.1\r\n")), 0U); },
       DeliveryError::kBadRequest},
      {request_with([](DeliveryRequest& request) { request.version = 99; }),
       DeliveryError::kBadRequest},
      {request_with([](DeliveryRequest& request) { request.count = 0xFFFF'FFFF; }),
       DeliveryError::kTooManyGroups},
      {request_with([](DeliveryRequest& request) { request.text_bytes = 0xFFFF'FFFF; }),
       DeliveryError::kBadRequest},
      {request_with([](DeliveryRequest& request) { request.reserved[3] = 1; }),
       DeliveryError::kBadRequest},
      {request_with([](DeliveryRequest& request) {
         request.kind = RequestKind::kSubscribeFrom;
         request.sequence = 1ULL << 40;
       }),
       DeliveryError::kFutureSequence},
      {[](const Peer& peer) {
         peer.Ask(RequestKind::kSubscribeFrom);
         peer.Say(DeliveryAcknowledgement{.sequence = 1ULL << 40});
       },
       DeliveryError::kFutureSequence},
      {subscribed_and(std::string(1000, 'x')), DeliveryError::kBadRequest},
      {subscribed_and("FLAK half an acknowledgement, and no reserved zero"),
       DeliveryError::kBadRequest},
      // over TCP, the entries of which never come: refused by the header alone
      {request_with([](DeliveryRequest& request) {
         request.kind = RequestKind::kAdminister;
         request.count = kMaxAdminEntries;
       }),
       DeliveryError::kNotPermitted},
  };
  Live(1000);
  Peers liars;
  for (std::size_t i = 0; i < kOfEach; ++i) {
    liars.push_back(Connect(1));
    cases[i % cases.size()].lie(*liars.back());
  }
  const auto is_over = [&] {
    for (const auto& liar : liars) {
      liar->Read();
    }
    return std::ranges::all_of(liars, &Peer::closed);
  };
  for (int turns = 0; turns < 20'000 && !is_over() && !HasFailure(); ++turns) {
    Live(turns < 1000 ? 10 : 0);
  }
  ASSERT_TRUE(is_over());
  for (std::size_t i = 0; i < kOfEach; ++i) {
    const DeliveryRecord last = liars[i]->Records().back();
    EXPECT_EQ(last.kind, RecordKind::kError) << i % cases.size();
    EXPECT_EQ(static_cast<DeliveryError>(last.reason), cases[i % cases.size()].error)
        << i % cases.size();
  }
  const Dismissals& dismissals = service_.dismissals();
  EXPECT_EQ(dismissals.refused(DeliveryError::kBadRequest), 60U);
  EXPECT_EQ(dismissals.refused(DeliveryError::kFutureSequence), 20U);
  EXPECT_EQ(dismissals.refused(DeliveryError::kTooManyGroups), 10U);
  EXPECT_EQ(dismissals.refused(DeliveryError::kNotPermitted), 10U);
  EXPECT_EQ(dismissals.stuck(), 0U);
  EXPECT_TRUE(AllHeard(next_ - 1));
}

// A request by the byte, that never ends; and text without end, from one that was sent away for it,
// and from one that keeps to the protocol.
TEST_F(HostileTest, WhoTalksWithoutEndIsHeardNoMoreThanHisShare) {
  Live(1000);
  Peer slow(config_.socket);
  const std::string endless(std::size_t{1} << 20, 'x');
  Peer shouting(config_.socket);
  Peer acknowledging(config_.socket);
  acknowledging.Ask(RequestKind::kSubscribeFrom);
  const std::vector<DeliveryAcknowledgement> promises(4096);
  const DeliveryRequest request;
  const auto bytes = std::as_bytes(std::span{&request, 1});
  std::size_t shouted = 0;
  std::size_t acknowledged = 0;
  std::size_t said = 0;
  const Instant begin = now_;
  while (!slow.closed && now_ < begin + 12 * kSecond && !HasFailure()) {
    if (now_ >= begin + static_cast<std::int64_t>(said) * kSecond / 4 && said < bytes.size() - 1) {
      said += slow.Send(bytes.subspan(said, 1));
    }
    shouted += shouting.Send(BytesOf(endless));
    acknowledged += acknowledging.Send(std::as_bytes(std::span(promises)));
    Turn(kSecond / 100);
    for (Good& good : good_) {
      good.Listen();
    }
    slow.Read();
    shouting.Read();
    acknowledging.Read();
  }
  EXPECT_TRUE(slow.closed) << "a request must be whole in ten seconds";
  EXPECT_TRUE(shouting.closed);
  EXPECT_FALSE(acknowledging.closed) << "it says nothing wrong";
  const std::size_t in_sockets = std::size_t{1} << 20;
  EXPECT_LT(shouted, Connection::kMostDrained + in_sockets);
  // Four looks a second, and at each what was under way when its share was used up.
  EXPECT_LT(acknowledged, 12 * 4 * (Session::kMostSaid + Ring::kBufferSize * 32) + in_sockets);
  EXPECT_GT(acknowledged, 12 * Session::kMostSaid);
  EXPECT_TRUE(AllHeard(next_ - 1));
}

}  // namespace
}  // namespace flatline::uring
