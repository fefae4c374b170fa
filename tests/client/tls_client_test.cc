// The client over TLS: the same records once and in order, over breaks and new certificates; and
// every way in which the other end can be the wrong one, told in a line that says what to do.
#include "tests/client/loopback_listener.h"
#include "tests/client/scripted_server.h"
#include "tests/client/tls_front.h"
#include "tests/control/tls/authority.h"

#include <flatline/client.h>
#include <flatline/subscriber.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <numeric>
#include <poll.h>
#include <span>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr Duration kLimit{10'000'000'000};

std::vector<DeliveryRecord> Deaths(std::uint64_t first, std::uint64_t last) {
  std::vector<DeliveryRecord> out;
  for (std::uint64_t sequence = first; sequence <= last; ++sequence) {
    out.push_back(Death(sequence));
  }
  return out;
}

// Says its word to whoever comes, whatever he says, and closes.
class OneWord {
 public:
  explicit OneWord(std::vector<DeliveryRecord> word) : word_(std::move(word)) {
    thread_ = std::thread([this] { Serve(); });
  }

  ~OneWord() {
    listener_.Shut();
    thread_.join();
  }

  OneWord(const OneWord&) = delete;
  OneWord& operator=(const OneWord&) = delete;

  [[nodiscard]] const std::string& address() const { return listener_.address(); }

 private:
  void Serve() {
    for (;;) {
      const Socket peer = listener_.Accept();
      if (peer.get() < 0) {
        return;
      }
      const auto bytes = std::as_bytes(std::span{word_});
      ::send(peer.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      ::shutdown(peer.get(), SHUT_WR);
      std::array<std::byte, 4096> rest;
      while (::recv(peer.get(), rest.data(), rest.size(), 0) > 0) {
      }
    }
  }

  std::vector<DeliveryRecord> word_;
  LoopbackListener listener_;
  std::thread thread_;
};

class TlsClientTest : public testing::Test {
 protected:
  void SetUp() override { authority_.Issue("control"); }

  static std::shared_ptr<const TlsContext> ContextOf(const Authority& authority,
                                                     const std::string& client_ca = "") {
    auto out = TlsContext::ForServer({.certificate = authority.CertificatePath("control"),
                                      .key = authority.KeyPath("control"),
                                      .client_ca = client_ca},
                                     WallInstant{std::chrono::duration_cast<Duration>(
                                         std::chrono::system_clock::now().time_since_epoch())});
    EXPECT_TRUE(out) << out.error();
    return out.value_or(nullptr);
  }

  [[nodiscard]] Subscription From(const std::string& address) const {
    return {.address = address,
            .start = RequestKind::kSubscribeFrom,
            .groups = {},
            .trust = {.ca = authority_.ca()}};
  }

  // Sequences heard, until there are so many; then the error, if there was one.
  static std::string Hear(Client& client, std::size_t count, std::vector<std::uint64_t>& heard) {
    while (heard.size() < count) {
      const auto handed = client.Poll(kLimit, [&](std::span<const DeliveryRecord> records) {
        for (const DeliveryRecord& record : records) {
          heard.push_back(record.sequence);
        }
      });
      if (!handed || *handed == 0) {
        return handed ? "nothing in time" : handed.error();
      }
    }
    return "";
  }

  static std::string ErrorOf(const Subscription& subscription) {
    Client client(subscription);
    std::vector<std::uint64_t> heard;
    return Hear(client, 1, heard);
  }

  static std::vector<std::uint64_t> OneTo(std::uint64_t last) {
    std::vector<std::uint64_t> out(last);
    std::iota(out.begin(), out.end(), 1);
    return out;
  }

