// Subscribers over TLS, on real sockets: good ones, those who never finish a handshake, those who
// speak something else, slow ones, and a certificate that changes under them. One thread, no sleep,
// as server_test. Skips where the kernel forbids the ring.
#include "control/tls/channel.h"
#include "tests/control/tls/authority.h"
#include "tests/control/uring/peer.h"
#include "tests/control/uring/served.h"

#include <flatline/crc32c.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <deque>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline::uring {
namespace {

using testing::HasSubstr;

WallInstant Today() {
  return WallInstant{
      std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch())};
}

// A peer with a client's channel on top.
class SealedPeer {
 public:
  SealedPeer(int port, const std::shared_ptr<const TlsContext>& context)
      : peer_(port), channel_(context) {}

  void Ask(RequestKind kind, std::uint64_t sequence = 0) {
    DeliveryRequest request;
    request.kind = kind;
    request.sequence = sequence;
    const auto bytes = std::as_bytes(std::span{&request, 1});
    unsaid_.assign(bytes.begin(), bytes.end());
  }

  // Moves what there is, at most `most` bytes of ciphertext from the server.
  void Read(std::size_t most = std::numeric_limits<std::size_t>::max()) {
    if (channel_.state() == TlsChannel::State::kOpen && !unsaid_.empty()) {
      channel_.Seal(unsaid_);
      unsaid_.clear();
    }
    channel_.Sent(peer_.Send(channel_.outgoing()));
    while (most != 0) {
      const std::size_t piece = std::min<std::size_t>(most, 16384);
      peer_.Read(piece);
      const auto ciphertext = peer_.TakeBytes();
      if (ciphertext.empty()) {
        break;
      }
      most -= ciphertext.size();
      channel_.Feed(ciphertext);
      std::array<std::byte, 16384> room;
      while (const std::size_t got = channel_.Read(room)) {
        plaintext_.insert(plaintext_.end(), room.begin(), room.begin() + got);
      }
    }
  }

  [[nodiscard]] std::vector<DeliveryRecord> Records() const {
    std::vector<DeliveryRecord> out(size());
    std::memcpy(static_cast<void*>(out.data()), plaintext_.data(), out.size() * sizeof(out[0]));
    return out;
  }

  [[nodiscard]] std::size_t size() const { return plaintext_.size() / sizeof(DeliveryRecord); }

  [[nodiscard]] TlsChannel& channel() { return channel_; }

  void SendRaw(std::span<const std::byte> bytes) const {
    EXPECT_EQ(peer_.Send(bytes), bytes.size());
  }

  // As much as there is room for.
  void SendSome(std::span<const std::byte> bytes) const { static_cast<void>(peer_.Send(bytes)); }

  [[nodiscard]] bool closed() const { return peer_.closed; }

 private:
  Peer peer_;
  TlsChannel channel_;
  std::vector<std::byte> unsaid_;
  std::vector<std::byte> plaintext_;
};

class TlsTest : public Served {
 protected:
  TlsTest() : Served(200) {}

  void SetUp() override {
    authority_.Issue("control");
    config_.tls_certificate = authority_.CertificatePath("control");
    config_.tls_key = authority_.KeyPath("control");
    config_.tls_loopback = true;
    auto credentials = TlsCredentials::Load(
        {.certificate = config_.tls_certificate, .key = config_.tls_key}, Today());
    ASSERT_TRUE(credentials) << credentials.error();
    credentials_ = std::move(*credentials);
    const auto context = TlsContext::ForClient({.ca = authority_.ca()}, "127.0.0.1");
    ASSERT_TRUE(context) << context.error();
    context_ = *context;
    Serve(credentials_.get());
  }

  // Until it has heard something; false after too many turns.
  [[nodiscard]] bool TurnUntilHeard(SealedPeer& peer) {
    return TurnUntil([&] {
      peer.Read();
      return peer.size() != 0;
    });
  }

  // So many deaths more, as far as there is room, numbered on.
  void Kill(EndpointId upto) {
    while (killed_ < upto &&
           region_.PushDeath(killed_ % 2, killed_ + 1, static_cast<std::int64_t>(killed_ + 1))) {
      ++killed_;
    }
    region_.Published(0, static_cast<std::int64_t>(killed_));
    region_.Published(1, static_cast<std::int64_t>(killed_));
  }

