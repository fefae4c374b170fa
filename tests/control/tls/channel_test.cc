// TLS without a socket: the server's channel and a client's, joined in memory, torn everywhere,
// damaged, wrongly certified; and OpenSSL's own client where ours would not do such a thing.
#include "control/tls/channel.h"

#include "tests/control/tls/authority.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <openssl/ssl.h>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing::HasSubstr;
using State = TlsChannel::State;
using Bytes = std::vector<std::byte>;

WallInstant Now() {
  return WallInstant{
      std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch())};
}

Bytes BytesOf(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

Bytes Pattern(std::size_t size) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) {
    out[i] = static_cast<std::byte>(i * 31 + (i >> 8));
  }
  return out;
}

Bytes TakeOutgoing(TlsChannel& from) {
  Bytes out;
  for (auto bytes = from.outgoing(); !bytes.empty(); bytes = from.outgoing()) {
    out.insert(out.end(), bytes.begin(), bytes.end());
    from.Sent(bytes.size());
  }
  return out;
}

Bytes ReadAll(TlsChannel& channel) {
  Bytes out;
  Bytes room(1000);
  while (const std::size_t got = channel.Read(room)) {
    out.insert(out.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(got));
  }
  return out;
}

// Everything that `from` has to send, in pieces; what came out at the other end.
Bytes Carry(TlsChannel& from, TlsChannel& to, std::size_t piece = 16384) {
  const Bytes all = TakeOutgoing(from);
  Bytes out;
  for (std::size_t at = 0; at < all.size(); at += piece) {
    to.Feed(std::span(all).subspan(at, std::min(piece, all.size() - at)));
    const Bytes read = ReadAll(to);
    out.insert(out.end(), read.begin(), read.end());
  }
  return out;
}

class TlsChannelTest : public testing::Test {
 protected:
  void SetUp() override { authority_.Issue("control"); }

  std::shared_ptr<const TlsContext> Server(const std::string& name = "control",
                                           const std::string& client_ca = "") {
    auto out = TlsContext::ForServer({.certificate = authority_.CertificatePath(name),
                                      .key = authority_.KeyPath(name),
                                      .client_ca = client_ca},
                                     Now());
    EXPECT_TRUE(out) << out.error();
    return out.value_or(nullptr);
  }

  std::shared_ptr<const TlsContext> Client(TlsTrust trust = {},
                                           const std::string& host = "127.0.0.1") {
    trust.ca = trust.ca.empty() ? authority_.ca() : trust.ca;
    auto out = TlsContext::ForClient(trust, host);
    EXPECT_TRUE(out) << out.error();
    return out.value_or(nullptr);
  }

  static void Shake(TlsChannel& server, TlsChannel& client, std::size_t piece = 16384) {
    for (int flight = 0; flight < 4; ++flight) {
      Carry(client, server, piece);
      Carry(server, client, piece);
    }
  }

  // The fault that the client finds.
  std::string FaultOf(const std::shared_ptr<const TlsContext>& server,
                      const std::shared_ptr<const TlsContext>& client) {
    TlsChannel at_server(server);
    TlsChannel at_client(client);
    Shake(at_server, at_client);
    EXPECT_EQ(at_client.state() == State::kFailed, !at_client.fault().empty());
    return at_client.fault();
  }

  Authority authority_;
};