  Authority authority_;
};

TEST_F(TlsClientTest, ResumesOverBreaksInOrderAndWithoutRepeat) {
  for (const auto ending : {TlsFront::Ending::kSaid, TlsFront::Ending::kCut}) {
    const ScriptedServer server({Script().Send({Hello(9)}).Send(Deaths(1, 3)),
                                 Script().Send({Hello(9)}).SendCut(Deaths(4, 6), 10),
                                 Script().Send({Hello(9)}).Send(Deaths(6, 9)).Stay()});
    const TlsFront front(server.address(), {ContextOf(authority_)}, ending);
    Client client(From(front.address()));
    std::vector<std::uint64_t> heard;
    EXPECT_EQ(Hear(client, 9, heard), "");
    EXPECT_EQ(heard, OneTo(9));
    EXPECT_EQ(client.reconnections(), 2U);
    ASSERT_EQ(server.requests().size(), 3U);
    EXPECT_EQ(server.requests()[2].sequence, 5U);
  }
}

// Whoever waits for the descriptor must not be left with records that TLS holds back.
TEST_F(TlsClientTest, TheDescriptorTellsOfAllThereIs) {
  constexpr std::uint64_t kDeaths = 50'000;
  const ScriptedServer server({Script().Send({Hello(kDeaths)}).Send(Deaths(1, kDeaths)).Stay()});
  const TlsFront front(server.address(), {ContextOf(authority_)});
  Client client(From(front.address()));
  std::vector<std::uint64_t> heard;
  ASSERT_EQ(Hear(client, 1, heard), "");
  while (heard.size() < kDeaths) {
    pollfd entry{.fd = client.descriptor(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&entry, 1, 10'000), 1) << heard.size();
    ASSERT_TRUE(client.Poll(Duration{}, [&](std::span<const DeliveryRecord> records) {
      for (const DeliveryRecord& record : records) {
        heard.push_back(record.sequence);
      }
    }));
  }
  EXPECT_EQ(heard, OneTo(kDeaths));
  EXPECT_EQ(client.reconnections(), 0U);
}

TEST_F(TlsClientTest, AWrongServerIsNamed) {
  Authority other("other");
  other.Issue("control");
  const ScriptedServer server({});
  const TlsFront front(server.address(), {ContextOf(other)});
  EXPECT_THAT(ErrorOf(From(front.address())),
              AllOf(HasSubstr(front.address() + ": needed flatline-control over TLS 1.3, found a "
                                                "certificate that is not to be trusted: "),
                    HasSubstr("; check the address, the authority's certificates (ca)")));
  const TlsFront right(server.address(), {ContextOf(authority_)});
  Subscription named = From(right.address());
  named.trust.server_name = "other.test";
  EXPECT_THAT(ErrorOf(named), HasSubstr("hostname mismatch"));
  named.trust.ca = "/nonexistent/ca";
  EXPECT_THAT(ErrorOf(named), HasSubstr("/nonexistent/ca: needed the certificates"));
}

TEST_F(TlsClientTest, WhoKnowsTheServerWaitsUntilItsCertificateIsMended) {
  Authority other("other");
  other.Issue("control");
  const auto wrong = ContextOf(other);
  const auto right = ContextOf(authority_);
  const ScriptedServer server({Script().Send({Hello(4)}).Send(Deaths(1, 2)),
                               Script(),
                               Script(),
                               Script(),
                               Script(),
                               Script().Send({Hello(4)}).Send(Deaths(3, 4)).Stay()});
  const TlsFront front(server.address(), {right, wrong, wrong, wrong, wrong, right});
  Client client(From(front.address()));
  std::vector<std::uint64_t> heard;
  EXPECT_EQ(Hear(client, 4, heard), "");
  EXPECT_EQ(heard, OneTo(4));
}

TEST_F(TlsClientTest, AServerInTheClearIsNamed) {
  const OneWord server({Refused(DeliveryError::kWrongTransport)});
  EXPECT_THAT(ErrorOf(From("tls:" + server.address())),
              AllOf(HasSubstr("found somebody who answers in the clear"), HasSubstr("\"plain:\"")));
}

TEST_F(TlsClientTest, AServerOverTlsIsNamed) {
  const ScriptedServer server({Script().Send({Refused(DeliveryError::kWrongTransport)})});
  EXPECT_THAT(ErrorOf(From(server.address())),
              AllOf(HasSubstr("found: wrong transport"), HasSubstr("write \"tls:\" before it")));
}

TEST_F(TlsClientTest, ShowsItsCertificateWhereThatIsAsked) {
  authority_.Issue("client", {.names = "DNS:client.test", .subject = "client.test"});
  const ScriptedServer server({Script().Send({Hello(1)}).Send(Deaths(1, 1)).Stay()});
  const TlsFront front(server.address(), {ContextOf(authority_, authority_.ca())});
  Subscription subscription = From(front.address());
  subscription.trust.certificate = authority_.CertificatePath("client");
  subscription.trust.key = authority_.KeyPath("client");
  Client client(subscription);
  std::vector<std::uint64_t> heard;
  EXPECT_EQ(Hear(client, 1, heard), "");
}

TEST_F(TlsClientTest, WithoutACertificateIsToldSo) {
  const ScriptedServer server({Script(), Script(), Script()});
  const TlsFront front(server.address(), {ContextOf(authority_, authority_.ca())});
  EXPECT_THAT(ErrorOf(From(front.address())), HasSubstr("certificate required"));
}

TEST_F(TlsClientTest, AdministersOverTls) {
  std::vector<AdminEntry> entries;
  for (EndpointId id = 1; id <= 5000; ++id) {
    entries.push_back({.id = id, .profile = 5, .command = 1});
  }
  const ScriptedServer server({Script().Stay()});
  const TlsFront front(server.address(), {ContextOf(authority_)});
  EndpointId answered = 0;
  const auto done = Administer(front.address(),
                               entries,
                               kLimit,
                               [&](const AdminResult& result) { EXPECT_EQ(result.id, ++answered); },
                               {.trust = {.ca = authority_.ca()}});
  EXPECT_TRUE(done) << done.error();
  EXPECT_EQ(answered, 5000U);
  const auto refused = Administer(front.address(),
                                  entries,
                                  kLimit,
                                  [](const AdminResult&) {},
                                  {.trust = {.ca = authority_.ca(), .server_name = "other.test"}});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error(),
              HasSubstr("needed flatline-control over TLS 1.3, found a certificate"));
}

TEST_F(TlsClientTest, AnAdministratorTellsAnEndFromACut) {
  const std::vector<AdminEntry> entries{{.id = 1, .command = 1}};
  const auto error_of = [&](TlsFront::Ending ending) {
    const OneWord server({});
    const TlsFront front(server.address(), {ContextOf(authority_)}, ending);
    const auto done = Administer(front.address(),
                                 entries,
                                 kLimit,
                                 [](const AdminResult&) {},
                                 {.trust = {.ca = authority_.ca()}});
    return done ? "done" : done.error();
  };
  EXPECT_THAT(error_of(TlsFront::Ending::kSaid), HasSubstr("closed the connection"));
  EXPECT_THAT(error_of(TlsFront::Ending::kCut), HasSubstr("was cut off"));
}

TEST_F(TlsClientTest, ForCTheSame) {
  const ScriptedServer server({Script().Send({Hello(2)}).Send(Deaths(1, 2)).Stay()});
  const TlsFront front(server.address(), {ContextOf(authority_)});
  const std::string ca = authority_.ca();
  const std::string address = front.address();
  FlatlineSubscription wanted{};
  wanted.address = address.c_str();
  wanted.start = kFlatlineFrom;
  wanted.ca = ca.c_str();
  wanted.server_name = "control.test";
  FlatlineSubscriber* const subscriber = FlatlineSubscribe(&wanted);
  ASSERT_NE(subscriber, nullptr);
  int64_t heard = 0;
  while (heard < 2) {
    const int64_t polled =
        FlatlinePoll(subscriber, 10'000, [](const auto*, size_t, void*) {}, nullptr);
    ASSERT_GT(polled, 0) << FlatlineError(subscriber);
    heard += polled;
  }
  EXPECT_EQ(FlatlineSequence(subscriber), 2U);
  FlatlineUnsubscribe(subscriber);
}

TEST(SocketAddressTest, TlsIsSpokenWhereOthersCouldListen) {
  for (const auto& [text, encrypted] : {std::pair("10.0.0.1:17997", true),
                                        std::pair("[fd00::1]:17997", true),
                                        std::pair("0.0.0.0:17997", true),
                                        std::pair("[::ffff:127.0.0.1]:1", true),
                                        std::pair("127.0.0.1:17997", false),
                                        std::pair("127.9.9.9:17997", false),
                                        std::pair("[::1]:17997", false),
                                        std::pair("unix:/run/x.sock", false),
                                        std::pair("tls:127.0.0.1:17997", true),
                                        std::pair("tls:[::1]:17997", true),
                                        std::pair("plain:10.0.0.1:17997", false)}) {
    const auto parsed = ParseSocketAddress(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(parsed->is_encrypted, encrypted) << text;
  }
  EXPECT_EQ(ParseSocketAddress("tls:[fd00::1]:17997")->host, "fd00::1");
  EXPECT_EQ(ParseSocketAddress("10.0.0.1:17997")->host, "10.0.0.1");
  for (const char* const text : {"tls:",
                                 "tls:unix:/x",
                                 "tls:plain:10.0.0.1:1",
                                 "tls:10.0.0.1",
                                 "TLS:10.0.0.1:1",
                                 "tls:name:1"}) {
    EXPECT_FALSE(ParseSocketAddress(text)) << text;
  }
}

}  // namespace
}  // namespace flatline
