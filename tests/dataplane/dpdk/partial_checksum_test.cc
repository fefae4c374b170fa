#include "dataplane/dpdk/partial_checksum.h"

#include <vector>

#include <gtest/gtest.h>

namespace flatline::dpdk {
namespace {

void Put(std::vector<std::byte>& out, std::initializer_list<unsigned> bytes) {
  for (const unsigned byte : bytes) {
    out.push_back(static_cast<std::byte>(byte));
  }
}

// 10.0.0.2:4660 -> 10.0.0.1:17996, 4 bytes of payload, with `checksum` in the UDP header.
std::vector<std::byte> Ipv4(unsigned checksum) {
  std::vector<std::byte> out(12);
  Put(out, {0x08, 0x00, 0x45, 0, 0, 32, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1});
  Put(out, {0x12, 0x34, 0x46, 0x4C, 0, 12, checksum >> 8, checksum & 0xFF, 1, 2, 3, 4});
  return out;
}

// fd00::2 -> fd00::1, else the same.
std::vector<std::byte> Ipv6(unsigned checksum) {
  std::vector<std::byte> out(12);
  Put(out, {0x86, 0xDD, 0x60, 0, 0, 0, 0, 12, 17, 64});
  for (const unsigned last : {2U, 1U}) {
    Put(out, {0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last});
  }
  Put(out, {0x12, 0x34, 0x46, 0x4C, 0, 12, checksum >> 8, checksum & 0xFF, 1, 2, 3, 4});
  return out;
}

bool Carries(const std::vector<std::byte>& bytes) {
  return CarriesPartialChecksum(
      {.data = bytes.data(), .length = static_cast<std::uint32_t>(bytes.size())});
}

// 0x0A00 + 0x0002 + 0x0A00 + 0x0001 + 17 + 12
constexpr unsigned kSum4 = 0x1420;
// 0xFD00 + 2 + 0xFD00 + 1 + 17 + 12, folded
constexpr unsigned kSum6 = 0xFA21;

TEST(PartialChecksumTest, KnowsTheSumThatAKernelLeaves) {
  EXPECT_TRUE(Carries(Ipv4(kSum4)));
  EXPECT_TRUE(Carries(Ipv6(kSum6)));
}

TEST(PartialChecksumTest, AnyOtherFieldIsForTheCheckItself) {
  for (const unsigned off : {1U, 0x100U, 0xFFFFU - kSum4}) {
    EXPECT_FALSE(Carries(Ipv4(kSum4 ^ off))) << off;
    EXPECT_FALSE(Carries(Ipv6(kSum6 ^ off))) << off;
  }
  EXPECT_FALSE(Carries(Ipv4(0)));
}

TEST(PartialChecksumTest, ReadsNothingBeyondTheFrame) {
  for (const auto& whole : {Ipv4(kSum4), Ipv6(kSum6)}) {
    for (std::size_t length = 0; length + 4 < whole.size(); ++length) {
      // a heap block of exactly this size: a sanitizer sees a byte too many
      const std::vector<std::byte> cut(whole.begin(),
                                       whole.begin() + static_cast<std::ptrdiff_t>(length));
      EXPECT_FALSE(Carries(cut)) << length;
    }
  }
}

TEST(PartialChecksumTest, OptionsAndOtherProtocolsAreNotItsBusiness) {
  auto options = Ipv4(kSum4);
  options[14] = std::byte{0x46};
  EXPECT_FALSE(Carries(options));
  auto tcp = Ipv6(kSum6);
  tcp[20] = std::byte{6};
  EXPECT_FALSE(Carries(tcp));
}

}  // namespace
}  // namespace flatline::dpdk