TEST_F(TlsChannelTest, CarriesBytesBothWaysInAnyPieces) {
  for (const std::size_t piece : {1U, 7U, 500U, 16384U}) {
    TlsChannel server(Server());
    TlsChannel client(Client());
    Shake(server, client, piece);
    ASSERT_EQ(server.state(), State::kOpen) << server.fault();
    ASSERT_EQ(client.state(), State::kOpen) << client.fault();
    for (const std::size_t size : {1U, 64U, 16384U, 16385U, 200'000U}) {
      const Bytes told = Pattern(size);
      server.Seal(told);
      EXPECT_EQ(Carry(server, client, piece), told) << piece << " " << size;
      client.Seal(told);
      EXPECT_EQ(Carry(client, server, piece), told) << piece << " " << size;
    }
  }
}

TEST_F(TlsChannelTest, AHelloTornAnywhereIsAHello) {
  const auto server_context = Server();
  const auto client_context = Client();
  const std::size_t length = TlsChannel(client_context).outgoing().size();
  ASSERT_GT(length, 100U);
  for (std::size_t at = 0; at <= length; ++at) {
    TlsChannel server(server_context);
    TlsChannel client(client_context);
    const Bytes hello = TakeOutgoing(client);
    server.Feed(std::span(hello).first(std::min(at, hello.size())));
    server.Advance();
    ASSERT_EQ(server.state(), State::kShaking) << at;
    server.Feed(std::span(hello).subspan(std::min(at, hello.size())));
    server.Advance();
    Shake(server, client);
    ASSERT_EQ(server.state(), State::kOpen) << at << " " << server.fault();
    ASSERT_EQ(client.state(), State::kOpen) << at << " " << client.fault();
  }
}

TEST_F(TlsChannelTest, ARecordTornAnywhereIsWhole) {
  TlsChannel server(Server());
  TlsChannel client(Client());
  Shake(server, client);
  const Bytes told = Pattern(256);
  for (std::size_t at = 0; at <= 256 + 22; ++at) {
    server.Seal(told);
    const Bytes sealed = TakeOutgoing(server);
    ASSERT_EQ(sealed.size(), 256U + 22U);  // header, kind and tag
    client.Feed(std::span(sealed).first(at));
    Bytes heard = ReadAll(client);
    EXPECT_TRUE(heard.empty() || at == sealed.size());
    client.Feed(std::span(sealed).subspan(at));
    const Bytes rest = ReadAll(client);
    heard.insert(heard.end(), rest.begin(), rest.end());
    ASSERT_EQ(heard, told) << at;
  }
}

TEST_F(TlsChannelTest, AFlippedBitIsNeverPlaintext) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto server_context = Server();
  const auto client_context = Client();
  const Bytes told = Pattern(1000);
  for (int round = 0; round < 200; ++round) {
    TlsChannel server(server_context);
    TlsChannel client(client_context);
    Shake(server, client);
    server.Seal(told);
    Bytes sealed = TakeOutgoing(server);
    const std::size_t at = random() % sealed.size();
    sealed[at] ^= static_cast<std::byte>(1U << random() % 8);
    client.Feed(sealed);
    ASSERT_TRUE(ReadAll(client).empty()) << at;
    // A length that has grown waits for what never comes; all else is found.
    const bool is_length = at == 3 || at == 4;
    ASSERT_TRUE(client.state() == State::kFailed || is_length) << at;
  }
}

TEST_F(TlsChannelTest, ADamagedHandshakeOpensNothingThatDiffers) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto server_context = Server();
  const auto client_context = Client();
  int failed = 0;
  for (int round = 0; round < 400; ++round) {
    TlsChannel server(server_context);
    TlsChannel client(client_context);
    const int flight_hit = static_cast<int>(random() % 3);
    TlsChannel* from = &client;
    TlsChannel* to = &server;
    for (int flight = 0; flight < 6; ++flight) {
      Bytes bytes = TakeOutgoing(*from);
      if (flight == flight_hit && !bytes.empty()) {
        bytes[random() % bytes.size()] ^= static_cast<std::byte>(1U << random() % 8);
      }
      to->Feed(bytes);
      to->Advance();
      std::swap(from, to);
    }
    if (server.state() != State::kOpen || client.state() != State::kOpen) {
      ++failed;
      continue;
    }
    // Such as the version of a record, which nobody looks at.
    server.Seal(Pattern(100));
    EXPECT_EQ(Carry(server, client), Pattern(100));
  }
  EXPECT_GT(failed, 300);
}

TEST_F(TlsChannelTest, NoiseOpensNothing) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto context = Server();
  for (int round = 0; round < 2000; ++round) {
    TlsChannel server(context);
    Bytes noise(1 + random() % 600);
    std::ranges::generate(noise, [&] { return static_cast<std::byte>(random()); });
    if (round % 2 == 0) {
      noise[0] = std::byte{22};
      if (noise.size() > 2) {
        noise[1] = std::byte{3};
        noise[2] = std::byte{1};
      }
    }
    server.Feed(noise);
    ASSERT_TRUE(ReadAll(server).empty());
    ASSERT_NE(server.state(), State::kOpen);
  }
}

