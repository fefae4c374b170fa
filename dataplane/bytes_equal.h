// Which of sixteen bytes are equal to a given one: how a bucket of the index is searched. One
// comparison where the processor has SSE2, as every x86-64 does; eight bytes at a time elsewhere.
// Both give the same bits, which a test holds them to. Pure; a handful of instructions, no branch.
#pragma once

#include <cstdint>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace flatline {

// Bit i of the result: byte i of `word` is `value`, counted from the lowest. Without vectors.
constexpr unsigned BytesEqualInWord(std::uint64_t word, std::uint8_t value) noexcept {
  constexpr std::uint64_t kEveryByte = 0x0101010101010101ULL;
  constexpr std::uint64_t kLowBits = 0x7F7F7F7F7F7F7F7FULL;
  const std::uint64_t difference = word ^ (value * kEveryByte);
  // the high bit of a byte is set where the byte is zero, and nothing is carried to its neighbour
  const std::uint64_t zero = ~(((difference & kLowBits) + kLowBits) | difference | kLowBits);
  // gathers the eight high bits in the topmost byte
  return static_cast<unsigned>(((zero >> 7) * 0x0102040810204080ULL) >> 56);
}

// Bits 0 to 7: of `low`; 8 to 15: of `high`.
inline unsigned BytesEqual(std::uint64_t low, std::uint64_t high, std::uint8_t value) noexcept {
#ifdef __SSE2__
  const __m128i bytes =
      _mm_set_epi64x(static_cast<std::int64_t>(high), static_cast<std::int64_t>(low));
  const __m128i equal = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(static_cast<char>(value)));
  return static_cast<unsigned>(_mm_movemask_epi8(equal));
#else
  return BytesEqualInWord(low, value) | (BytesEqualInWord(high, value) << 8);
#endif
}

}  // namespace flatline