  // Hello, reset, and every death in order.
  static void ExpectDeaths(const std::vector<DeliveryRecord>& records, EndpointId deaths) {
    ASSERT_GE(records.size(), deaths + 2);
    ASSERT_EQ(records[0].kind, RecordKind::kHello);
    ASSERT_EQ(records[1].kind, RecordKind::kReset);
    for (EndpointId id = 1; id <= deaths; ++id) {
      ASSERT_EQ(records[id + 1].endpoint, id);
      ASSERT_EQ(records[id + 1].sequence, id + 1);
      ASSERT_EQ(records[id + 1].crc, SealOf(records[id + 1]));
    }
  }

  Authority authority_;
  std::unique_ptr<TlsCredentials> credentials_;
  std::shared_ptr<const TlsContext> context_;
  EndpointId killed_ = 0;
};

TEST_F(TlsTest, SubscribersHearAllInOrderAndOnce) {
  constexpr EndpointId kDeaths = 100'000;
  SealedPeer one(port(), context_);
  SealedPeer two(port(), context_);
  one.Ask(RequestKind::kSubscribeFrom);
  two.Ask(RequestKind::kSubscribeFrom);
  ASSERT_TRUE(TurnUntil([&] {
    const std::size_t heard = std::min(one.size(), two.size());
    Kill(std::min<EndpointId>(kDeaths, heard + 8192));
    one.Read();
    two.Read();
    return heard >= kDeaths + 2;
  })) << one.channel().fault();
  ExpectDeaths(one.Records(), kDeaths);
  ExpectDeaths(two.Records(), kDeaths);
  EXPECT_EQ(service_.dismissals().unshaken(), 0U);
}

TEST_F(TlsTest, ASlowReaderHearsAllToo) {
  constexpr EndpointId kDeaths = 6'000;
  SealedPeer slow(port(), context_);
  slow.Ask(RequestKind::kSubscribeFrom);
  ASSERT_TRUE(TurnUntil([&] {
    Kill(kDeaths);
    slow.Read(1001);
    now_ += Duration{50'000'000};  // a piece of 64 KiB takes far longer than patience lasts
    return slow.size() >= kDeaths + 2;
  }));
  std::vector<DeliveryRecord> records = slow.Records();
  std::erase_if(records, [](const auto& record) { return record.kind == RecordKind::kBookmark; });
  ExpectDeaths(records, kDeaths);
}

TEST_F(TlsTest, AnErrorComesWholeAndThenAnEnd) {
  SealedPeer peer(port(), context_);
  peer.Ask(RequestKind::kSubscribeFrom, 1'000'000);
  ASSERT_TRUE(TurnUntil([&] {
    peer.Read();
    return peer.closed() || peer.channel().state() == TlsChannel::State::kEnded;
  }));
  ASSERT_EQ(peer.size(), 1U);
  EXPECT_EQ(peer.Records()[0].kind, RecordKind::kError);
  EXPECT_EQ(peer.channel().state(), TlsChannel::State::kEnded);
}

TEST_F(TlsTest, WhoSpeaksInTheClearIsToldSoInTheClear) {
  Peer plain(port());
  plain.Ask(RequestKind::kSubscribeNow);
  ASSERT_TRUE(TurnUntil([&] {
    plain.Read();
    return plain.closed;
  }));
  ASSERT_EQ(plain.size(), 1U);
  const DeliveryRecord record = plain.Records()[0];
  EXPECT_EQ(record.kind, RecordKind::kError);
  EXPECT_EQ(record.crc, SealOf(record));
  EXPECT_EQ(static_cast<DeliveryError>(record.reason), DeliveryError::kWrongTransport);
  EXPECT_EQ(service_.dismissals().refused(DeliveryError::kWrongTransport), 1U);
}

TEST_F(TlsTest, AHelloInTheClearIsToldSo) {
  Peer local(config_.socket);
  SealedPeer hello(port(), context_);
  const auto bytes = hello.channel().outgoing();
  ASSERT_EQ(local.Send(bytes), bytes.size());
  ASSERT_TRUE(TurnUntil([&] {
    local.Read();
    return local.closed;
  }));
  ASSERT_EQ(local.size(), 1U);
  EXPECT_EQ(static_cast<DeliveryError>(local.Records()[0].reason), DeliveryError::kWrongTransport);
  TlsChannel client(context_);
  client.Feed(local.TakeBytes());
  EXPECT_THAT(client.fault(), HasSubstr("answers in the clear"));
}