TEST_F(TlsChannelTest, AHelloWithoutEndIsBounded) {
  TlsChannel server(Server());
  // A record of handshake after the other, each a part of a hello of 16 MiB.
  Bytes record(5 + 16000);
  record[0] = std::byte{22};
  record[1] = std::byte{3};
  record[2] = std::byte{3};
  record[3] = std::byte{16000 >> 8};
  record[4] = std::byte{16000 & 0xFF};
  record[5] = std::byte{1};
  record[6] = std::byte{0xFF};
  std::size_t fed = 0;
  while (server.state() == State::kShaking && fed < (1U << 20)) {
    server.Feed(record);
    server.Advance();
    fed += record.size();
  }
  EXPECT_EQ(server.state(), State::kFailed);
  // And where nobody has the time to look at it.
  TlsChannel waiting(Server());
  for (fed = 0; waiting.state() == State::kShaking && fed < (1U << 20); fed += record.size()) {
    waiting.Feed(record);
  }
  EXPECT_LE(fed, TlsChannel::kMostUnread + record.size());
  EXPECT_THAT(waiting.fault(), HasSubstr("no end of it"));
}

TEST_F(TlsChannelTest, TheServerIsKnownByNumberOrByName) {
  EXPECT_EQ(FaultOf(Server(), Client()), "");
  EXPECT_EQ(FaultOf(Server(), Client({.server_name = "control.test"}, "10.9.8.7")), "");
  EXPECT_THAT(FaultOf(Server(), Client({}, "10.9.8.7")), HasSubstr("IP address mismatch"));
  EXPECT_THAT(FaultOf(Server(), Client({.server_name = "other.test"})),
              HasSubstr("not to be trusted: hostname mismatch"));
}

TEST_F(TlsChannelTest, AServerOfAnotherAuthorityIsNotTrusted) {
  Authority other("other");
  EXPECT_THAT(FaultOf(Server(), Client({.ca = other.ca()})), HasSubstr("not to be trusted"));
}

