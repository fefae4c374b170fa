// Durable cursors: they outlive control, move only forward, belong to one connection, make room
// when they have expired, and survive a write that was torn.
#include "control/delivery/cursors.h"

#include "control/files/page_shield.h"
#include "tests/control/journal/journal_in_a_directory.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr WallInstant kWall{Duration{1'790'000'000'000'000'000}};
constexpr Duration kExpiry{1'000'000'000};

class CursorsTest : public testing::Test {
 protected:
  [[nodiscard]] std::unique_ptr<Cursors> Open() const {
    auto out = Cursors::Open(path_, kExpiry);
    EXPECT_TRUE(out) << out.error();
    return std::move(*out);
  }

  JournalInADirectory place_;
  std::string path_ = place_.options.directory + "/cursors";
};

TEST_F(CursorsTest, OutliveControl) {
  {
    const auto cursors = Open();
    const auto hold = cursors->Take("billing", kWall);
    ASSERT_TRUE(hold);
    EXPECT_FALSE(hold->sequence) << "it is new";
    EXPECT_TRUE(cursors->Move(*hold, 41, kWall));
    EXPECT_TRUE(cursors->Move(*hold, 40, kWall));  // and stays where it is
    ASSERT_TRUE(cursors->Take("pager", kWall));
  }
  const auto cursors = Open();
  EXPECT_EQ(cursors->Take("billing", kWall)->sequence, 41U);
  EXPECT_FALSE(cursors->Take("pager", kWall)->sequence);
}

TEST_F(CursorsTest, BelongToWhoTookThemLast) {
  const auto cursors = Open();
  const auto first = cursors->Take("a", kWall);
  ASSERT_TRUE(cursors->Move(*first, 5, kWall));
  const auto second = cursors->Take("a", kWall);
  EXPECT_EQ(second->sequence, 5U);
  EXPECT_FALSE(cursors->IsHeld(*first));
  EXPECT_FALSE(cursors->Move(*first, 9, kWall));
  EXPECT_TRUE(cursors->IsHeld(*second));
  EXPECT_EQ(cursors->Take("a", kWall)->sequence, 5U);
}

TEST_F(CursorsTest, AreBoundedAndExpire) {
  const auto cursors = Open();
  for (std::size_t i = 0; i < Cursors::kMost; ++i) {
    ASSERT_TRUE(cursors->Take("c" + std::to_string(i), kWall));
  }
  const auto refused = cursors->Take("one more", kWall + kExpiry);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error, DeliveryError::kTooManyCursors);
  const auto late = kWall + kExpiry + Duration{1};
  const auto taken = cursors->Take("one more", late);
  ASSERT_TRUE(taken);
  EXPECT_FALSE(taken->sequence);
}

TEST_F(CursorsTest, SurviveATornWrite) {
  for (const std::streamoff entry : {0, 96}) {
    SCOPED_TRACE(entry);
    std::filesystem::remove(path_);
    {
      const auto cursors = Open();
      const auto hold = cursors->Take("a", kWall);  // version 1, the second entry
      ASSERT_TRUE(cursors->Move(*hold, 7, kWall));  // version 2, the first
    }
    {
      std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(entry + 64);
      file.put('\x55');
    }
    const auto found = Open()->Take("a", kWall);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->sequence.value_or(0), entry == 0 ? 0U : 7U) << "the last that is whole";
  }
}

TEST_F(CursorsTest, LiveOnWhenTheirFileIsCutShort) {
  page_shield::Install();
  {
    const auto cursors = Open();
    ASSERT_TRUE(cursors->Move(*cursors->Take("a", kWall), 7, kWall));
    std::filesystem::resize_file(path_, 0);
    ASSERT_TRUE(cursors->Move(*cursors->Take("b", kWall), 8, kWall));
    EXPECT_EQ(cursors->Mend(), 0);
    ASSERT_TRUE(cursors->Move(*cursors->Take("c", kWall), 9, kWall));
  }
  const auto cursors = Open();
  EXPECT_EQ(cursors->Take("a", kWall)->sequence, 7U);
  EXPECT_EQ(cursors->Take("b", kWall)->sequence, 8U);
  EXPECT_EQ(cursors->Take("c", kWall)->sequence, 9U);
}

// A loss of power kept the page of the slot that it has now, and not that of the one it left.
TEST_F(CursorsTest, WhatStandsInTwoSlotsIsTheLaterOne) {
  constexpr std::size_t kSlot = 2 * 96;
  std::string early(kSlot, '\0');
  std::string late(kSlot, '\0');
  {
    const auto cursors = Open();
    const auto hold = cursors->Take("a", kWall);
    for (std::string* const copy : {&early, &late}) {
      ASSERT_TRUE(cursors->Move(*hold, copy == &early ? 7 : 8, kWall + Duration{copy == &late}));
      std::ifstream(path_, std::ios::binary).read(copy->data(), kSlot);
    }
  }
  for (const auto& [lower, upper] : {std::pair(early, late), std::pair(late, early)}) {
    {
      std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
      file << lower << std::string(kSlot, '\0') << upper << lower;
    }
    EXPECT_EQ(Open()->Take("a", kWall)->sequence, 8U);
    const auto cursors = Open();
    EXPECT_EQ(cursors->Take("a", kWall)->sequence, 8U);
    ASSERT_TRUE(cursors->Move(*cursors->Take("a", kWall), 9, kWall - kExpiry));
    EXPECT_EQ(Open()->Take("a", kWall)->sequence, 9U) << "no other one is left";
  }
}

}  // namespace
}  // namespace flatline
