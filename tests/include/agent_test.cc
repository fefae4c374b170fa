// agent.h held against heartbeat.h: what the one encodes the other must decode to the same fields,
// once as C++ and once through a C11 translation unit, and both against golden bytes.
#include "tests/include/agent_in_c.h"

#include <flatline/agent.h>
#include <flatline/heartbeat.h>
#include <flatline/payload.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <sodium.h>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

static_assert(kFlatlinePort == kHeartbeatPort);
static_assert(kFlatlineHeartbeatSize == kHeartbeatSize);
static_assert(kFlatlineMostPayload == kMaxHeartbeatPayload);
static_assert(kFlatlineMostText == kMostPayloadText);
static_assert(kFlatlineLargestHeartbeat == kHeartbeatSize + 3 * 6 + 2 + kMostPayloadText + 16);
static_assert(kFlatlineHealthUnknown == static_cast<int>(Health::kUnknown));
static_assert(kFlatlineReady == static_cast<int>(Health::kReady));
static_assert(kFlatlineDegraded == static_cast<int>(Health::kDegraded));
static_assert(kFlatlineFailing == static_cast<int>(Health::kFailing));

using Encoder = std::size_t (*)(FlatlineAgent*, std::uint64_t, std::uint8_t*);
using Decoder = bool (*)(const std::uint8_t*, std::size_t, FlatlineAcknowledgement*);

constexpr std::array<Encoder, 2> kHeartbeatEncoders{&FlatlineEncodeHeartbeat, &EncodeHeartbeatInC};
constexpr std::array<Encoder, 2> kLeaveEncoders{&FlatlineEncodeLeave, &EncodeLeaveInC};
constexpr std::array<Decoder, 2> kDecoders{&FlatlineDecodeAcknowledgement,
                                           &DecodeAcknowledgementInC};

FlatlineAgent FullAgent() {
  FlatlineAgent agent{};
  agent.id = 0x0102030405060708;
  agent.incarnation = 0x21222324;
  agent.sequence = 0x31323333;
  agent.group = 0x61626364;
  agent.profile = 0x5152;
  agent.health = kFlatlineDegraded;
  agent.wants_acknowledgement = true;
  agent.has_handle = true;
  agent.handle = 0x41424344;
  return agent;
}

std::vector<std::uint8_t> EncodeWith(Encoder encode, FlatlineAgent& agent, std::uint64_t sent_ns) {
  std::vector<std::uint8_t> out(kFlatlineLargestHeartbeat);
  out.resize(encode(&agent, sent_ns, out.data()));
  return out;
}

TEST(Agent, EncodesTheGoldenBytes) {
  const std::vector<std::uint8_t> golden{0x46, 0x4C, 1,    0,    3,    2,    0x51, 0x52, 1,    2,
                                         3,    4,    5,    6,    7,    8,    0x21, 0x22, 0x23, 0x24,
                                         0x31, 0x32, 0x33, 0x34, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16,
                                         0x17, 0x18, 0x41, 0x42, 0x43, 0x44, 0,    6,    0,    0,
                                         1,    4,    0x61, 0x62, 0x63, 0x64};
  for (const Encoder encode : kHeartbeatEncoders) {
    FlatlineAgent agent = FullAgent();
    EXPECT_EQ(EncodeWith(encode, agent, 0x1112131415161718), golden);
    EXPECT_EQ(agent.sequence, 0x31323334U) << "counted up";
  }
}

TEST(Agent, EncodesWhatHeartbeatDecodes) {
  for (const Encoder encode : kHeartbeatEncoders) {
    FlatlineAgent agent = FullAgent();
    const auto bytes = EncodeWith(encode, agent, 99);
    const Heartbeat expected{.id = agent.id,
                             .sent_ns = 99,
                             .incarnation = agent.incarnation,
                             .sequence = agent.sequence,
                             .handle = agent.handle,
                             .profile = agent.profile,
                             .kind = HeartbeatKind::kHeartbeat,
                             .health = Health::kDegraded,
                             .wants_acknowledgement = true,
                             .payload_length = 6};
    EXPECT_EQ(DecodeHeartbeat(std::as_bytes(std::span{bytes})).value(), expected);
  }
}

TEST(Agent, SaysWhatItHasToSay) {
  const std::vector<std::uint8_t> golden{
      2, 4, 0, 0, 0x04, 0xE2, 3, 4, 0, 0, 3, 0x6B, 4, 3, 'h', 'o', 't'};
  for (const Encoder encode : kHeartbeatEncoders) {
    FlatlineAgent agent{};
    agent.id = 7;
    agent.says = kFlatlineSaysLoad | kFlatlineSaysMemory;
    agent.load = 1'250;
    agent.memory = 875;
    agent.text = "hot";
    const auto bytes = EncodeWith(encode, agent, 0);
    const auto said = std::span{bytes}.subspan(kHeartbeatSize);
    EXPECT_TRUE(std::ranges::equal(said, golden));
    EXPECT_EQ(DecodeHeartbeat(std::as_bytes(std::span{bytes})).value().payload_length, 17);
    agent.says = kFlatlineSaysMemory;
    agent.text = nullptr;
    EXPECT_EQ(EncodeWith(encode, agent, 0).size(), kHeartbeatSize + 6);
    agent.says = 0;
    agent.text = "";
    EXPECT_EQ(EncodeWith(encode, agent, 0).size(), kHeartbeatSize + 2) << "nothing is a text too";
  }
}

