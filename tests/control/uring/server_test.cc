// The sockets, really: a good subscriber, one that never reads and one that talks nonsense, on a
// Unix socket and over TCP; and a million entries of administration. One thread, no sleep: the test
// turns the service and reads its own sockets in between. Skips where the kernel forbids the ring.
#include "tests/captured_log.h"
#include "tests/control/uring/peer.h"
#include "tests/control/uring/served.h"

#include <flatline/crc32c.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <sys/socket.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline::uring {
namespace {

class ServerTest : public Served {
 protected:
  ServerTest() : Served(8) {}

  void SetUp() override { Serve(); }
};

TEST_F(ServerTest, TheGoodHearAllWhateverTheBadDo) {
  constexpr EndpointId kDeaths = 200'000;
  Peer good(config_.socket);
  Peer good_over_tcp(port());
  Peer stuck(config_.socket);
  Peer hostile(config_.socket);
  Peer mute(config_.socket);
  good.Ask(RequestKind::kSubscribeFrom);
  good_over_tcp.Ask(RequestKind::kSubscribeFrom);
  stuck.Ask(RequestKind::kSubscribeFrom);
  const std::string_view nonsense = "GET / HTTP/1.1\r\nHost: flatline\r\n\r\n";
  ASSERT_GT(hostile.Send(std::as_bytes(std::span(nonsense.data(), nonsense.size()))), 0U);
  EndpointId next = 1;
  const auto live = [&] {
    // The journal is small, so the fleet waits for those who read; not for the one that does not.
    const std::size_t heard = std::min(good.size(), good_over_tcp.size());
    while (next <= kDeaths && next < heard + 8'192 &&
           region_.PushDeath(next % 2, next, static_cast<std::int64_t>(next))) {
      ++next;
    }
    region_.Published(0, static_cast<std::int64_t>(next));
    region_.Published(1, static_cast<std::int64_t>(next));
    good.Read();
    good_over_tcp.Read();
    hostile.Read();
    return good.size() >= kDeaths + 2 && good_over_tcp.size() >= kDeaths + 2;
  };
  ASSERT_TRUE(TurnUntil(live));
  for (Peer* const peer : {&good, &good_over_tcp}) {
    const auto records = peer->Records();
    ASSERT_EQ(records[0].kind, RecordKind::kHello);
    ASSERT_EQ(records[1].kind, RecordKind::kReset);
    for (EndpointId id = 1; id <= kDeaths; ++id) {
      ASSERT_EQ(records[id + 1].endpoint, id);
      ASSERT_EQ(records[id + 1].sequence, id + 1);
      ASSERT_EQ(records[id + 1].crc, SealOf(records[id + 1]));
    }
  }
  ASSERT_EQ(hostile.size(), 1U);
  EXPECT_EQ(hostile.Records()[0].kind, RecordKind::kError);
  EXPECT_TRUE(hostile.closed);
  // The journal keeps 65,532 records: it has gone on without the one that never read, which is
  // found when it is looked at.
  now_ += Duration{1'000'000'000};
  Turn();
  EXPECT_TRUE(TurnUntil([&] {
    stuck.Read();
    return stuck.closed;
  }));
  EXPECT_FALSE(good.closed || good_over_tcp.closed || mute.closed);
}

TEST_F(ServerTest, AMillionEntriesGoThrough) {
  constexpr std::size_t kBatch = kMaxAdminEntries;
  constexpr std::size_t kBatches = 16;
  std::vector<std::byte> requests;
  const auto append = [&](const auto& value) {
    const std::size_t at = requests.size();
    requests.resize(at + sizeof(value));
    std::memcpy(requests.data() + at, &value, sizeof(value));
  };
  for (std::size_t batch = 0; batch < kBatches; ++batch) {
    DeliveryRequest request;
    request.kind = RequestKind::kAdminister;
    request.count = kBatch;
    append(request);
    for (std::size_t i = 0; i < kBatch; ++i) {
      append(AdminEntry{.id = batch * kBatch + i + 1, .profile = 5, .command = 1});
    }
  }
  Peer peer(config_.socket);
  std::size_t sent = 0;
  std::size_t answers = 0;
  EXPECT_TRUE(TurnUntil([&] {
    sent += peer.Send(std::span<const std::byte>(requests).subspan(sent));
    region_.TakeCommands(0, 4096, CommandStatus::kDone);
    region_.TakeCommands(1, 4096, CommandStatus::kDone);
    peer.Read();
    const auto fresh = peer.Records();
    for (const DeliveryRecord& record : fresh) {
      EXPECT_EQ(record.endpoint, ++answers);
    }
    peer.Forget();
    return answers == kBatch * kBatches;
  }));
  EXPECT_EQ(answers, kBatch * kBatches);
}

TEST_F(ServerTest, ASnapshotComesWhole) {
  for (Slot slot = 0; slot < 100; ++slot) {
    region_.view().records()[slot].id.store(slot + 1);
  }
  Peer peer(config_.socket);
  peer.Ask(RequestKind::kSubscribeSnapshot);
  ASSERT_TRUE(TurnUntil([&] {
    peer.Read();
    return peer.size() >= 103 || peer.closed;
  }));
  const auto records = peer.Records();
  ASSERT_EQ(records.size(), 103U);
  EXPECT_EQ(records[0].kind, RecordKind::kHello);
  EXPECT_EQ(records[1].kind, RecordKind::kSnapshotBegin);
  EXPECT_EQ(records[102].kind, RecordKind::kSnapshotEnd);
  EXPECT_EQ(records[102].silence_ns, 100);
}

TEST_F(ServerTest, ADisconnectedSubscriberLeavesItsPlace) {
  for (int round = 0; round < 50; ++round) {
    Peer peer(config_.socket);
    peer.Ask(RequestKind::kSubscribeNow);
    ASSERT_TRUE(TurnUntil([&] {
      peer.Read();
      return peer.size() != 0;
    }));
    ASSERT_EQ(peer.Records()[0].kind, RecordKind::kHello) << round;
  }
}

// Whose kernel acknowledges nothing for a minute is cut off, whatever waits to be sent: by the
// kernel, which is told so for each connection over TCP.
TEST_F(ServerTest, ThePeerThatIsGoneWithoutAWordIsFoundByTheKernel) {
  Peer peer(port());
  peer.Ask(RequestKind::kSubscribeNow);
  ASSERT_TRUE(TurnUntil([&] {
    peer.Read();
    return peer.size() != 0;
  }));
  int looked_at = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int descriptor = std::stoi(entry.path().filename());
    sockaddr_in ours{};
    socklen_t size = sizeof(ours);
    int is_listening = 0;
    socklen_t int_size = sizeof(is_listening);
    if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&ours), &size) != 0 ||
        ours.sin_family != AF_INET || ntohs(ours.sin_port) != port() ||
        ::getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &int_size) != 0 ||
        is_listening != 0) {
      continue;
    }
    ++looked_at;
    const auto option = [&](int level, int name) {
      int value = 0;
      EXPECT_EQ(::getsockopt(descriptor, level, name, &value, &int_size), 0);
      return value;
    };
    EXPECT_EQ(option(IPPROTO_TCP, TCP_USER_TIMEOUT), 60'000);
    EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPIDLE), 15);
  }
  EXPECT_EQ(looked_at, 1);
}

