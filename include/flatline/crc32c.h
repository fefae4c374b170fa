// CRC32C (Castagnoli, RFC 3720 B.4) of a run of bytes, and the seal of a delivery record made with
// it. Used by control when it journals, by clients when they receive. Pure, constexpr. By the
// processor's own instruction where it has one, else eight bytes a step by table, so that it runs
// on any machine. Cost: about 4 ns for a record of 64 bytes, or 30 by table.
#pragma once

#include <flatline/delivery.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace flatline {

namespace crc {

// Row n advances a byte through n more zero bytes, so that eight are looked up at once.
constexpr std::array<std::array<std::uint32_t, 256>, 8> MakeTables() noexcept {
  constexpr std::uint32_t kPolynomial = 0x82F63B78U;  // reflected
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value >> 1) ^ ((value & 1U) != 0 ? kPolynomial : 0U);
    }
    tables[0][byte] = value;
  }
  for (std::size_t row = 1; row < tables.size(); ++row) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[row - 1][byte];
      tables[row][byte] = (before >> 8) ^ tables[0][before & 0xFFU];
    }
  }
  return tables;
}

inline constexpr auto kTables = MakeTables();

constexpr std::uint32_t ByTable(std::span<const std::byte> bytes) noexcept {
  std::uint32_t value = 0xFFFFFFFFU;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::array<std::uint8_t, 8> step{};
    for (std::size_t k = 0; k < 8; ++k) {
      step[k] = static_cast<std::uint8_t>(bytes[i + k]);
    }
    const auto low = std::bit_cast<std::array<std::uint32_t, 2>>(step)[0] ^ value;
    value = crc::kTables[7][low & 0xFFU] ^ crc::kTables[6][(low >> 8) & 0xFFU] ^
            crc::kTables[5][(low >> 16) & 0xFFU] ^ crc::kTables[4][low >> 24] ^
            crc::kTables[3][step[4]] ^ crc::kTables[2][step[5]] ^ crc::kTables[1][step[6]] ^
            crc::kTables[0][step[7]];
  }
  for (; i < bytes.size(); ++i) {
    value = (value >> 8) ^ crc::kTables[0][(value ^ static_cast<std::uint32_t>(bytes[i])) & 0xFFU];
  }
  return ~value;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) inline std::uint32_t ByInstruction(
    std::span<const std::byte> bytes) noexcept {
  std::uint64_t value = 0xFFFFFFFFU;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, sizeof(word));
    value = __builtin_ia32_crc32di(value, word);
  }
  auto narrow = static_cast<std::uint32_t>(value);
  if (i + 4 <= bytes.size()) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.data() + i, sizeof(word));
    narrow = __builtin_ia32_crc32si(narrow, word);
    i += 4;
  }
  for (; i < bytes.size(); ++i) {
    narrow = __builtin_ia32_crc32qi(narrow, std::to_integer<unsigned char>(bytes[i]));
  }
  return ~narrow;
}

// The same of the 60 bytes that a seal is of, half as dear where it can be inlined.
__attribute__((target("sse4.2"))) inline std::uint32_t SealByInstruction(
    const DeliveryRecord& record) noexcept {
  const auto words = std::bit_cast<std::array<std::uint64_t, 8>>(record);
  std::uint64_t value = 0xFFFFFFFFU;
  for (std::size_t i = 0; i < 7; ++i) {
    value = __builtin_ia32_crc32di(value, words[i]);
  }
  return ~__builtin_ia32_crc32si(static_cast<std::uint32_t>(value),
                                 static_cast<std::uint32_t>(words[7]));
}

inline bool HasInstruction() noexcept {
  return static_cast<int>(__builtin_cpu_supports("sse4.2")) != 0;
}
#endif

}  // namespace crc

constexpr std::uint32_t Crc32c(std::span<const std::byte> bytes) noexcept {
#if defined(__x86_64__)
  if (!std::is_constant_evaluated() && crc::HasInstruction()) {
    return crc::ByInstruction(bytes);
  }
#endif
  return crc::ByTable(bytes);
}

// What the `crc` of this record should be.
inline std::uint32_t SealOf(const DeliveryRecord& record) noexcept {
#if defined(__x86_64__)
  if (crc::HasInstruction()) {
    return crc::SealByInstruction(record);
  }
#endif
  return crc::ByTable(std::as_bytes(std::span{&record, 1}).first(offsetof(DeliveryRecord, crc)));
}

static_assert(offsetof(DeliveryRecord, crc) == 60 && sizeof(DeliveryRecord) == 64);

}  // namespace flatline