TEST_F(TlsTest, HandshakesThatNeverEndAreEndedAndHoldNobodyUp) {
  constexpr std::size_t kEach = 40;
  constexpr EndpointId kDeaths = 20'000;
  SealedPeer good(port(), context_);
  good.Ask(RequestKind::kSubscribeFrom);
  ASSERT_TRUE(TurnUntilHeard(good));
  std::deque<Peer> silent;
  std::deque<Peer> dripping;
  std::deque<Peer> noisy;
  std::deque<SealedPeer> half;  // say hello, and nothing to the answer
  std::vector<std::byte> hello;
  {
    TlsChannel client(context_);
    hello.assign(client.outgoing().begin(), client.outgoing().end());
  }
  for (std::size_t i = 0; i < kEach; ++i) {
    silent.emplace_back(port());
    dripping.emplace_back(port());
    noisy.emplace_back(port());
    half.emplace_back(port(), context_);
    half.back().SendRaw(half.back().channel().outgoing());
    ASSERT_TRUE(TurnUntil([&] { return outlet_->connections() >= 4 * i + 5; }));
  }
  std::size_t turn = 0;
  const std::vector<std::byte> noise(1000, std::byte{0x5A});
  ASSERT_TRUE(TurnUntil([&] {
    for (Peer& peer : dripping) {
      static_cast<void>(peer.Send(std::span(hello).subspan(turn % hello.size(), 1)));
    }
    for (Peer& peer : noisy) {
      static_cast<void>(peer.Send(noise));
      peer.Read();
    }
    ++turn;
    Kill(std::min<EndpointId>(kDeaths, good.size() + 4096));
    good.Read();
    return good.size() >= kDeaths + 2;
  }));
  ExpectDeaths(good.Records(), kDeaths);
  EXPECT_TRUE(std::ranges::all_of(noisy, [](const Peer& peer) { return peer.closed; }));
  EXPECT_GE(service_.dismissals().unshaken(), kEach);
  // Ten seconds are enough for anybody; then they make room.
  now_ += Session::kMostPatience;
  ASSERT_TRUE(TurnUntil([&] {
    good.Read();
    return outlet_->connections() == 1;
  }));
  EXPECT_FALSE(good.closed());
  EXPECT_GE(service_.dismissals().unshaken(), 3 * kEach);
}

TEST_F(TlsTest, MoreHandshakesThanATurnHasAreAllHad) {
  std::deque<SealedPeer> peers;
  for (int i = 0; i < 100; ++i) {
    peers.emplace_back(port(), context_);
    peers.back().Ask(RequestKind::kSubscribeNow);
  }
  EXPECT_TRUE(TurnUntil([&] {
    std::ranges::for_each(peers, [](SealedPeer& peer) { peer.Read(); });
    return std::ranges::all_of(peers, [](const SealedPeer& peer) { return peer.size() != 0; });
  }));
}

// While strangers' handshakes are on another thread, subscribers are served; who goes away or talks
// on meanwhile is seen to when his has come back.
TEST_F(TlsTest, HandshakesAreDoneElsewhereAndHoldNobodyUp) {
  constexpr EndpointId kDeaths = 1'000;
  SealedPeer good(port(), context_);
  good.Ask(RequestKind::kSubscribeFrom);
  ASSERT_TRUE(TurnUntilHeard(good));
  holds_back_ = true;
  std::deque<SealedPeer> peers;
  for (std::size_t i = 0; i < 10; ++i) {
    peers.emplace_back(port(), context_);
    peers.back().Ask(RequestKind::kSubscribeNow);
    peers.back().Read();
    ASSERT_TRUE(TurnUntil([&] { return outlet_->connections() == i + 2; }));
  }
  ASSERT_TRUE(TurnUntil([&] {
    Kill(kDeaths);
    good.Read();
    return good.size() >= kDeaths + 2;
  }));
  ExpectDeaths(good.Records(), kDeaths);
  EXPECT_EQ(held_back_.size(), Connection::kMostHandshakes) << "the others wait";
  const std::vector<std::byte> more(TlsChannel::kMostUnread + 1, std::byte{22});
  ASSERT_TRUE(TurnUntil([&] {
    peers[0].SendSome(more);
    return service_.dismissals().unshaken() == 1;
  }));
  peers.pop_front();
  peers.pop_front();
  peers.pop_back();  // this one had not begun
  ASSERT_TRUE(TurnUntil([&] { return outlet_->connections() == 10; }));
  std::thread([this] { std::ranges::for_each(held_back_, [](auto& task) { task(); }); }).join();
  holds_back_ = false;
  EXPECT_TRUE(TurnUntil([&] {
    std::ranges::for_each(peers, [](SealedPeer& peer) { peer.Read(); });
    return std::ranges::all_of(peers, [](const SealedPeer& peer) { return peer.size() != 0; });
  }));
  EXPECT_TRUE(TurnUntil([&] { return outlet_->connections() == 8; }));
}