TEST_F(ServerTest, ListensOnceOnly) {
  const auto second = Server::Create(config_, {outlet_.get()});
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error(), testing::HasSubstr("another flatline-control answering"));
}

TEST_F(ServerTest, WhoIsOneTooManyIsClosedAndNobodyElse) {
  std::vector<std::unique_ptr<Peer>> peers;
  for (std::size_t i = 0; i < config_.subscribers + Service::kSpareSessions; ++i) {
    peers.push_back(std::make_unique<Peer>(config_.socket));
    Turn();
  }
  Peer late(config_.socket);
  EXPECT_TRUE(TurnUntil([&] {
    late.Read();
    return late.closed;
  }));
  ASSERT_EQ(late.size(), 1U);
  EXPECT_EQ(late.Records().front().kind, RecordKind::kError);
  EXPECT_EQ(static_cast<DeliveryError>(late.Records().front().reason),
            DeliveryError::kTooManySubscribers);
  EXPECT_EQ(server_->turned_away(), 1U);
  for (const auto& peer : peers) {
    peer->Read();
    EXPECT_FALSE(peer->closed);
  }
}

// Who connects over TCP and says nothing has his place for ten seconds.
TEST_F(ServerTest, ACrowdOverTcpKeepsNobodyOutOfTheUnixSocket) {
  const CapturedLog log;
  std::vector<std::unique_ptr<Peer>> crowd;
  for (std::size_t i = 0; i < config_.subscribers + Service::kSpareSessions; ++i) {
    crowd.push_back(std::make_unique<Peer>(port()));
    Turn();
  }
  EXPECT_TRUE(TurnUntil([&] { return server_->turned_away() == Service::kSpareSessions; }));
  EXPECT_THAT(log.text(), testing::HasSubstr("[warning] connections: needed a place for 1 more"));
  crowd.back()->Read();
  ASSERT_GE(crowd.back()->size(), 1U);
  EXPECT_EQ(crowd.back()->Records().front().kind, RecordKind::kError);
  Peer local(config_.socket);
  local.Ask(RequestKind::kSubscribeNow);
  EXPECT_TRUE(TurnUntil([&] {
    local.Read();
    return local.size() >= 1;
  }));
  EXPECT_EQ(local.Records().front().kind, RecordKind::kHello);
}

TEST_F(ServerTest, TheLastPlaceOfASubscriberIsNotForTcp) {
  std::vector<std::unique_ptr<Peer>> peers;
  const auto ask = [&](auto where) {
    peers.push_back(std::make_unique<Peer>(where));
    Peer& peer = *peers.back();
    peer.Ask(RequestKind::kSubscribeNow);
    EXPECT_TRUE(TurnUntil([&] {
      peer.Read();
      return peer.size() >= 1;
    }));
    return peer.Records().front().kind;
  };
  for (int i = 0; i < 7; ++i) {
    EXPECT_EQ(ask(port()), RecordKind::kHello);
  }
  EXPECT_EQ(ask(port()), RecordKind::kError);
  EXPECT_EQ(ask(config_.socket), RecordKind::kHello);
  EXPECT_EQ(ask(config_.socket), RecordKind::kError);
}

class SyncingServerTest : public Served {
 protected:
  SyncingServerTest() : Served(8, true) {}

  void SetUp() override { Serve(); }
};

TEST_F(SyncingServerTest, TellsWhatTheRingHasPutOnTheDisk) {
  Peer peer(config_.socket);
  peer.Ask(RequestKind::kSubscribeFrom);
  ASSERT_TRUE(region_.PushDeath(0, 7, 1));
  region_.Published(0, 2);
  region_.Published(1, 2);
  const auto heard = [&] {
    peer.Read();
    return peer.size() >= 3;  // hello, reset, death
  };
  EXPECT_FALSE(TurnUntil(heard, 200)) << "it is written, and not on the disk";
  EXPECT_TRUE(TurnUntil([&] {
    server_->Sync(service_);
    return heard();
  }));
  EXPECT_EQ(peer.Records()[2].endpoint, 7U);
}

}  // namespace
}  // namespace flatline::uring
