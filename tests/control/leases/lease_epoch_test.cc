// The file of the epoch of fencing tokens, in a directory of the test's own.
#include "tests/resource_limit.h"
#include "tests/temporary_directory.h"

#include <flatline/lease_epoch.h>

#include <expected>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr LeaseEpoch kEpoch{.epoch = 12, .longest = Duration{60'000'000'000}};

std::string TextOf(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(LeaseEpochTest, ReadsWhatItWrote) {
  const TemporaryDirectory directory;
  const std::string path = directory.Path("epoch");
  ASSERT_TRUE(BeginLeaseEpoch(path, {}));
  EXPECT_EQ(ReadLeaseEpoch(path).value(), LeaseEpoch{});
  ASSERT_TRUE(WriteLeaseEpoch(path, kEpoch));
  EXPECT_EQ(ReadLeaseEpoch(path).value(), kEpoch);
  EXPECT_TRUE(TextOf(path).starts_with("flatline lease epoch 12, terms up to 60000 ms, crc "));
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

TEST(LeaseEpochTest, BeginsOnlyWhereNothingIs) {
  const TemporaryDirectory directory;
  const std::string path = directory.Path("epoch");
  ASSERT_TRUE(BeginLeaseEpoch(path, kEpoch));
  const auto again = BeginLeaseEpoch(path, {});
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().find("never begun anew"), std::string::npos) << again.error();
  EXPECT_EQ(ReadLeaseEpoch(path).value(), kEpoch);
  EXPECT_FALSE(BeginLeaseEpoch(directory.Path("nowhere/epoch"), {}));
}

TEST(LeaseEpochTest, OnAFullDiskTheLastOneStands) {
  const TemporaryDirectory directory;
  const std::string path = directory.Path("epoch");
  ASSERT_TRUE(BeginLeaseEpoch(path, kEpoch));
  std::expected<void, std::string> written;
  {
    const FileSizeLimit limit(20);
    written = WriteLeaseEpoch(path, {.epoch = 13, .longest = kEpoch.longest});
  }
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().find("No space left on device"), std::string::npos) << written.error();
  EXPECT_EQ(ReadLeaseEpoch(path).value(), kEpoch);
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

// Whatever of it is missing, changed or too much, it is not taken for an epoch.
TEST(LeaseEpochTest, RefusesWhatIsNotWhole) {
  const TemporaryDirectory directory;
  const std::string path = directory.Path("epoch");
  ASSERT_TRUE(BeginLeaseEpoch(path, kEpoch));
  const std::string whole = TextOf(path);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::ofstream(path) << whole.substr(0, i);
    EXPECT_FALSE(ReadLeaseEpoch(path)) << "torn after " << i;
    std::string changed = whole;
    changed[i] ^= 1;
    std::ofstream(path) << changed;
    EXPECT_FALSE(ReadLeaseEpoch(path)) << changed;
  }
  std::ofstream(path) << whole << whole;
  EXPECT_FALSE(ReadLeaseEpoch(path));
  std::ofstream(path) << std::string(1 << 16, 'x');
  EXPECT_FALSE(ReadLeaseEpoch(path));
}

}  // namespace
}  // namespace flatline
