// Who is silenced until when: over restarts, kills in between and a damaged file; each begin and
// end told once.
#include "control/commentary/maintenance.h"

#include "control/files/page_shield.h"
#include "tests/captured_log.h"
#include "tests/control/journal/journal_in_a_directory.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr Duration kHour{3'600'000'000'000};

class MaintenanceTest : public testing::Test {
 protected:
  MaintenanceTest() { Open(); }

  [[nodiscard]] std::string Path() const { return place_.options.directory + "/maintenance"; }

  void Open() {
    maintenance_.reset();
    maintenance_ = std::move(Maintenance::Open(Path()).value());
  }

  // As the scribe does; and the journal keeps it.
  std::size_t Journal() {
    const auto news = maintenance_->TakeNews();
    for (const DeliveryRecord& record : news) {
      maintenance_->Take(record);
      journal_.push_back(record);
    }
    return news.size();
  }

  [[nodiscard]] bool Covers(EndpointId id, Group group) const {
    DeliveryRecord record;
    record.endpoint = id;
    record.group = group;
    return maintenance_->Covers(record);
  }

  [[nodiscard]] MaintenanceSlot InFile(std::streamoff slot) const {
    MaintenanceSlot out;
    std::ifstream file(Path(), std::ios::binary);
    file.seekg(slot * static_cast<std::streamoff>(sizeof(out)));
    file.read(reinterpret_cast<char*>(&out), sizeof(out));
    return out;
  }

