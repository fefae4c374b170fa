#include "control/files/kept_file.h"

#include "control/files/page_shield.h"
#include "control/files/two_copies.h"
#include "tests/captured_log.h"
#include "tests/temporary_directory.h"

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing::HasSubstr;

constexpr std::size_t kBytes = 8192;
constexpr std::size_t kWords = kBytes / sizeof(std::uint64_t);

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
    auto file = KeptFile::Open(path, kBytes, "a test");
    ASSERT_TRUE(file) << file.error();
    EXPECT_EQ(std::filesystem::file_size(path), kBytes);
    EXPECT_EQ(file->As<std::uint64_t>()[1023], 0U);
    file->As<std::uint64_t>()[1023] = 4711;
    file->Save(file->As<std::uint64_t>()[1023]);
    EXPECT_EQ(file->Mend(), 0);
  }
  auto again = KeptFile::Open(path, kBytes, "a test");
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

// The words of a file: as who comes next will find them.
std::vector<std::uint64_t> WordsIn(const std::string& path) {
  std::vector<std::uint64_t> out(kWords);
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(out.data()), kBytes);
  EXPECT_EQ(file.gcount(), static_cast<std::streamsize>(kBytes));
  return out;
}

// Somebody does this to a file that is kept, and control goes on changing it.
class KeptFileHarmed : public testing::Test {
 protected:
  KeptFileHarmed() {
    page_shield::Install();
    Put(0, 1);
    Put(kWords - 1, 2);
  }

  void Put(std::size_t word, std::uint64_t value) {
    file_.As<std::uint64_t>()[word] = value;
    file_.Save(file_.As<std::uint64_t>()[word]);
  }

  // All that was put before and since is there, and another time nothing is found.
  void ExpectMended(const std::string& said) {
    Put(1, 3);
    Put(kWords - 2, 4);
    const CapturedLog log;
    EXPECT_EQ(file_.Mend(), 0);
    EXPECT_THAT(log.text(), HasSubstr("[error] " + path_ + ": needed 8192 bytes of a test, found"));
    EXPECT_THAT(log.text(), HasSubstr(said));
    EXPECT_THAT(log.text(), HasSubstr("made anew from memory, nothing is lost"));
    Put(2, 5);
    const auto words = WordsIn(path_);
    EXPECT_EQ(words[0], 1U);
    EXPECT_EQ(words[1], 3U);
    EXPECT_EQ(words[2], 5U);
    EXPECT_EQ(words[kWords - 2], 4U);
    EXPECT_EQ(words[kWords - 1], 2U);
    const std::string before = log.text();
    EXPECT_EQ(file_.Mend(), 0);
    EXPECT_EQ(log.text(), before);
  }

  TemporaryDirectory directory_;
  std::string path_ = directory_.Path("kept");
  KeptFile file_ = KeptFile::Open(path_, kBytes, "a test").value();
};

TEST_F(KeptFileHarmed, ByWhoCutsItShort) {
  for (const std::uintmax_t bytes : {0U, 100U, 4096U}) {
    SCOPED_TRACE(bytes);
    std::filesystem::resize_file(path_, bytes);
    ExpectMended("found " + std::to_string(bytes) + ", cut short by somebody");
  }
}

TEST_F(KeptFileHarmed, ByWhoCutsItShortAndMakesItLongAgain) {
  std::filesystem::resize_file(path_, 0);
  Put(0, 1);
  std::filesystem::resize_file(path_, kBytes);
  ExpectMended("1 pages that the disk has lost");
}

TEST_F(KeptFileHarmed, ByWhoRemovesOrReplacesIt) {
  std::filesystem::remove(path_);
  ExpectMended("somebody has removed it");
  std::filesystem::rename(path_, path_ + ".away");
  std::ofstream(path_) << "mine";
  ExpectMended("another file in its place");
}

TEST_F(KeptFileHarmed, SaysOnceThatItCannotBeMadeAnewAndGoesOnTrying) {
  std::filesystem::remove(path_);
  std::filesystem::create_directory(path_);
  {
    const CapturedLog log;
    EXPECT_EQ(file_.Mend(), EISDIR);
    EXPECT_THAT(log.text(), HasSubstr("it cannot be made anew: Is a directory"));
    const std::string before = log.text();
    EXPECT_EQ(file_.Mend(), EISDIR);
    EXPECT_EQ(log.text(), before);
  }
  std::filesystem::remove(path_);
  ExpectMended("somebody has removed it");
}

TEST_F(KeptFileHarmed, BeforeAStartIsSaidAndKeepsWhatIsThere) {
  std::filesystem::resize_file(path_, 100);
  const CapturedLog log;
  auto again = KeptFile::Open(path_, kBytes, "a test");
  ASSERT_TRUE(again) << again.error();
  EXPECT_THAT(log.text(),
              HasSubstr("[error] " + path_ + ": needed 8192 bytes of a test, found 100"));
  EXPECT_EQ(again->As<std::uint64_t>()[0], 1U);
  EXPECT_EQ(again->As<std::uint64_t>()[kWords - 1], 0U);
  EXPECT_EQ(std::filesystem::file_size(path_), kBytes);
}

TEST(KeptFile, SaysNothingOfOneThatIsNew) {
  const TemporaryDirectory directory;
  const CapturedLog log;
  const auto file = KeptFile::Open(directory.Path("kept"), kBytes, "a test");
  ASSERT_TRUE(file) << file.error();
  file->SayTorn(0);
  EXPECT_EQ(log.text(), "");
  file->SayTorn(3);
  EXPECT_THAT(log.text(), HasSubstr("found 3 that are torn"));
}

TEST(TwoCopies, TheLaterWholeOneCounts) {
  TwoCopies<Entry> copies{};
  EXPECT_EQ(Latest(copies).version, 0U) << "zeros are no entry";
  EXPECT_FALSE(IsTorn(copies));
  Entry entry;
  for (std::uint64_t value = 1; value <= 5; ++value) {
    entry.value = value;
    Keep(entry, copies);
    EXPECT_EQ(Latest(copies).value, value);
  }
  copies[entry.version % 2].value = 99;  // torn
  EXPECT_EQ(Latest(copies).value, 4U);
  EXPECT_FALSE(IsTorn(copies));
  copies[(entry.version + 1) % 2].crc ^= 1U;
  EXPECT_EQ(Latest(copies).version, 0U);
  EXPECT_TRUE(IsTorn(copies));
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
