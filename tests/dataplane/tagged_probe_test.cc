// Native probes where tags are looked at: that flatline's question carries the tag of whom it asks,
// that an answer counts with a right tag and without one only where the mode allows it, and which
// of two master keys a question is made with. Tags are reckoned with libsodium here, by
// FlatlineAgent in the host that answers. Invented time; profile 16 beats every 100 ms, is suspect
// after 300 ms and is asked three times within the 100 ms before it is dead.
#include "dataplane/authenticator.h"
#include "dataplane/engine.h"
#include "tests/dataplane/asked_host.h"
#include "tests/dataplane/fake_port.h"
#include "tests/dataplane/frames.h"
#include "tests/dataplane/plain_region.h"
#include "tests/temporary_directory.h"

#include <flatline/heartbeat.h>
#include <flatline/master_key.h>
#include <flatline/transition_ring.h>

#include <algorithm>
#include <array>
#include <memory>
#include <sodium.h>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

using Bytes = std::vector<std::byte>;

constexpr ProfileId kAsked = kFirstOwnProfile;
constexpr EndpointId kId = 7;
constexpr IpAddress kUs{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 1};
constexpr IpAddress kThem{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 2};
constexpr std::size_t kHeaders = 14 + 20 + 8;

// By 64 and by 128 bits.
class TaggedProbeTest : public testing::TestWithParam<std::uint32_t> {
 protected:
  TaggedProbeTest() { EXPECT_TRUE(MasterKey::Make(key_).has_value()); }

  void Start(Authentication mode) {
    Config config = SmallConfig();
    config.guard.fleet_share_ppm = 0;
    config.authentication = {.key = key_, .tag_bits = GetParam(), .mode = mode};
    Profile& asked = config.profiles[kAsked];
    asked = MakeProfile("asked", Milliseconds(100), 3, Milliseconds(100));
    asked.probe = ProbeKind::kNative;
    asked.probes = 3;
    config.dataplane.default_profile = kAsked;
    engine_.reset();
    if (region_ == nullptr) {
      region_ = std::make_unique<PlainRegion>(config);
    }
    authenticator_ = Authenticator::Load(config).value();
    engine_ =
        Engine::Create(
            region_->view(), {.authenticator = authenticator_.get(), .probe_key = {3, 4}}, now_)
            .value();
    port_.identity.addresses = {kUs};
    engine_->Attach(0, port_.attachment());
    questions_.clear();
  }

  // Whoever has the endpoint's key, of the master key in this file; without one, where it is empty.
  [[nodiscard]] AskedHost Host(const std::string& key, EndpointId id = kId) const {
    FlatlineAgent agent{};
    agent.id = id;
    agent.incarnation = 1;
    if (!key.empty()) {
      agent.tag_size = static_cast<std::uint8_t>(GetParam() / 8);
      std::ranges::transform(MasterKey::Load(key).value().Derive(kId),
                             agent.key,
                             [](std::byte byte) { return std::to_integer<std::uint8_t>(byte); });
    }
    return {agent,
            {.mac = {2, 0, 0, 0, 0, 2},
             .udp_port = 40000,
             .promiscuous = false,
             .addresses = {kThem},
             .gateways = {}}};
  }

  void Turn() {
    now_ += Milliseconds(1);
    engine_->worker(0).Receive();
    engine_->worker(0).Turn(now_);
    for (Bytes& frame : port_.sink.TakeSent()) {
      if (frame[12] == std::byte{0x08} && frame[13] == std::byte{0x06}) {  // who is there?
        port_.source.Put(Host("").Answer(frame).value());
      } else {
        questions_.push_back(std::move(frame));
      }
    }
  }

  void Pass(int milliseconds) {
    for (; milliseconds > 0; --milliseconds) {
      Turn();
    }
  }