TEST(Agent, CutsATextBetweenCharacters) {
  const auto said = [](const std::string& text) {
    FlatlineAgent agent{};
    agent.id = 7;
    agent.text = text.c_str();
    const auto bytes = EncodeWith(&FlatlineEncodeHeartbeat, agent, 0);
    EXPECT_EQ(bytes[kHeartbeatSize + 1], bytes.size() - kHeartbeatSize - 2);
    return std::string(bytes.begin() + kHeartbeatSize + 2, bytes.end());
  };
  const std::string x(126, 'x');
  EXPECT_EQ(said(x + "yz"), x + "yz");
  EXPECT_EQ(said(x + "yz!"), x + "yz");
  EXPECT_EQ(said(x + "\u00E9"), x + "\u00E9") << "two bytes have room";
  EXPECT_EQ(said(x + "\u20AC"), x) << "three have not";
  EXPECT_EQ(said(x + "\U0001F525"), x);
  EXPECT_EQ(said(x + "y\u00E9"), x + "y");
  EXPECT_EQ(said(std::string(200, '\x80')), "") << "no character at all";
}

TEST(Agent, ThatSaysEverythingFitsTheLargestHeartbeat) {
  const std::string text(200, 'x');
  FlatlineAgent agent = FullAgent();
  agent.says = kFlatlineSaysLoad | kFlatlineSaysMemory;
  agent.text = text.c_str();
  agent.tag_size = 16;
  EXPECT_EQ(EncodeWith(&FlatlineEncodeHeartbeat, agent, 1).size(), kFlatlineLargestHeartbeat);
}

TEST(Agent, NeedsNoMoreThanAnId) {
  FlatlineAgent agent{};
  agent.id = 7;
  const auto bytes = EncodeWith(&FlatlineEncodeHeartbeat, agent, 0);
  EXPECT_EQ(bytes.size(), kHeartbeatSize);
  EXPECT_EQ(DecodeHeartbeat(std::as_bytes(std::span{bytes})).value(),
            (Heartbeat{.id = 7, .sequence = 1}));
}

TEST(Agent, LeavesWithTheNextSequence) {
  for (const Encoder encode : kLeaveEncoders) {
    FlatlineAgent agent{};
    agent.id = 7;
    agent.sequence = 0xFFFFFFFF;
    const auto bytes = EncodeWith(encode, agent, 0);
    const auto leave = DecodeHeartbeat(std::as_bytes(std::span{bytes})).value();
    EXPECT_EQ(leave.kind, HeartbeatKind::kLeave);
    EXPECT_EQ(leave.sequence, 0U) << "wraps";
  }
}

std::array<std::byte, kHeartbeatSize> Acknowledgement(const Heartbeat& heartbeat) {
  std::array<std::byte, kHeartbeatSize> out{};
  EncodeHeartbeat(heartbeat, out);
  return out;
}

class AgentDecoder : public testing::TestWithParam<Decoder> {};

INSTANTIATE_TEST_SUITE_P(InCppAndC, AgentDecoder, testing::ValuesIn(kDecoders));

TEST_P(AgentDecoder, KeepsTheHandleItIsTold) {
  FlatlineAgent agent{};
  agent.id = 7;
  agent.incarnation = 3;
  const auto bytes = Acknowledgement({.id = 7,
                                      .sent_ns = 55,
                                      .incarnation = 3,
                                      .sequence = 12,
                                      .handle = 4242,
                                      .profile = 2,
                                      .kind = HeartbeatKind::kAcknowledgement});
  FlatlineAcknowledgement told{};
  const auto* datagram = reinterpret_cast<const std::uint8_t*>(bytes.data());
  ASSERT_TRUE(GetParam()(datagram, bytes.size(), &told));
  EXPECT_EQ(told.sent_ns, 55U);
  EXPECT_EQ(told.sequence, 12U);
  EXPECT_EQ(told.profile, 2U);
  EXPECT_TRUE(FlatlineAccept(&agent, &told));
  EXPECT_TRUE(agent.has_handle);
  EXPECT_EQ(agent.handle, 4242U);
}

TEST(Agent, IgnoresAnAcknowledgementOfAnotherLife) {
  FlatlineAgent agent{};
  agent.id = 7;
  agent.incarnation = 4;
  FlatlineAcknowledgement told{};
  told.id = 7;
  told.incarnation = 3;
  told.has_handle = true;
  EXPECT_FALSE(FlatlineAccept(&agent, &told));
  told.id = 8;
  told.incarnation = 4;
  EXPECT_FALSE(FlatlineAccept(&agent, &told));
  EXPECT_FALSE(agent.has_handle);
}

