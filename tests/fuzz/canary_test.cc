// Proves that the replay can fail: a fuzz target with a planted fault must die of a file in the
// corpus that shows it, and of a mutant where the file alone does not.
#include "tests/fuzz/replay.h"

#include <flatline/check.h>

#include <filesystem>

#include <gtest/gtest.h>

namespace {

bool files_are_sound = false;  // NOLINT: the C interface of a fuzz target takes no context

}  // namespace

// The planted fault: no input begins with 'F' (or, with files_are_sound, with anything else).
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const bool planted = size > 0 && data[0] == 'F';
  FLATLINE_CHECK(size == 0 || planted == files_are_sound);
  return 0;
}

namespace flatline {
namespace {

TEST(Canary, AFileOfTheCorpusCanFail) {
  files_are_sound = false;
  EXPECT_DEATH(Replay(FLATLINE_CANARY, {.mutants = 0}), "broken invariant");
}

TEST(Canary, AMutantCanFail) {
  files_are_sound = true;
  EXPECT_EQ(Replay(FLATLINE_CANARY, {.mutants = 0}), 1U);
  EXPECT_DEATH(Replay(FLATLINE_CANARY, {}), "broken invariant");
}

TEST(Canary, AnEmptyFolderIsNotASuccess) {
  const auto empty = std::filesystem::path{testing::TempDir()} / "flatline-canary-empty";
  std::filesystem::create_directory(empty);
  EXPECT_EQ(Replay(empty, {}), 0U);
  std::filesystem::remove(empty);
}

}  // namespace
}  // namespace flatline
