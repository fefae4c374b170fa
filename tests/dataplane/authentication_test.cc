// Tags through whole turns of an engine: whose heartbeat counts, in which mode, with which key, by
// the fast path and by the thorough way, and what an acknowledgement carries. The tags are made
// with libsodium, not with our SipHash. Invented time, a region and ports in memory.
#include "dataplane/authenticator.h"
#include "dataplane/engine.h"
#include "tests/dataplane/fake_port.h"
#include "tests/dataplane/frames.h"
#include "tests/dataplane/plain_region.h"
#include "tests/temporary_directory.h"

#include <flatline/heartbeat.h>
#include <flatline/master_key.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <sodium.h>
#include <string>
#include <sys/prctl.h>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr ProfileId kOpenProfile = 2;
constexpr ProfileId kAcceptingProfile = 3;

std::vector<std::byte> Encoded(Heartbeat heartbeat, std::span<const std::byte> elements) {
  heartbeat.payload_length = static_cast<std::uint16_t>(elements.size());
  std::vector<std::byte> out(kHeartbeatSize + elements.size());
  EncodeHeartbeat(heartbeat, std::span(out).first<kHeartbeatSize>());
  std::ranges::copy(elements, out.begin() + kHeartbeatSize);
  return out;
}

// By 64 and by 128 bits, in an engine of one worker.
class AuthenticationTest : public testing::TestWithParam<std::uint32_t> {
 protected:
  AuthenticationTest() {
    EXPECT_TRUE(MasterKey::Make(key_).has_value());
    config_.authentication = {
        .key = key_, .tag_bits = GetParam(), .mode = Authentication::kRequired};
    config_.profile_authentication[kOpenProfile] = Authentication::kOff;
    config_.profile_authentication[kAcceptingProfile] = Authentication::kAccepted;
    region_ = std::make_unique<PlainRegion>(config_);
    Start();
  }

  // A process with the keys that are there now.
  void Start() {
    engine_.reset();
    authenticator_ = Authenticator::Load(config_).value();
    engine_ =
        Engine::Create(region_->view(), {.authenticator = authenticator_.get()}, now_).value();
    engine_->Attach(0, port_.attachment());
  }

  void Turn() {
    now_ += Milliseconds(1);
    engine_->worker(0).Receive();
    engine_->worker(0).Turn(now_);
  }

  [[nodiscard]] std::vector<std::byte> Tagged(const Heartbeat& heartbeat,
                                              std::span<const std::byte> elements = {},
                                              bool previous = false) const {
    std::vector<std::byte> out = Encoded(heartbeat, elements);
    out[4] |= std::byte{kFlagAuthenticated};
    const std::string path = previous ? PreviousKeyPath(key_) : key_;
    Tag(out, MasterKey::Load(path).value().Derive(heartbeat.id));
    return out;
  }

  void Tag(std::vector<std::byte>& message, const EndpointKey& key) const {
    std::vector<std::byte> tag(GetParam() / 8);
    auto* out = reinterpret_cast<unsigned char*>(tag.data());
    const auto* in = reinterpret_cast<const unsigned char*>(message.data());
    const auto* secret = reinterpret_cast<const unsigned char*>(key.data());
    if (GetParam() == 64) {
      crypto_shorthash(out, in, message.size(), secret);
    } else {
      crypto_shorthash_siphashx24(out, in, message.size(), secret);
    }
    message.resize(message.size() + tag.size());
    std::ranges::copy(tag, message.end() - static_cast<std::ptrdiff_t>(tag.size()));
  }

  void Hear(const std::vector<std::byte>& datagram) {
    port_.source.Put(testing_frames::UdpFrame(datagram));
    Turn();
  }

  template <typename What>
  [[nodiscard]] std::uint64_t Count(What what) const {
    return region_->view().dataplane().counters[0][what];
  }