enum class Opinion : std::uint8_t { kBothRefuse, kBothTake, kDiffer };

Opinion Compare(std::span<const std::byte> datagram) {
  const auto decoded = DecodeHeartbeat(datagram);
  const bool takes = decoded.has_value() && decoded->kind == HeartbeatKind::kAcknowledgement;
  FlatlineAcknowledgement told{};
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(datagram.data());
  if (FlatlineDecodeAcknowledgement(bytes, datagram.size(), &told) != takes) {
    return Opinion::kDiffer;
  }
  if (!takes) {
    return Opinion::kBothRefuse;
  }
  const bool same = told.id == decoded->id && told.has_handle == (decoded->handle != kNoSlot);
  return same ? Opinion::kBothTake : Opinion::kDiffer;
}

// One byte at a time is set to every value: both decoders must agree about each datagram.
TEST(Agent, RefusesWhatHeartbeatRefuses) {
  const auto good =
      Acknowledgement({.id = 0x0100, .handle = 1, .kind = HeartbeatKind::kAcknowledgement});
  std::array<int, 3> opinions{};
  for (std::size_t at = 0; at < kHeartbeatSize * 256; ++at) {
    std::array<std::byte, 44> datagram{};
    std::ranges::copy(good, datagram.begin());
    datagram[at / 256] = static_cast<std::byte>(at % 256);
    for (std::size_t size = 38; size <= datagram.size(); ++size) {
      ++opinions[static_cast<std::size_t>(Compare(std::span{datagram}.first(size)))];
    }
  }
  EXPECT_EQ(opinions[static_cast<std::size_t>(Opinion::kDiffer)], 0);
  EXPECT_GT(opinions[static_cast<std::size_t>(Opinion::kBothTake)], 1000);
  EXPECT_GT(opinions[static_cast<std::size_t>(Opinion::kBothRefuse)], 1000);
}

// libsodium's word on what the encoders append, for both sizes, with and without a payload.
TEST(Agent, AppendsTheTagOfItsKey) {
  for (const Encoder encode : kHeartbeatEncoders) {
    for (const std::uint8_t size : {std::uint8_t{8}, std::uint8_t{16}}) {
      for (const std::uint32_t group : {0U, 9U}) {
        FlatlineAgent agent = FullAgent();
        agent.group = group;
        agent.tag_size = size;
        ASSERT_TRUE(FlatlineReadKey("000102030405060708090A0b0c0d0e0f", agent.key));
        EXPECT_EQ(agent.key[10], 10);
        const auto bytes = EncodeWith(encode, agent, 99);
        const std::size_t message = kHeartbeatSize + (group != 0 ? 6 : 0);
        ASSERT_EQ(bytes.size(), message + size);
        std::vector<std::uint8_t> tag(size);
        (size == 8 ? crypto_shorthash : crypto_shorthash_siphashx24)(
            tag.data(), bytes.data(), message, agent.key);
        EXPECT_TRUE(std::equal(tag.begin(), tag.end(), bytes.begin() + std::ptrdiff_t(message)));
        EXPECT_TRUE(DecodeHeartbeat(std::as_bytes(std::span{bytes})).has_value());
        EXPECT_TRUE(IsTagged(std::as_bytes(std::span{bytes})));
      }
    }
  }
}

TEST(Agent, ReadsNoKeyThatIsNone) {
  std::array<std::uint8_t, 16> key{};
  const std::vector<std::string> texts{"",
                                       "000102030405060708090a0b0c0d0e0",
                                       "000102030405060708090a0b0c0d0e0f0",
                                       "000102030405060708090a0b0c0d0e0g"};
  for (const std::string& text : texts) {
    EXPECT_FALSE(FlatlineReadKey(text.c_str(), key.data())) << text;
  }
}

TEST(Agent, TakesNoForgedAcknowledgement) {
  FlatlineAgent agent = FullAgent();
  agent.tag_size = 8;
  agent.group = 0;
  auto bytes = EncodeWith(&FlatlineEncodeHeartbeat, agent, 99);  // any message with its tag
  EXPECT_TRUE(FlatlineIsGenuine(&agent, bytes.data(), bytes.size()));
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    auto forged = bytes;
    forged[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_FALSE(FlatlineIsGenuine(&agent, forged.data(), forged.size())) << bit;
  }
  EXPECT_FALSE(FlatlineIsGenuine(&agent, bytes.data(), bytes.size() - 1));
  EXPECT_FALSE(FlatlineIsGenuine(&agent, bytes.data(), 20));
  agent.tag_size = 0;
  EXPECT_TRUE(FlatlineIsGenuine(&agent, bytes.data(), 20)) << "nothing was agreed";
}

}  // namespace
}  // namespace flatline