  void PutInFile(std::streamoff slot, const MaintenanceSlot& copies) const {
    std::fstream file(Path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(slot * static_cast<std::streamoff>(sizeof(copies)));
    file.write(reinterpret_cast<const char*>(&copies), sizeof(copies));
  }

  JournalInADirectory place_;
  std::unique_ptr<Maintenance> maintenance_;
  std::vector<DeliveryRecord> journal_;
  WallInstant now_{Duration{1'790'000'000'000'000'000}};
};

TEST_F(MaintenanceTest, CoversAnEndpointOrAGroup) {
  ASSERT_TRUE(maintenance_->Begin({.endpoint = 42}, kHour, "disk", now_));
  ASSERT_TRUE(maintenance_->Begin({.group = 7}, kHour, "", now_));
  EXPECT_TRUE(Covers(42, 1));
  EXPECT_TRUE(Covers(1, 7));
  EXPECT_FALSE(Covers(1, 1));
  EXPECT_FALSE(Covers(7, kNoGroup)) << "the endpoint of that number";
  EXPECT_FALSE(Covers(1, 42));
}

TEST_F(MaintenanceTest, TellsItsBeginAndItsEndOnce) {
  ASSERT_TRUE(maintenance_->Begin({.endpoint = 42}, kHour, "disk", now_));
  ASSERT_EQ(Journal(), 1U);
  EXPECT_EQ(journal_[0].kind, RecordKind::kMaintenance);
  EXPECT_EQ(journal_[0].endpoint, 42U);
  EXPECT_EQ(journal_[0].to, 1);
  EXPECT_EQ(journal_[0].silence_ns, kHour.count());
  ASSERT_TRUE(maintenance_->Begin({.endpoint = 42}, 2 * kHour, "longer", now_));
  EXPECT_EQ(Journal(), 0U) << "it goes on";
  maintenance_->Expire(now_ + kHour);
  EXPECT_EQ(Journal(), 0U);
  now_ += 2 * kHour;
  maintenance_->Expire(now_);
  maintenance_->Expire(now_ + kHour);
  ASSERT_EQ(Journal(), 1U);
  EXPECT_EQ(journal_[1].to, 0);
  EXPECT_EQ(journal_[1].silence_ns, 2 * kHour.count());
  EXPECT_FALSE(Covers(42, 1));
}

TEST_F(MaintenanceTest, EndsOnAnOrder) {
  EXPECT_FALSE(maintenance_->End({.group = 7}, now_)) << "there is none";
  ASSERT_TRUE(maintenance_->Begin({.group = 7}, kHour, "", now_));
  ASSERT_TRUE(maintenance_->End({.group = 7}, now_ + Duration{5}));
  EXPECT_FALSE(maintenance_->End({.group = 7}, now_ + Duration{6}));
  maintenance_->Expire(now_ + kHour);
  ASSERT_EQ(Journal(), 2U);
  EXPECT_EQ(journal_[1].silence_ns, 5);
  EXPECT_EQ(maintenance_->size(), 0U);
  ASSERT_TRUE(maintenance_->Begin({.group = 7}, kHour, "", now_ + kHour));
  EXPECT_EQ(Journal(), 1U) << "another time";
}

// Killed at any place; the successor reads the journal, then is asked.
TEST_F(MaintenanceTest, IsToldOnceOverAKillAnywhere) {
  const auto restart = [this] {
    Open();
    for (const DeliveryRecord& record : std::vector(journal_)) {
      maintenance_->Take(record);
    }
  };
  ASSERT_TRUE(maintenance_->Begin({.endpoint = 42}, kHour, "disk", now_));
  restart();  // before its begin was journaled
  EXPECT_TRUE(Covers(42, 1));
  const auto begin = maintenance_->TakeNews();
  ASSERT_EQ(begin.size(), 1U);
  journal_.push_back(begin.front());
  restart();  // journaled, and nobody knew
  EXPECT_EQ(Journal(), 0U);
  restart();
  EXPECT_EQ(Journal(), 0U);
  now_ += kHour;
  maintenance_->Expire(now_);
  restart();  // its end was not journaled
  maintenance_->Expire(now_);
  const auto end = maintenance_->TakeNews();
  ASSERT_EQ(end.size(), 1U);
  journal_.push_back(end.front());
  restart();  // it was
  maintenance_->Expire(now_ + kHour);
  EXPECT_EQ(Journal(), 0U);
  EXPECT_EQ(maintenance_->size(), 0U);
}

TEST_F(MaintenanceTest, IsBounded) {
  for (EndpointId id = 1; id <= Maintenance::kMost; ++id) {
    ASSERT_TRUE(maintenance_->Begin({.endpoint = id}, kHour, "", now_));
  }
  EXPECT_FALSE(maintenance_->Begin({.group = 1}, kHour, "", now_));
  EXPECT_TRUE(maintenance_->Begin({.endpoint = 1}, kHour, "", now_)) << "it has its place";
}

TEST_F(MaintenanceTest, TheToolsReadWhatIsThere) {
  ASSERT_TRUE(maintenance_->Begin({.group = 7}, kHour, "new switch", now_));
  const auto entries = ReadMaintenance(Path());
  ASSERT_TRUE(entries) << entries.error();
  ASSERT_EQ(entries->size(), 1U);
  EXPECT_EQ(entries->front().group, 7U);
  EXPECT_EQ(entries->front().reason_text(), "new switch");
  EXPECT_FALSE(ReadMaintenance(Path() + "-none"));
}

TEST_F(MaintenanceTest, ADamagedEntryIsNotBelieved) {
  ASSERT_TRUE(maintenance_->Begin({.group = 7}, kHour, "", now_));
  ASSERT_TRUE(maintenance_->Begin({.group = 8}, kHour, "", now_));
  Journal();
  maintenance_.reset();
  {
    std::fstream file(Path(), std::ios::in | std::ios::out | std::ios::binary);
    for (const int at : {8, 8 + static_cast<int>(sizeof(MaintenanceEntry))}) {
      file.seekp(at);
      file.put('\x55');
    }
  }
  const CapturedLog log;
  Open();
  EXPECT_FALSE(Covers(1, 7));
  EXPECT_TRUE(Covers(1, 8));
  EXPECT_THAT(log.text(), testing::HasSubstr("of maintenance, found 1 that are torn"));
}

TEST_F(MaintenanceTest, LivesOnWhenItsFileIsCutShort) {
  page_shield::Install();
  ASSERT_TRUE(maintenance_->Begin({.group = 7}, kHour, "", now_));
  std::filesystem::resize_file(Path(), 0);
  ASSERT_TRUE(maintenance_->Begin({.group = 8}, kHour, "", now_));
  EXPECT_EQ(maintenance_->Mend(), 0);
  ASSERT_TRUE(maintenance_->Begin({.group = 9}, kHour, "", now_));
  Open();
  EXPECT_TRUE(Covers(1, 7));
  EXPECT_TRUE(Covers(1, 8));
  EXPECT_TRUE(Covers(1, 9));
}

// A loss of power kept the page of the slot that it has now, and not that of the one it left.
TEST_F(MaintenanceTest, WhatStandsInTwoSlotsIsTheLaterOne) {
  ASSERT_TRUE(maintenance_->Begin({.endpoint = 42}, kHour, "disk", now_));
  Journal();
  const MaintenanceSlot early = InFile(0);
  ASSERT_TRUE(maintenance_->End({.endpoint = 42}, now_));
  Journal();
  now_ += kHour;
  ASSERT_TRUE(maintenance_->Begin({.endpoint = 42}, kHour, "again", now_));
  Journal();
  const MaintenanceSlot late = InFile(0);
  for (const auto& [lower, upper] : {std::pair(early, late), std::pair(late, early)}) {
    maintenance_.reset();
    PutInFile(0, lower);
    PutInFile(2, upper);
    Open();
    EXPECT_EQ(maintenance_->size(), 1U);
    const auto entries = ReadMaintenance(Path());
    ASSERT_TRUE(entries) << entries.error();
    ASSERT_EQ(entries->size(), 1U) << "not in both";
    EXPECT_EQ(entries->front().reason_text(), "again");
    EXPECT_EQ(Journal(), 0U) << "its begin was told";
  }
  ASSERT_TRUE(maintenance_->End({.endpoint = 42}, now_));
  Journal();
  EXPECT_EQ(ReadMaintenance(Path())->size(), 0U);
}

}  // namespace
}  // namespace flatline
