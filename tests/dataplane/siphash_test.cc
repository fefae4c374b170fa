// SipHash beside libsodium's, on random input, for every kind of vector that this machine has.
#include "dataplane/siphash.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <random>
#include <sodium.h>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr unsigned kSeed = 20261121;
constexpr std::size_t kHeartbeat = 40;

class Random {
 public:
  std::vector<std::byte> Bytes(std::size_t size) {
    std::vector<std::byte> out(size);
    for (std::byte& byte : out) {
      byte = static_cast<std::byte>(engine_());
    }
    return out;
  }

  SipKey Key() { return {engine_(), engine_()}; }

 private:
  std::mt19937_64 engine_{kSeed};
};

SipTag Sodium(const SipKey& key, std::span<const std::byte> message, TagSize size) {
  std::array<unsigned char, crypto_shorthash_KEYBYTES> bytes{};
  std::memcpy(bytes.data(), &key.low, 8);
  std::memcpy(bytes.data() + 8, &key.high, 8);
  std::array<unsigned char, 16> out{};
  const auto* in = reinterpret_cast<const unsigned char*>(message.data());
  if (size == TagSize::k64Bits) {
    crypto_shorthash(out.data(), in, message.size(), bytes.data());
  } else {
    crypto_shorthash_siphashx24(out.data(), in, message.size(), bytes.data());
  }
  SipTag tag;
  std::memcpy(&tag.low, out.data(), 8);
  std::memcpy(&tag.high, out.data() + 8, 8);
  return tag;
}

// From the paper's appendix: key 00..0f, message 00..0e.
TEST(SipHash, GivesTheVectorOfThePaper) {
  std::array<std::byte, 15> message{};
  for (std::size_t i = 0; i < message.size(); ++i) {
    message[i] = static_cast<std::byte>(i);
  }
  const SipKey key{0x0706050403020100ULL, 0x0F0E0D0C0B0A0908ULL};
  EXPECT_EQ(SipHash(key, message, TagSize::k64Bits).low, 0xA129CA6149BE45E5ULL);
}

TEST(SipHash, GivesWhatLibsodiumGives) {
  Random random;
  for (std::size_t length = 0; length <= 300; ++length) {
    const SipKey key = random.Key();
    const std::vector<std::byte> message = random.Bytes(length);
    for (const TagSize size : {TagSize::k64Bits, TagSize::k128Bits}) {
      ASSERT_EQ(SipHash(key, message, size), Sodium(key, message, size))
          << length << " bytes, seed " << kSeed;
    }
  }
}

TEST(SipHash, DerivesTheKeyOfAnEndpointFromItsIdAsSent) {
  const SipKey root{1, 2};
  const std::array<std::byte, 8> id{std::byte{1}, std::byte{2}, std::byte{3}};
  std::uint64_t word = 0;
  std::memcpy(&word, id.data(), sizeof word);
  const SipTag tag = Sodium(root, id, TagSize::k128Bits);
  EXPECT_EQ(EndpointKeyOf(root, word), (SipKey{tag.low, tag.high}));
}

TEST(SipHash, GivesTheSameForSixteenAtOnceWithEveryVector) {
  ASSERT_STREQ(SipEngines().back().name, "scalar");
  for (const SipEngine& engine : SipEngines()) {
    Random random;
    for (int round = 0; round < 1000; ++round) {
      SipLanes lanes;
      const SipKey root = random.Key();
      std::array<SipTag, SipLanes::kLanes> narrow;
      std::array<SipTag, SipLanes::kLanes> wide;
      for (std::size_t lane = 0; lane < SipLanes::kLanes; ++lane) {
        const std::vector<std::byte> heartbeat = random.Bytes(kHeartbeat);
        const SipTag derived = Sodium(root, std::span(heartbeat).subspan(8, 8), TagSize::k128Bits);
        const SipKey key{derived.low, derived.high};
        lanes.Put(lane, heartbeat.data());
        narrow[lane] = Sodium(key, heartbeat, TagSize::k64Bits);
        wide[lane] = Sodium(key, heartbeat, TagSize::k128Bits);
      }
      engine.Reckon(lanes, root, TagSize::k64Bits);
      for (std::size_t lane = 0; lane < SipLanes::kLanes; ++lane) {
        ASSERT_EQ(lanes.tag_low[lane], narrow[lane].low) << engine.name << ", seed " << kSeed;
      }
      engine.Reckon(lanes, root, TagSize::k128Bits);
      for (std::size_t lane = 0; lane < SipLanes::kLanes; ++lane) {
        ASSERT_EQ(lanes.tag_low[lane], wide[lane].low) << engine.name << ", seed " << kSeed;
        ASSERT_EQ(lanes.tag_high[lane], wide[lane].high) << engine.name << ", seed " << kSeed;
      }
    }
  }
}

}  // namespace
}  // namespace flatline
