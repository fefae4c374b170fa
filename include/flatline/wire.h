// Big-endian integers in bytes: what every header on a wire is made of. Used by the decoders and
// encoders of both planes. Assumes a little-endian host and that the bytes are there; no alignment.
// Cost: one load or store with one byte swap, and usable in constant expressions.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace flatline::wire {

static_assert(std::endian::native == std::endian::little, "flatline runs on little-endian hosts");

template <typename Integer>
constexpr Integer Load(const std::byte* at) noexcept {
  std::array<std::byte, sizeof(Integer)> raw{};
  if consteval {
    for (std::size_t i = 0; i < sizeof(Integer); ++i) {
      raw[i] = at[i];
    }
  } else {
    std::memcpy(raw.data(), at, sizeof(Integer));
  }
  return std::byteswap(std::bit_cast<Integer>(raw));
}

template <typename Integer>
constexpr void Store(std::byte* at, Integer value) noexcept {
  const auto raw = std::bit_cast<std::array<std::byte, sizeof(Integer)>>(std::byteswap(value));
  if consteval {
    for (std::size_t i = 0; i < sizeof(Integer); ++i) {
      at[i] = raw[i];
    }
  } else {
    std::memcpy(at, raw.data(), sizeof(Integer));
  }
}

}  // namespace flatline::wire
