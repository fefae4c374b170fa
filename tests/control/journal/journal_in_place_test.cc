// Somebody removes the journal's files, or moves them away, while they are written: it is said,
// what is written goes on in a file that a successor finds, nobody who listens misses anything, and
// no number is given out twice.
#include "tests/captured_log.h"
#include "tests/control/delivery/listener.h"
#include "tests/control/journal/journal_in_a_directory.h"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <random>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr Duration kSecond{1'000'000'000};
constexpr std::uint64_t kRecords = 63;  // to a segment

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): gtest deletes it as its base
class JournalInPlaceTest : public testing::Test {
 protected:
  JournalInPlaceTest() {
    place_.options.allocate = [this](int descriptor, std::uint64_t bytes) {
      return refuses_with_ != 0 ? refuses_with_
                                : ::posix_fallocate(descriptor, 0, static_cast<off_t>(bytes));
    };
    Open();
  }

  // As after a kill: nothing is done at the end of a life.
  void Open() {
    journal_.reset();
    journal_ = place_.Open();
    ASSERT_TRUE(journal_) << place_.error;
  }

  // Endpoints 1, 2, ... so that an id is its sequence.
  void Fill(std::uint64_t count) {
    for (; count != 0; --count) {
      DeliveryRecord record = RecordFor(journal_->newest() + 1);
      ASSERT_EQ(journal_->Append({&record, 1}, now_), 1U);
      journal_->Housekeep(now_);
    }
  }

  void Later() {
    now_ += kSecond;
    journal_->Housekeep(now_);
  }

  void RemoveAll() const {
    for (const auto& path : place_.Files()) {
      std::filesystem::remove(path);
    }
  }

  Instant now_{kSecond};
  int refuses_with_ = 0;
  JournalInADirectory place_{kRecords, 1000};
  std::unique_ptr<Journal> journal_;
};

TEST_F(JournalInPlaceTest, GoesOnInAFileThatIsThere) {
  for (const std::uint64_t before : {10U, 40U, 200U}) {  // the next file is prepared, or is not
    Fill(before);
    const std::uint64_t newest = journal_->newest();
    RemoveAll();
    Fill(5);
    const CapturedLog log;
    Later();
    EXPECT_THAT(log.text(), HasSubstr("[error] "));
    EXPECT_THAT(log.text(), HasSubstr("somebody has removed or replaced it"));
    EXPECT_THAT(log.text(), HasSubstr("is there again, with all its records"));
    EXPECT_FALSE(journal_->has_trouble());
    Fill(100);
    Open();
    EXPECT_THAT(place_.findings, IsEmpty());
    EXPECT_EQ(journal_->newest(), newest + 105);
    EXPECT_LE(journal_->oldest(), newest + 1) << "of what was removed the newest file is there";
  }
}

TEST_F(JournalInPlaceTest, WhoListensMissesNothing) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  const Trail trail;
  Publisher publisher(journal_->readable(), trail, {});
  Listener follower(publisher, 0);
  for (int round = 0; round < 50; ++round) {
    Fill(1 + random() % 100);
    if (random() % 2 == 0) {
      RemoveAll();
    }
    follower.Listen();
    Later();
  }
  Listener latecomer(publisher, 0);
  latecomer.Listen();
  for (const Listener* const one : {&follower, &latecomer}) {
    EXPECT_THAT(one->gaps(), IsEmpty());
    EXPECT_EQ(one->heard().size(), journal_->newest());
  }
}

TEST_F(JournalInPlaceTest, WhatIsMovedAwayIsMissingToo) {
  Fill(10);
  std::filesystem::rename(place_.Files().front(), place_.options.directory + "/away");
  Later();
  Open();
  EXPECT_EQ(journal_->newest(), 10U);
}

TEST_F(JournalInPlaceTest, ADiskThatTakesNoOtherIsSaidAndTriedAgain) {
  Fill(10);
  refuses_with_ = ENOSPC;
  RemoveAll();
  Later();
  const Instant since = now_;
  Later();
  EXPECT_TRUE(journal_->has_trouble());
  EXPECT_FALSE(journal_->is_recovering());
  EXPECT_THAT(journal_->Trouble(now_), HasSubstr("found it missing for 1.0 s"));
  EXPECT_THAT(journal_->Trouble(now_), HasSubstr("No space left on device"));
  EXPECT_EQ(journal_->health().sync_failing_since, since);
  EXPECT_EQ(journal_->health().fault, ENOSPC);
  Fill(5);
  refuses_with_ = 0;
  Later();
  EXPECT_FALSE(journal_->has_trouble());
  EXPECT_EQ(journal_->health().fault, 0);
  Open();
  EXPECT_EQ(journal_->newest(), 15U);
}

TEST_F(JournalInPlaceTest, HasToBeSyncedAgain) {
  Fill(10);
  ASSERT_NE(journal_->SyncTarget(), nullptr);
  journal_->Synced();
  ASSERT_EQ(journal_->SyncTarget(), nullptr);
  RemoveAll();
  Later();
  const auto target = journal_->SyncTarget();
  ASSERT_NE(target, nullptr);
  EXPECT_TRUE(target->IsInPlace());
}

}  // namespace
}  // namespace flatline
