// SipHash-2-4 (Aumasson and Bernstein, 2012), the tag of a heartbeat and the way to its key: of one
// message of any length, and of sixteen heartbeats at once, which is what a burst is checked with.
// Called by workers for every tagged frame and by those who answer; pure. Assumes nothing of the
// message; a key is 16 secret bytes. Cost of sixteen at once: some 50 instructions each with
// AVX-512, 150 with AVX2, 450 with neither; the best that the processor has is chosen at start.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace flatline {

// Two little-endian halves of 16 bytes.
struct SipKey {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  constexpr bool operator==(const SipKey&) const = default;
};

// A tag of 64 bits is `low` of its own function, not half of one of 128. Sent little-endian.
struct SipTag {
  std::uint64_t low = 0;
  std::uint64_t high = 0;  // 0 where the tag has 64 bits

  constexpr bool operator==(const SipTag&) const = default;
};

enum class TagSize : std::uint8_t { kNone = 0, k64Bits = 8, k128Bits = 16 };  // in bytes

[[nodiscard]] SipTag SipHash(const SipKey& key,
                             std::span<const std::byte> message,
                             TagSize size) noexcept;

// The key of an endpoint: SipHash of the eight bytes of its id, as they are on the wire, with the
// root that the master key gives.
[[nodiscard]] SipKey EndpointKeyOf(const SipKey& root, std::uint64_t id_on_wire) noexcept;

// Sixteen heartbeats of 40 bytes beside each other: word by word, as vectors take them. Filled one
// by one while frames are looked at; places that are not filled cost nothing and mean nothing.
struct alignas(64) SipLanes {
  static constexpr std::size_t kLanes = 16;
  static constexpr std::size_t kWords = 5;
  static constexpr std::size_t kIdWord = 1;
  using Row = std::array<std::uint64_t, kLanes>;

  std::array<Row, kWords> words{};
  Row tag_low{};   // written
  Row tag_high{};  // written where the tag has 128 bits

  void Put(std::size_t lane, const std::byte* heartbeat) noexcept {
    for (std::size_t i = 0; i < kWords; ++i) {
      __builtin_memcpy(&words[i][lane], heartbeat + 8 * i, 8);
    }
  }
};

// One way to reckon the tags of sixteen: each with the key of the endpoint it names.
struct SipEngine {
  const char* name;
  void (*with_64_bits)(SipLanes&, const SipKey& root) noexcept;
  void (*with_128_bits)(SipLanes&, const SipKey& root) noexcept;

  void Reckon(SipLanes& lanes, const SipKey& root, TagSize size) const noexcept {
    (size == TagSize::k64Bits ? with_64_bits : with_128_bits)(lanes, root);
  }
};

// Those that this processor can run, the best first; the last is the one without vectors.
[[nodiscard]] std::span<const SipEngine> SipEngines() noexcept;

}  // namespace flatline