  // The host answers what it is asked meanwhile; how many answers it gave.
  int Answering(int milliseconds, const AskedHost& host) {
    int out = 0;
    for (; milliseconds > 0; --milliseconds) {
      Turn();
      for (const Bytes& question : std::exchange(questions_, {})) {
        if (auto answer = host.Answer(question)) {
          port_.source.Put(std::move(*answer));
          ++out;
        }
      }
    }
    return out;
  }

  void Beat(AskedHost& host) {
    std::array<std::uint8_t, kFlatlineLargestHeartbeat> bytes{};
    const std::size_t size = FlatlineEncodeHeartbeat(&host.agent(), 0, bytes.data());
    port_.source.Put(testing_frames::UdpFrame(std::as_bytes(std::span(bytes).first(size))));
    Pass(2);
  }

  void Hear(std::span<const std::byte> datagram) {
    port_.source.Put(testing_frames::UdpFrame(datagram));
    Pass(2);
  }

  [[nodiscard]] std::vector<Reason> Told() {
    std::vector<Reason> out;
    TransitionConsumer control(region_->view().dataplane().transition_heads[0],
                               region_->view().control().transition_tails[0],
                               region_->view().transitions(0));
    for (std::uint64_t i = control.tail(); i < control.head(); ++i) {
      if (control.At(i).kind == TransitionKind::kLiveness) {
        out.push_back(control.At(i).reason);
      }
    }
    control.Release(control.head());
    return out;
  }

  template <typename What>
  [[nodiscard]] std::uint64_t Count(What what) {
    Pass(2);  // housekeeping publishes
    return region_->view().dataplane().counters[0][what];
  }

  // Of a message without its tag, by libsodium.
  [[nodiscard]] Bytes TagOf(std::span<const std::byte> message, const std::string& key) const {
    const EndpointKey secret = MasterKey::Load(key).value().Derive(kId);
    Bytes out(GetParam() / 8);
    auto* tag = reinterpret_cast<unsigned char*>(out.data());
    const auto* in = reinterpret_cast<const unsigned char*>(message.data());
    const auto* by = reinterpret_cast<const unsigned char*>(secret.data());
    (GetParam() == 64 ? crypto_shorthash : crypto_shorthash_siphashx24)(
        tag, in, message.size(), by);
    return out;
  }

  [[nodiscard]] bool IsMadeWith(const Bytes& question, const std::string& key) const {
    const std::span<const std::byte> message(question.begin() + kHeaders, question.end());
    return message.size() == kHeartbeatSize + GetParam() / 8 && IsTagged(message) &&
           std::ranges::equal(message.subspan(kHeartbeatSize),
                              TagOf(message.first(kHeartbeatSize), key));
  }

  Instant now_{Milliseconds(1000)};
  TemporaryDirectory directory_;
  const std::string key_ = directory_.Path("key");
  FakePort port_;
  std::unique_ptr<PlainRegion> region_;
  std::unique_ptr<Authenticator> authenticator_;
  std::unique_ptr<Engine> engine_;
  std::vector<Bytes> questions_;
};

INSTANTIATE_TEST_SUITE_P(Sizes, TaggedProbeTest, testing::Values(64, 128));

TEST_P(TaggedProbeTest, EachQuestionHasTheTagOfWhomItAsks) {
  for (const Authentication mode : {Authentication::kRequired, Authentication::kAccepted}) {
    engine_.reset();
    region_.reset();
    Start(mode);
    AskedHost host = Host(key_);
    Beat(host);
    Pass(410);
    ASSERT_EQ(questions_.size(), 3U);
    for (const Bytes& question : questions_) {
      EXPECT_TRUE(IsMadeWith(question, key_));
    }
  }
}

TEST_P(TaggedProbeTest, WhereTagsAreOffNoQuestionHasOne) {
  Start(Authentication::kOff);
  AskedHost host = Host("");
  Beat(host);
  EXPECT_GE(Answering(320, host), 1);
  EXPECT_EQ(Told().back(), Reason::kProbeAnswered);
  Pass(310);
  ASSERT_FALSE(questions_.empty());
  EXPECT_EQ(questions_[0].size(), kHeaders + kHeartbeatSize);
}

