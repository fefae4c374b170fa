#include "control/files/kept_file.h"

#include "control/files/two_copies.h"
#include "tests/temporary_directory.h"

#include <cstdint>
#include <filesystem>

#include <gtest/gtest.h>

namespace flatline {
namespace {

struct Entry {
  std::uint64_t value = 0;
  std::uint64_t version = 0;
  std::uint32_t reserved = 0;
  std::uint32_t crc = 0;

  [[nodiscard]] bool is_possible() const { return value != 13; }
};

TEST(KeptFile, HasItsRoomAndKeepsWhatWasWritten) {
  const TemporaryDirectory directory;
  const std::string path = directory.Path("kept");
  {
    const auto file = KeptFile::Open(path, 8192, "a test");
    ASSERT_TRUE(file) << file.error();
    EXPECT_EQ(std::filesystem::file_size(path), 8192U);
    EXPECT_EQ(file->As<std::uint64_t>()[1023], 0U);
    file->As<std::uint64_t>()[1023] = 4711;
  }
  const auto again = KeptFile::Open(path, 8192, "a test");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->As<std::uint64_t>()[1023], 4711U);
}

TEST(KeptFile, SaysWhichItCannotHaveAndWhatToDo) {
  const auto file = KeptFile::Open("/nonexistent/kept", 4096, "a test");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error(),
            "/nonexistent/kept: needed a file for a test, found: No such file or directory; give "
            "the journal's directory to the user that runs flatline-control, or make room");
}

TEST(TwoCopies, TheLaterWholeOneCounts) {
  TwoCopies<Entry> copies{};
  EXPECT_EQ(Latest(copies).version, 0U) << "zeros are no entry";
  Entry entry;
  for (std::uint64_t value = 1; value <= 5; ++value) {
    entry.value = value;
    Keep(entry, copies);
    EXPECT_EQ(Latest(copies).value, value);
  }
  copies[entry.version % 2].value = 99;  // torn
  EXPECT_EQ(Latest(copies).value, 4U);
  copies[(entry.version + 1) % 2].crc ^= 1U;
  EXPECT_EQ(Latest(copies).version, 0U);
}

TEST(TwoCopies, WhatCannotBeIsNotThere) {
  TwoCopies<Entry> copies{};
  Entry entry{.value = 12};
  Keep(entry, copies);
  entry.value = 13;
  Keep(entry, copies);
  EXPECT_EQ(Latest(copies).value, 12U);
}

TEST(TwoCopies, TheNextIsTheLaterOneWhateverTheFileSays) {
  TwoCopies<Entry> copies{};
  Entry entry{.version = ~std::uint64_t{0} - 2};
  for (std::uint64_t value = 14; value <= 18; ++value) {
    entry.value = value;
    Keep(entry, copies);
    EXPECT_EQ(Latest(copies).value, value);
  }
}

}  // namespace
}  // namespace flatline
