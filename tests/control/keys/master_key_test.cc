// The file of the master key: made, loaded, refused, rotated and retired, in a directory of the
// test's own.
#include "tests/resource_limit.h"
#include "tests/temporary_directory.h"

#include <flatline/master_key.h>

#include <expected>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>

#include <gtest/gtest.h>

namespace flatline {
namespace {

namespace fs = std::filesystem;

class MasterKeyTest : public testing::Test {
 protected:
  void Write(const std::string& text, unsigned mode = 0400) {
    fs::remove(path_);
    std::ofstream(path_) << text;
    fs::permissions(path_, fs::perms(mode));
  }

  void ExpectRefused(const std::string& reason) {
    const auto loaded = MasterKey::Load(path_);
    ASSERT_FALSE(loaded.has_value());
    EXPECT_NE(loaded.error().find(reason), std::string::npos) << loaded.error();
    EXPECT_EQ(loaded.error().find('\n'), std::string::npos);
  }

  TemporaryDirectory directory_;
  std::string path_ = directory_.Path("key");
};

std::string Zeroes() {
  return "flatline-master-key-1 " + std::string(64, '0') + "\n";
}

TEST_F(MasterKeyTest, MakesWhatItLoads) {
  ASSERT_TRUE(MasterKey::Make(path_).has_value());
  struct stat found{};
  ASSERT_EQ(::stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0400U);
  const auto first = MasterKey::Load(path_);
  const auto second = MasterKey::Load(path_);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->Derive(7), second->Derive(7));
  EXPECT_NE(first->Derive(7), first->Derive(8));
  EXPECT_NE(first->Derive(7), first->Root());
}

// Fixed for good: agents in the field have been given these.
TEST_F(MasterKeyTest, DerivesTheSameInEveryRelease) {
  Write(Zeroes());
  const auto key = MasterKey::Load(path_)->Derive(0x0102030405060708);
  std::string hex;
  for (const std::byte byte : key) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    hex += kDigits[std::to_integer<std::size_t>(byte) / 16];
    hex += kDigits[std::to_integer<std::size_t>(byte) % 16];
  }
  EXPECT_EQ(hex, "15d2b43311f0c2f0b69907bdf5ef02f4");
}

TEST_F(MasterKeyTest, NeverOverwrites) {
  Write(Zeroes());
  EXPECT_FALSE(MasterKey::Make(path_).has_value());
  EXPECT_TRUE(MasterKey::Load(path_).has_value());
}

TEST_F(MasterKeyTest, LeavesNoHalfOfOneOnAFullDisk) {
  std::expected<void, std::string> made;
  {
    const FileSizeLimit limit(40);
    made = MasterKey::Make(path_);
  }
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().find("No space left on device"), std::string::npos) << made.error();
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(MasterKeyTest, RefusesWhatOthersMayTouch) {
  for (const unsigned mode : {0440U, 0404U, 0420U, 0402U, 0777U}) {
    Write(Zeroes(), mode);
    ExpectRefused("its owner alone may read");
  }
  Write(Zeroes(), 0600);
  EXPECT_TRUE(MasterKey::Load(path_).has_value());
}

TEST_F(MasterKeyTest, RefusesWhatIsNoKey) {
  ExpectRefused("No such file");
  for (const std::string& text : {std::string(),
                                  std::string("flatline-master-key-1 "),
                                  "flatline-master-key-2 " + std::string(64, '0') + "\n",
                                  "flatline-master-key-1 " + std::string(62, '0') + "zz\n",
                                  "flatline-master-key-1 " + std::string(63, '0') + "\n",
                                  Zeroes() + Zeroes(),
                                  Zeroes().substr(0, Zeroes().size() - 1)}) {
    Write(text);
    ExpectRefused("needed one line");
  }
  fs::remove(path_);
  fs::create_directory(path_);
  ExpectRefused("no regular file");
  fs::remove(path_);
  fs::create_symlink("/dev/zero", path_);
  ExpectRefused("a symbolic link");
}

TEST_F(MasterKeyTest, SaysOfEachFileWhatToDoAboutIt) {
  ExpectRefused("No such file or directory; make one with `flatline key make`");
  fs::create_symlink("elsewhere", path_);
  ExpectRefused("a symbolic link, which is not followed");
  path_ = PreviousKeyPath(path_);
  ExpectRefused("end the rotation with `flatline key retire`");
  Write("something");
  ExpectRefused("end the rotation with `flatline key retire`");
}

TEST_F(MasterKeyTest, RotatesAndRetires) {
  Write(Zeroes());
  const auto before = MasterKey::Load(path_)->Root();
  ASSERT_TRUE(RotateMasterKey(path_).has_value());
  EXPECT_NE(MasterKey::Load(path_)->Root(), before);
  EXPECT_EQ(MasterKey::Load(PreviousKeyPath(path_))->Root(), before);
  const auto current = MasterKey::Load(path_)->Root();
  EXPECT_FALSE(RotateMasterKey(path_).has_value()) << "the one before would be lost";
  EXPECT_EQ(MasterKey::Load(path_)->Root(), current);
  ASSERT_TRUE(RetireMasterKey(path_).has_value());
  EXPECT_FALSE(fs::exists(PreviousKeyPath(path_)));
  EXPECT_FALSE(RetireMasterKey(path_).has_value());
  EXPECT_TRUE(RotateMasterKey(path_).has_value());
}

// Killed before the last step of a rotation: the old key is there twice, and `retire` mends it.
TEST_F(MasterKeyTest, GoesOnAfterARotationThatWasKilled) {
  Write(Zeroes());
  const auto before = MasterKey::Load(path_)->Root();
  ASSERT_TRUE(MasterKey::Make(path_ + ".new").has_value());
  fs::create_hard_link(path_, PreviousKeyPath(path_));
  EXPECT_EQ(MasterKey::Load(path_)->Root(), before);
  ASSERT_TRUE(RetireMasterKey(path_).has_value());
  ASSERT_TRUE(RotateMasterKey(path_).has_value());
  EXPECT_EQ(MasterKey::Load(PreviousKeyPath(path_))->Root(), before);
}

}  // namespace
}  // namespace flatline