TEST_F(TlsTest, DamageUnderWayEndsTheConnectionWithAnAlert) {
  SealedPeer peer(port(), context_);
  peer.Ask(RequestKind::kSubscribeNow);
  ASSERT_TRUE(TurnUntilHeard(peer));
  peer.channel().Seal(std::as_bytes(std::span("FLAK")));
  auto bytes = peer.channel().outgoing();
  std::vector<std::byte> damaged(bytes.begin(), bytes.end());
  ASSERT_GT(damaged.size(), 1U);
  damaged[damaged.size() - 1] ^= std::byte{1};
  peer.channel().Sent(bytes.size());
  peer.SendRaw(damaged);
  ASSERT_TRUE(TurnUntil([&] {
    peer.Read();
    return peer.channel().state() == TlsChannel::State::kFailed;
  }));
  EXPECT_THAT(peer.channel().fault(), HasSubstr("alert bad record mac"));
  EXPECT_EQ(service_.dismissals().unshaken(), 1U);
  now_ += Connection::kLinger;
  ASSERT_TRUE(TurnUntil([&] { return outlet_->connections() == 0; }));
}

TEST_F(TlsTest, ANewCertificateIsForNewConnections) {
  constexpr EndpointId kDeaths = 1'000;
  SealedPeer before(port(), context_);
  before.Ask(RequestKind::kSubscribeFrom);
  ASSERT_TRUE(TurnUntilHeard(before));
  Authority other("other");
  other.Issue("control");
  std::filesystem::copy_file(other.CertificatePath("control"),
                             config_.tls_certificate,
                             std::filesystem::copy_options::overwrite_existing);
  // One file without the other is no news.
  EXPECT_FALSE(credentials_->Reload(Today()));
  std::filesystem::remove(config_.tls_key);
  std::filesystem::copy_file(other.KeyPath("control"), config_.tls_key);
  const auto told = credentials_->Reload(Today());
  ASSERT_TRUE(told) << told.error();
  const auto context = TlsContext::ForClient({.ca = other.ca()}, "127.0.0.1");
  ASSERT_TRUE(context) << context.error();
  SealedPeer after(port(), *context);
  SealedPeer mistaken(port(), context_);
  after.Ask(RequestKind::kSubscribeFrom);
  mistaken.Ask(RequestKind::kSubscribeFrom);
  ASSERT_TRUE(TurnUntil([&] {
    Kill(kDeaths);
    before.Read();
    after.Read();
    mistaken.Read();
    return before.size() >= kDeaths + 2 && after.size() >= kDeaths + 2 && mistaken.closed();
  }));
  ExpectDeaths(before.Records(), kDeaths);
  ExpectDeaths(after.Records(), kDeaths);
  EXPECT_EQ(mistaken.size(), 0U);
  EXPECT_THAT(mistaken.channel().fault(), HasSubstr("not to be trusted"));
}

TEST_F(TlsTest, WithoutACertificateNothingIsServedThere) {
  config_.socket += ".other";
  const auto server = Server::Create(config_, {outlet_.get()}, nullptr);
  ASSERT_FALSE(server);
  EXPECT_THAT(server.error(), HasSubstr("needed a certificate to speak TLS there"));
}

}  // namespace
}  // namespace flatline::uring