  [[nodiscard]] std::optional<std::uint32_t> SequenceOf(EndpointId id) const {
    for (const EndpointRecord& record : region_->view().records()) {
      if (record.id.load() == id) {
        return Heard::Unpack(record.heard.load()).sequence;
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] Slot SlotOf(EndpointId id) const {
    const auto records = region_->view().records();
    for (Slot slot = 0; slot < records.size(); ++slot) {
      if (records[slot].id.load() == id) {
        return slot;
      }
    }
    return kNoSlot;
  }

  Instant now_{Milliseconds(1000)};
  TemporaryDirectory directory_;
  const std::string key_ = directory_.Path("key");
  Config config_ = SmallConfig(2000);
  FakePort port_;
  std::unique_ptr<PlainRegion> region_;
  std::unique_ptr<Authenticator> authenticator_;
  std::unique_ptr<Engine> engine_;
};

INSTANTIATE_TEST_SUITE_P(Sizes, AuthenticationTest, testing::Values(64, 128));

TEST_P(AuthenticationTest, HearsWhoHasTheKey) {
  for (std::uint32_t sequence = 1; sequence <= 3; ++sequence) {
    Hear(Tagged({.id = 7, .incarnation = 1, .sequence = sequence}));
    EXPECT_EQ(SequenceOf(7), sequence);
  }
  Hear(Tagged({.id = 7, .incarnation = 1, .sequence = 4}, testing_frames::GroupElement(9)));
  EXPECT_EQ(SequenceOf(7), 4U);
  EXPECT_EQ(Count(Counter::kHeartbeats), 4U);
  EXPECT_EQ(Count(Counter::kAuthenticated), 4U);
}

TEST_P(AuthenticationTest, RefusesWhoHasNone) {
  Hear(Encoded({.id = 7, .incarnation = 1, .sequence = 1}, {}));
  EXPECT_EQ(SequenceOf(7), std::nullopt);
  Hear(Tagged({.id = 7, .incarnation = 1, .sequence = 1}));
  Hear(Encoded({.id = 7, .incarnation = 1, .sequence = 2}, {}));
  Hear(Encoded({.id = 7, .incarnation = 2, .sequence = 1}, {}));
  Hear(Encoded({.id = 7, .incarnation = 1, .sequence = 3, .kind = HeartbeatKind::kLeave}, {}));
  EXPECT_EQ(SequenceOf(7), 1U);
  EXPECT_EQ(Count(DropReason::kUntagged), 4U);
  EXPECT_EQ(Count(Counter::kLeaves), 0U);
}

// One bit anywhere in the heartbeat or its tag; the tag of another endpoint; a tag cut or too long.
TEST_P(AuthenticationTest, RefusesEveryForgery) {
  const std::uint32_t seed = 4711;
  std::mt19937 random(seed);
  Hear(Tagged({.id = 7, .incarnation = 1, .sequence = 1}));
  const std::vector<std::byte> good = Tagged({.id = 7, .incarnation = 1, .sequence = 2});
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    std::vector<std::byte> bad = good;
    bad[bit / 8] ^= std::byte{1} << (bit % 8);
    Hear(bad);
    ASSERT_EQ(SequenceOf(7), 1U) << "bit " << bit;
  }
  for (int round = 0; round < 100; ++round) {
    std::vector<std::byte> bad = good;
    for (std::size_t i = kHeartbeatSize; i < bad.size(); ++i) {
      bad[i] = static_cast<std::byte>(random());
    }
    Hear(bad);
    ASSERT_EQ(SequenceOf(7), 1U) << "seed " << seed;
  }
  Hear(std::vector(good.begin(), good.end() - 1));
  std::vector<std::byte> longer = good;
  longer.emplace_back();
  Hear(longer);
  std::vector<std::byte> others = Tagged({.id = 8, .incarnation = 1, .sequence = 2});
  others[15] = std::byte{7};  // the id's last byte
  Hear(others);
  EXPECT_EQ(SequenceOf(7), 1U);
  EXPECT_EQ(Count(Counter::kAuthenticated), 1U);
  Hear(good);
  EXPECT_EQ(SequenceOf(7), 2U);
}

TEST_P(AuthenticationTest, TakesNoReplay) {
  const auto first = Tagged({.id = 7, .incarnation = 1, .sequence = 1});
  const auto second = Tagged({.id = 7, .incarnation = 1, .sequence = 2});
  Hear(first);
  Hear(second);
  const std::uint64_t heard = Count(Counter::kHeartbeats);
  for (int round = 0; round < 600; ++round) {  // 300 ms × 3 and more of silence
    Hear(round % 2 == 0 ? first : second);
  }
  EXPECT_EQ(Count(Counter::kHeartbeats), heard);
  EXPECT_EQ(Count(Counter::kDeaths), 1U);
}

TEST_P(AuthenticationTest, GoesByTheModeOfTheProfile) {
  Hear(Encoded({.id = 1, .incarnation = 1, .sequence = 1, .profile = kOpenProfile}, {}));
  Hear(Encoded({.id = 2, .incarnation = 1, .sequence = 1, .profile = kAcceptingProfile}, {}));
  Hear(Tagged({.id = 2, .incarnation = 1, .sequence = 2, .profile = kAcceptingProfile}));
  EXPECT_EQ(SequenceOf(1), 1U);
  EXPECT_EQ(SequenceOf(2), 2U);
  auto wrong = Tagged({.id = 2, .incarnation = 1, .sequence = 3, .profile = kAcceptingProfile});
  wrong.back() ^= std::byte{1};
  Hear(wrong);
  EXPECT_EQ(SequenceOf(2), 2U);
  auto unlooked = Tagged({.id = 1, .incarnation = 1, .sequence = 2, .profile = kOpenProfile});
  unlooked.back() ^= std::byte{1};
  Hear(unlooked);
  EXPECT_EQ(SequenceOf(1), 2U);
}

// Out of a profile that requires tags only with one; into it likewise.
TEST_P(AuthenticationTest, LetsNobodyAskTheWayOut) {
  Hear(Tagged({.id = 7, .incarnation = 1, .sequence = 1}));
  Hear(Encoded({.id = 7, .incarnation = 1, .sequence = 2, .profile = kOpenProfile}, {}));
  EXPECT_EQ(SequenceOf(7), 1U);
  Hear(Encoded({.id = 8, .incarnation = 1, .sequence = 1, .profile = kOpenProfile}, {}));
  Hear(Encoded({.id = 8, .incarnation = 1, .sequence = 2, .profile = 1}, {}));
  EXPECT_EQ(SequenceOf(8), 1U);
  Hear(Tagged({.id = 7, .incarnation = 1, .sequence = 2, .profile = kOpenProfile}));
  EXPECT_EQ(SequenceOf(7), 2U);
  Hear(Encoded({.id = 7, .incarnation = 1, .sequence = 3}, {}));
  EXPECT_EQ(SequenceOf(7), 3U);  // it is in the open profile now
}

// A whole fleet in bursts, forged and genuine in any order, by handle and without.
TEST_P(AuthenticationTest, TellsForgedFromGenuineInFullBursts) {
  constexpr EndpointId kFleet = 500;
  const std::uint32_t seed = 99;
  std::mt19937 random(seed);
  for (EndpointId id = 1; id <= kFleet; ++id) {
    Hear(Tagged({.id = id, .incarnation = 1, .sequence = 1}));
  }
  std::vector<std::uint32_t> sequences(kFleet + 1, 1);
  for (int round = 0; round < 5; ++round) {
    for (EndpointId id = 1; id <= kFleet; ++id) {
      const Slot handle = random() % 2 == 0 ? kNoSlot : SlotOf(id);
      auto datagram =
          Tagged({.id = id, .incarnation = 1, .sequence = sequences[id] + 1, .handle = handle});
      if (random() % 3 == 0) {
        datagram[24 + random() % (datagram.size() - 24)] ^= std::byte{0x10};
        if (datagram[36] != std::byte{} || datagram[37] != std::byte{}) {
          continue;  // says that it has a payload: another kind of wrong
        }
      } else {
        ++sequences[id];
      }
      port_.source.Put(testing_frames::UdpFrame(datagram));
    }
    while (port_.source.waiting() != 0) {
      Turn();
    }
    Turn();
    for (EndpointId id = 1; id <= kFleet; ++id) {
      ASSERT_EQ(SequenceOf(id), sequences[id]) << "id " << id << ", seed " << seed;
    }
  }
}

TEST_P(AuthenticationTest, TagsTheAcknowledgement) {
  Hear(Tagged({.id = 7, .incarnation = 1, .sequence = 1}));
  Hear(Tagged({.id = 7, .incarnation = 1, .sequence = 2, .wants_acknowledgement = true}));
  const auto sent = port_.sink.TakeSent();
  ASSERT_EQ(sent.size(), 1U);
  constexpr std::size_t kHeaders = 14 + 20 + 8;
  const std::vector<std::byte> answer(sent[0].begin() + kHeaders, sent[0].end());
  ASSERT_EQ(answer.size(), kHeartbeatSize + GetParam() / 8);
  EXPECT_EQ(DecodeHeartbeat(answer)->kind, HeartbeatKind::kAcknowledgement);
  std::vector<std::byte> expected(answer.begin(), answer.begin() + kHeartbeatSize);
  Tag(expected, MasterKey::Load(key_).value().Derive(7));
  EXPECT_EQ(answer, expected);
}

// While two master keys hold, agents with the old key and with the new are heard, by a process that
// came up anew and finds the endpoints in the region; after that the old key is worth nothing.
TEST_P(AuthenticationTest, RotatesWithoutAGap) {
  for (EndpointId id = 1; id <= 40; ++id) {
    Hear(Tagged({.id = id, .incarnation = 1, .sequence = 1}));
  }
  ASSERT_TRUE(RotateMasterKey(key_).has_value());
  Start();
  for (std::uint32_t sequence = 2; sequence <= 3; ++sequence) {
    for (EndpointId id = 1; id <= 40; ++id) {
      port_.source.Put(testing_frames::UdpFrame(
          Tagged({.id = id, .incarnation = 1, .sequence = sequence}, {}, id % 2 == 0)));
    }
    Turn();
    Turn();
  }
  for (EndpointId id = 1; id <= 40; ++id) {
    ASSERT_EQ(SequenceOf(id), 3U) << id;
  }
  const auto old = Tagged({.id = 2, .incarnation = 1, .sequence = 4}, {}, true);
  ASSERT_TRUE(RetireMasterKey(key_).has_value());
  Start();
  Hear(old);
  EXPECT_EQ(SequenceOf(2), 3U);
  Hear(Tagged({.id = 2, .incarnation = 1, .sequence = 4}));
  EXPECT_EQ(SequenceOf(2), 4U);
}

// Known and unknown ids with wrong tags beside one that is right, in one burst.
TEST_P(AuthenticationTest, HearsOneAmongAFloodOfForgeries) {
  Hear(Tagged({.id = 7, .incarnation = 1, .sequence = 1}));
  for (EndpointId id = 1000; id < 1255; ++id) {
    auto forged = Tagged({.id = id % 2 == 0 ? id : 7, .incarnation = 1, .sequence = 100});
    forged.back() ^= std::byte{1};
    port_.source.Put(testing_frames::UdpFrame(forged));
  }
  port_.source.Put(testing_frames::UdpFrame(Tagged({.id = 7, .incarnation = 1, .sequence = 2})));
  Turn();
  Turn();
  EXPECT_EQ(SequenceOf(7), 2U);
  EXPECT_EQ(Count(DropReason::kBadTag), 255U);
  EXPECT_EQ(Count(Counter::kEnrolled), 1U);
}

TEST_P(AuthenticationTest, LeavesNoCoreDump) {
  EXPECT_EQ(::prctl(PR_GET_DUMPABLE), 0);
}

TEST_P(AuthenticationTest, DoesNotStartWithAKeyThatCannotBeUsed) {
  std::filesystem::permissions(key_, std::filesystem::perms(0440));
  const auto wide = Authenticator::Load(config_);
  ASSERT_FALSE(wide.has_value());
  EXPECT_NE(wide.error().find("mode 0440"), std::string::npos) << wide.error();
  std::filesystem::remove(key_);
  EXPECT_FALSE(Authenticator::Load(config_).has_value());
  // A previous key that cannot be used is no better.
  ASSERT_TRUE(MasterKey::Make(key_).has_value());
  std::filesystem::create_directory(PreviousKeyPath(key_));
  EXPECT_FALSE(Authenticator::Load(config_).has_value());
}

}  // namespace
}  // namespace flatline
