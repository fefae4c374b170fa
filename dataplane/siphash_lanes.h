// SipHash of sixteen heartbeats, written once for vectors of any width. Included by one source file
// for each width and nowhere else: each is compiled for the processor that has such vectors, so no
// two may share an instantiation, and nothing that the linker could merge may be called from here.
#pragma once

#include "dataplane/siphash.h"

#include <cstddef>
#include <cstdint>

namespace flatline::siphash {

inline constexpr std::uint64_t kInitial0 = 0x736F6D6570736575ULL;  // "somepseudorandomlygenerated
inline constexpr std::uint64_t kInitial1 = 0x646F72616E646F6DULL;  //  bytes", big-endian
inline constexpr std::uint64_t kInitial2 = 0x6C7967656E657261ULL;
inline constexpr std::uint64_t kInitial3 = 0x7465646279746573ULL;

template <typename V>
struct State {
  V v0;
  V v1;
  V v2;
  V v3;
};

template <typename V>
[[gnu::always_inline]] inline void Rotate(V& value, unsigned by) noexcept {
  value = (value << by) | (value >> (64 - by));
}

template <typename V>
[[gnu::always_inline]] inline void Round(State<V>& s) noexcept {
  s.v0 += s.v1;
  s.v2 += s.v3;
  Rotate(s.v1, 13);
  Rotate(s.v3, 16);
  s.v1 ^= s.v0;
  s.v3 ^= s.v2;
  Rotate(s.v0, 32);
  s.v2 += s.v1;
  s.v0 += s.v3;
  Rotate(s.v1, 17);
  Rotate(s.v3, 21);
  s.v1 ^= s.v2;
  s.v3 ^= s.v0;
  Rotate(s.v2, 32);
}

template <typename V>
[[gnu::always_inline]] inline void Compress(State<V>& s, const V& word) noexcept {
  s.v3 ^= word;
  Round(s);
  Round(s);
  s.v0 ^= word;
}

template <typename V>
[[gnu::always_inline]] inline V Finish(State<V>& s) noexcept {
  for (int i = 0; i < 4; ++i) {
    Round(s);
  }
  return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

template <typename V>
[[gnu::always_inline]] inline void Load(V& into,
                                        const SipLanes::Row& row,
                                        std::size_t at) noexcept {
  __builtin_memcpy(&into, reinterpret_cast<const std::uint64_t*>(&row) + at, sizeof into);
}

template <typename V>
[[gnu::always_inline]] inline void Store(const V& value,
                                         SipLanes::Row& row,
                                         std::size_t at) noexcept {
  __builtin_memcpy(reinterpret_cast<std::uint64_t*>(&row) + at, &value, sizeof value);
}

template <typename V>
[[gnu::always_inline]] inline State<V> Begin(const V& low, const V& high, bool is_wide) noexcept {
  const V second = high ^ kInitial1;
  return {low ^ kInitial0, is_wide ? second ^ 0xEEU : second, low ^ kInitial2, high ^ kInitial3};
}

// A message ends with its length, and then so many rounds for each half of the result.
template <typename V>
[[gnu::always_inline]] inline void End(State<V>& s, std::uint64_t bytes, bool is_wide) noexcept {
  Compress(s, V{} + (bytes << 56));
  s.v2 ^= is_wide ? 0xEEU : 0xFFU;
}

template <typename V>
[[gnu::always_inline]] inline V SecondHalf(State<V>& s) noexcept {
  s.v1 ^= 0xDDU;
  return Finish(s);
}

// `kVectors` vectors of lanes at a time: what one waits for, the other fills.
template <typename V, std::size_t kVectors>
struct Batch {
  // NOLINTBEGIN(modernize-avoid-c-arrays): no std:: here
  State<V> s[kVectors];
  V word[kVectors];

  // NOLINTEND(modernize-avoid-c-arrays)

  static constexpr std::size_t Width() {
    return sizeof(V) / 8;  // lanes to a vector
  }

  [[gnu::always_inline]] void Take(const SipLanes::Row& row, std::size_t at) noexcept {
    for (std::size_t k = 0; k < kVectors; ++k) {
      Load(word[k], row, at + k * Width());
      Compress(s[k], word[k]);
    }
  }
};

// The states of as many messages, begun with the keys of the endpoints whose ids are in `ids`.
template <typename V, std::size_t kVectors>
[[gnu::always_inline]] inline void BeginWithKeys(Batch<V, kVectors>& batch,
                                                 const SipLanes::Row& ids,
                                                 std::size_t at,
                                                 const SipKey& root,
                                                 bool is_wide) noexcept {
  for (std::size_t k = 0; k < kVectors; ++k) {
    batch.s[k] = Begin(V{} + root.low, V{} + root.high, true);
  }
  batch.Take(ids, at);
  for (std::size_t k = 0; k < kVectors; ++k) {
    End(batch.s[k], 8, true);
  }
  for (std::size_t k = 0; k < kVectors; ++k) {
    const V low = Finish(batch.s[k]);
    const V high = SecondHalf(batch.s[k]);
    batch.s[k] = Begin(low, high, is_wide);
  }
}

template <typename V, std::size_t kVectors, bool kIsWide>
void Reckon(SipLanes& lanes, const SipKey& root) noexcept {
  using Lanes = Batch<V, kVectors>;
  const auto* rows = reinterpret_cast<const SipLanes::Row*>(&lanes.words);
  for (std::size_t at = 0; at < SipLanes::kLanes; at += Lanes::Width() * kVectors) {
    Lanes batch;
    BeginWithKeys(batch, rows[SipLanes::kIdWord], at, root, kIsWide);
    for (std::size_t i = 0; i < SipLanes::kWords; ++i) {
      batch.Take(rows[i], at);
    }
    for (std::size_t k = 0; k < kVectors; ++k) {
      End(batch.s[k], 8 * SipLanes::kWords, kIsWide);
      Store(Finish(batch.s[k]), lanes.tag_low, at + k * Lanes::Width());
      if constexpr (kIsWide) {
        Store(SecondHalf(batch.s[k]), lanes.tag_high, at + k * Lanes::Width());
      }
    }
  }
}

}  // namespace flatline::siphash
