// Which bytes are equal, told by vector and by arithmetic, against a look at each byte.
#include "dataplane/bytes_equal.h"

#include <random>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr unsigned kSeed = 7;

unsigned ByLooking(std::uint64_t low, std::uint64_t high, std::uint8_t value) {
  unsigned out = 0;
  for (unsigned i = 0; i < 16; ++i) {
    const std::uint64_t word = i < 8 ? low : high;
    out |= static_cast<std::uint8_t>(word >> (8 * (i % 8))) == value ? 1U << i : 0U;
  }
  return out;
}

TEST(BytesEqual, IsTheSameInAnyWay) {
  std::mt19937_64 random(kSeed);
  for (int i = 0; i < 100'000; ++i) {
    // few different bytes, so that many are equal, and neighbours differ by one
    const std::uint64_t mask = i % 2 == 0 ? 0x0101010101010101ULL : 0x8181818181818181ULL;
    const std::uint64_t low = random() & mask;
    const std::uint64_t high = random() & mask;
    const auto value = static_cast<std::uint8_t>(random() & mask);
    const unsigned expected = ByLooking(low, high, value);
    ASSERT_EQ(BytesEqual(low, high, value), expected) << "seed " << kSeed << ", " << i;
    ASSERT_EQ(BytesEqualInWord(low, value) | (BytesEqualInWord(high, value) << 8), expected) << i;
  }
}

}  // namespace
}  // namespace flatline