TEST_P(TaggedProbeTest, AnAnswerOfWhoHasTheKeyKeepsItAlive) {
  Start(Authentication::kRequired);
  AskedHost host = Host(key_);
  Beat(host);
  static_cast<void>(Told());
  EXPECT_GE(Answering(320, host), 1);
  EXPECT_EQ(Told(), (std::vector{Reason::kDeadlineMissed, Reason::kProbeAnswered}));
  EXPECT_GE(Count(Counter::kProbeReplies), 1U);
  EXPECT_EQ(Count(DropReason::kBadTag), 0U);
}

// One bit anywhere; the tag cut off, with its flag and without; another endpoint's tag.
TEST_P(TaggedProbeTest, NoOtherAnswerCounts) {
  Start(Authentication::kRequired);
  AskedHost host = Host(key_);
  Beat(host);
  Pass(305);
  ASSERT_EQ(questions_.size(), 1U);
  static_cast<void>(Told());
  const Bytes answer = host.Answer(questions_[0]).value();
  const Bytes good(answer.begin() + kHeaders, answer.end());
  Bytes cut(good.begin(), good.begin() + kHeartbeatSize);
  for (std::size_t bit = 8 * kHeartbeatSize; bit < 8 * good.size(); ++bit) {
    Bytes forged = good;
    forged[bit / 8] ^= std::byte{1} << (bit % 8);
    port_.source.Put(testing_frames::UdpFrame(forged));
  }
  for (const std::size_t at : {5U, 15U, 19U, 23U, 31U, 35U}) {  // health, id, … clock, handle
    Bytes forged = good;
    forged[at] ^= std::byte{1};
    port_.source.Put(testing_frames::UdpFrame(forged));
  }
  port_.source.Put(testing_frames::UdpFrame(cut));
  cut[4] &= ~std::byte{kFlagAuthenticated};
  port_.source.Put(testing_frames::UdpFrame(cut));
  Pass(3);
  EXPECT_EQ(Told(), std::vector<Reason>{});
  EXPECT_EQ(Count(Counter::kProbeReplies), 0U);
  EXPECT_EQ(Count(DropReason::kUntagged), 1U);
  EXPECT_GE(Count(DropReason::kBadTag), GetParam());
  Hear(good);
  EXPECT_EQ(Told(), std::vector{Reason::kProbeAnswered}) << "the true one is still believed";
}

// Who has no key cannot look at the question's tag, and answers without one.
TEST_P(TaggedProbeTest, WhereTagsAreAcceptedAnAnswerWithoutCounts) {
  Start(Authentication::kAccepted);
  AskedHost host = Host("");
  Beat(host);
  static_cast<void>(Told());
  EXPECT_GE(Answering(320, host), 1);
  EXPECT_EQ(Told(), (std::vector{Reason::kDeadlineMissed, Reason::kProbeAnswered}));
}

// Attempts take turns, newer key first; an agent answers those made with its own.
TEST_P(TaggedProbeTest, WhileTwoMasterKeysHoldBothAreAskedWith) {
  Start(Authentication::kRequired);
  AskedHost host = Host(key_);  // of the key that becomes the previous one
  Beat(host);
  ASSERT_TRUE(RotateMasterKey(key_).has_value());
  Start(Authentication::kRequired);
  Beat(host);
  Pass(410);
  ASSERT_EQ(questions_.size(), 3U);
  EXPECT_TRUE(IsMadeWith(questions_[0], key_));
  EXPECT_TRUE(IsMadeWith(questions_[1], PreviousKeyPath(key_)));
  EXPECT_TRUE(IsMadeWith(questions_[2], key_));
  questions_.clear();
  Beat(host);
  static_cast<void>(Told());
  EXPECT_EQ(Answering(360, host), 1) << "the second";
  EXPECT_EQ(Told(), (std::vector{Reason::kDeadlineMissed, Reason::kProbeAnswered}));
}

}  // namespace
}  // namespace flatline
