// CRC32C against the vectors of RFC 3720, B.4.
#include <flatline/crc32c.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include <gtest/gtest.h>

namespace flatline {
namespace {

TEST(Crc32c, VectorsOfTheRfc) {
  std::array<std::byte, 32> bytes{};
  EXPECT_EQ(Crc32c(bytes), 0x8A9136AAU);
  bytes.fill(std::byte{0xFF});
  EXPECT_EQ(Crc32c(bytes), 0x62A8AB43U);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>(i);
  }
  EXPECT_EQ(Crc32c(bytes), 0x46DD794EU);
  constexpr std::string_view kCheck = "123456789";  // a tail that eight does not divide
  EXPECT_EQ(Crc32c(std::as_bytes(std::span(kCheck))), 0xE3069283U);
  EXPECT_EQ(Crc32c({}), 0U);
}

TEST(Crc32c, InstructionAndTableAgree) {
  std::array<std::byte, 100> bytes{};
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    bytes[length] = static_cast<std::byte>(length * 37 + 11);
    const auto run = std::span(bytes).first(length);
    EXPECT_EQ(Crc32c(run), crc::ByTable(run)) << length;
  }
}

TEST(Crc32c, SealCoversAllButItself) {
  DeliveryRecord record{.sequence = 1, .endpoint = 7};
  const std::uint32_t seal = SealOf(record);
  record.crc = seal;
  EXPECT_EQ(SealOf(record), seal);
  for (std::size_t at = 0; at < offsetof(DeliveryRecord, crc); ++at) {
    DeliveryRecord flipped;
    std::memcpy(&flipped, &record, sizeof(record));
    reinterpret_cast<std::uint8_t*>(&flipped)[at] ^= 1;
    EXPECT_NE(SealOf(flipped), seal) << at;
    const auto sealed = std::as_bytes(std::span{&flipped, 1}).first(offsetof(DeliveryRecord, crc));
    EXPECT_EQ(SealOf(flipped), crc::ByTable(sealed)) << at;
  }
}

}  // namespace
}  // namespace flatline