TEST_F(TlsChannelTest, AnExpiredServerIsNotTrusted) {
  authority_.Issue("late", {.begins_s = -7200, .ends_s = -3600});
  const WallInstant then = Now() - Duration{5400LL * 1'000'000'000};
  const auto server = TlsContext::ForServer(
      {.certificate = authority_.CertificatePath("late"), .key = authority_.KeyPath("late")}, then);
  ASSERT_TRUE(server) << server.error();
  EXPECT_THAT(FaultOf(*server, Client()), HasSubstr("certificate has expired"));
}

TEST_F(TlsChannelTest, ClientsShowCertificatesWhereThatIsAsked) {
  authority_.Issue("client", {.names = "DNS:client.test", .subject = "client.test"});
  Authority other("other");
  other.Issue("client", {.names = "DNS:client.test", .subject = "client.test"});
  const auto server = Server("control", authority_.ca());
  const auto shake = [&](const TlsTrust& trust) {
    TlsChannel at_server(server);
    TlsChannel at_client(Client(trust));
    Shake(at_server, at_client);
    EXPECT_EQ(at_server.state() == State::kOpen, at_client.state() == State::kOpen);
    return at_server.fault() + at_client.fault();
  };
  EXPECT_EQ(shake({.certificate = authority_.CertificatePath("client"),
                   .key = authority_.KeyPath("client")}),
            "");
  EXPECT_THAT(shake({}), HasSubstr("peer did not return a certificate"));
  EXPECT_THAT(
      shake({.certificate = other.CertificatePath("client"), .key = other.KeyPath("client")}),
      HasSubstr("not to be trusted"));
}

TEST_F(TlsChannelTest, WhoSpeaksInTheClearIsTold) {
  TlsChannel server(Server());
  server.Feed(BytesOf("F"));
  EXPECT_TRUE(server.was_addressed_in_the_clear());
  EXPECT_EQ(server.state(), State::kFailed);
  EXPECT_TRUE(TakeOutgoing(server).empty());

  TlsChannel other(Server());
  other.Feed(BytesOf("GET / HTTP/1.1\r\n"));
  EXPECT_FALSE(other.was_addressed_in_the_clear());
  EXPECT_THAT(other.fault(), HasSubstr("speaks in the clear"));

  TlsChannel client(Client());
  client.Feed(Bytes(64));
  EXPECT_THAT(client.fault(), HasSubstr("answers in the clear"));
}

TEST_F(TlsChannelTest, AnEndIsToldFromACut) {
  TlsChannel server(Server());
  TlsChannel client(Client());
  Shake(server, client);
  server.Seal(Pattern(10));
  server.End();
  EXPECT_EQ(Carry(server, client), Pattern(10));
  EXPECT_EQ(client.state(), State::kEnded);
  EXPECT_EQ(client.fault(), "");

  TlsChannel second(Server());
  TlsChannel cut(Client());
  Shake(second, cut);
  second.Seal(Pattern(10));
  EXPECT_EQ(Carry(second, cut), Pattern(10));
  EXPECT_EQ(cut.state(), State::kOpen);
}

// Found by fuzzing: nobody has proved who he is, so it is no end.
TEST_F(TlsChannelTest, AnEndAmidTheHandshakeIsAFault) {
  TlsChannel client(Client());
  constexpr std::array<unsigned char, 7> kCloseNotify{21, 3, 3, 0, 2, 1, 0};
  client.Feed(std::as_bytes(std::span(kCloseNotify)));
  EXPECT_EQ(ReadAll(client), Bytes{});
  EXPECT_EQ(client.state(), State::kFailed);
  EXPECT_THAT(client.fault(), HasSubstr("amid the handshake"));
}

TEST_F(TlsChannelTest, WhatIsBeingSentStaysWhereItIs) {
  TlsChannel server(Server());
  TlsChannel client(Client());
  Shake(server, client);
  server.Seal(Pattern(1000));
  const auto sending = server.outgoing();
  const Bytes before(sending.begin(), sending.end());
  server.Seal(Pattern(100'000));
  server.End();
  EXPECT_EQ(server.outgoing().data(), sending.data());
  EXPECT_TRUE(std::ranges::equal(sending, before));
  server.Sent(500);
  EXPECT_EQ(server.outgoing().data(), sending.data() + 500);
  client.Feed(before);
  EXPECT_EQ(ReadAll(client), Pattern(1000));
  server.Sent(before.size() - 500);
  EXPECT_EQ(Carry(server, client), Pattern(100'000));
}

// OpenSSL's client over its own memory, for what ours does not do.
class OddClient {
 public:
  explicit OddClient(int newest) : context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_max_proto_version(context_, newest);
    ssl_ = SSL_new(context_);
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl_, in_, out_);
    SSL_set_connect_state(ssl_);
  }

  ~OddClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }

  OddClient(const OddClient&) = delete;
  OddClient& operator=(const OddClient&) = delete;

  void Talk(TlsChannel& server) const {
    SSL_do_handshake(ssl_);
    server.Feed(Said());
    server.Advance();
    const Bytes answer = TakeOutgoing(server);
    BIO_write(in_, answer.data(), static_cast<int>(answer.size()));
  }

  [[nodiscard]] Bytes Said() const {
    Bytes out(BIO_ctrl_pending(out_));
    if (!out.empty()) {
      BIO_read(out_, out.data(), static_cast<int>(out.size()));
    }
    return out;
  }

  [[nodiscard]] SSL* ssl() const { return ssl_; }

 private:
  SSL_CTX* context_;
  SSL* ssl_;
  BIO* in_;
  BIO* out_;
};

TEST_F(TlsChannelTest, WhatIsOlderIsRefusedWithAnAlert) {
  TlsChannel server(Server());
  const OddClient client(TLS1_2_VERSION);
  SSL_do_handshake(client.ssl());
  server.Feed(client.Said());
  server.Advance();
  EXPECT_EQ(server.state(), State::kFailed);
  EXPECT_THAT(server.fault(), HasSubstr("only what is older"));
  const Bytes alert = TakeOutgoing(server);
  ASSERT_EQ(alert.size(), 7U);
  EXPECT_EQ(alert[0], std::byte{21});
  EXPECT_EQ(alert[6], std::byte{70});  // protocol_version
}

TEST_F(TlsChannelTest, EndlessMessagesOfTlsItselfAreAnEnd) {
  TlsChannel server(Server());
  const OddClient client(TLS1_3_VERSION);
  for (int flight = 0; flight < 4; ++flight) {
    client.Talk(server);
  }
  ASSERT_EQ(server.state(), State::kOpen) << server.fault();
  std::size_t fed = 0;
  while (server.state() == State::kOpen && fed < (1U << 20)) {
    ASSERT_EQ(SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
    ASSERT_EQ(SSL_do_handshake(client.ssl()), 1);
    const Bytes update = client.Said();
    fed += update.size();
    server.Feed(update);
    EXPECT_TRUE(ReadAll(server).empty());
    EXPECT_LT(server.outgoing().size(), 100U);
  }
  EXPECT_THAT(server.fault(), HasSubstr("carries nothing"));
  EXPECT_LT(fed, TlsChannel::kMostEmpty + 1000);
}

}  // namespace
}  // namespace flatline
