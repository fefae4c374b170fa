// The files that a sink keeps or is given: its position, and secrets.
#include "control/sinks/position_file.h"
#include "control/sinks/signature.h"
#include "tests/resource_limit.h"
#include "tests/temporary_directory.h"

#include <expected>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline::sinks {
namespace {

using testing::HasSubstr;

TEST(PositionFile, HasWhatWasSavedLast) {
  const TemporaryDirectory directory;
  const PositionFile file(directory.Path("position"));
  ASSERT_TRUE(file.Load());
  EXPECT_EQ(*file.Load(), std::nullopt) << "there is none yet";
  std::ofstream(directory.Path("position.new")) << "of one who was killed while he wrote it";
  EXPECT_EQ(*file.Load(), std::nullopt);
  for (const Position& position : {Position{.taken = 7, .offered = 9}, Position{.taken = 9}}) {
    ASSERT_TRUE(file.Save(position));
    EXPECT_EQ(*file.Load(), position);
  }
}

TEST(PositionFile, WhatIsNoneIsNotTakenForOne) {
  const TemporaryDirectory directory;
  const std::string path = directory.Path("position");
  for (const std::string& text : {std::string(),
                                  std::string("7 9\n"),
                                  PrintPosition({.taken = 7, .offered = 9}) + "x",
                                  std::string(1000, '7')}) {
    std::ofstream(path) << text;
    const auto loaded = PositionFile(path).Load();
    ASSERT_FALSE(loaded) << text;
    EXPECT_THAT(loaded.error(), HasSubstr("needed a sink's position, found something else"));
  }
  const auto nowhere = PositionFile(directory.Path("none/position")).Save({.taken = 1});
  ASSERT_FALSE(nowhere);
  EXPECT_THAT(nowhere.error(), HasSubstr("No such file or directory"));
}

TEST(PositionFile, OnAFullDiskTheLastOneStands) {
  const TemporaryDirectory directory;
  const PositionFile file(directory.Path("position"));
  ASSERT_TRUE(file.Save({.taken = 7, .offered = 9}));
  std::expected<void, std::string> saved;
  {
    const FileSizeLimit limit(5);
    saved = file.Save({.taken = 8, .offered = 9});
  }
  ASSERT_FALSE(saved);
  EXPECT_THAT(saved.error(), HasSubstr("No space left on device"));
  EXPECT_EQ(*file.Load(), (Position{.taken = 7, .offered = 9}));
}

TEST(Secret, IsOfOneWhoKeepsIt) {
  const TemporaryDirectory directory;
  const std::string path = directory.Path("secret");
  const auto read = [&](const std::string& text, std::filesystem::perms mode) {
    std::ofstream(path) << text;
    std::filesystem::permissions(path, mode);
    return ReadSecret(path);
  };
  using enum std::filesystem::perms;
  const std::string secret(kLeastSecret, 's');
  EXPECT_EQ(read(secret + "\r\n", owner_read | owner_write | group_read), secret);
  const auto open = read(secret, owner_read | owner_write | others_read);
  ASSERT_FALSE(open);
  EXPECT_THAT(open.error(), HasSubstr("found mode 604; chmod 0640"));
  for (const std::size_t size : {std::size_t{0}, kLeastSecret - 1, std::size_t{4094}}) {
    const auto refused = read(std::string(size, 's'), owner_read | owner_write);
    ASSERT_FALSE(refused) << size;
    EXPECT_THAT(refused.error(), HasSubstr("needed a secret of 16 to 4000 bytes"));
  }
  EXPECT_FALSE(ReadSecret(directory.Path("none")));
}

}  // namespace
}  // namespace flatline::sinks
