// The journal while its disk is full or fails: subscribers hear everything, numbers go on, the disk
// is given it all when it takes it again, and neither a kill nor a loss of power makes a number
// mean two things. With an allocator that refuses, and with a real file system that is full.
#include "tests/control/delivery/listener.h"
#include "tests/control/journal/journal_in_a_directory.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <sys/mount.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr Duration kSecond{1'000'000'000};
constexpr std::uint64_t kRecords = 63;  // to a segment, on the disk and in memory

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): gtest deletes it as its base
class MemoryJournalTest : public testing::Test {
 protected:
  MemoryJournalTest() {
    place_.options.memory = 16 * place_.options.segment;
    place_.options.memory_directory = place_.options.directory + "/memory";
    place_.options.allocate = [this](int descriptor, std::uint64_t bytes) {
      return refuses_with_ != 0 ? refuses_with_
                                : ::posix_fallocate(descriptor, 0, static_cast<off_t>(bytes));
    };
    Open();
  }

  // As after a kill: nothing is done at the end of a life.
  void Open() {
    publisher_.reset();
    journal_.reset();
    journal_ = place_.Open();
    ASSERT_TRUE(journal_) << place_.error;
    publisher_ = std::make_unique<Publisher>(journal_->readable(), trail_, PublisherOptions{});
  }

  void Fill(std::uint64_t count) {
    for (; count != 0; --count) {
      DeliveryRecord record = RecordFor(journal_->newest() + 1);
      ASSERT_EQ(journal_->Append({&record, 1}, now_), 1U);
      journal_->Housekeep(now_);
    }
  }

  void Housekeep(int times = 100) {
    now_ += 2 * kSecond;
    for (; times != 0; --times) {
      journal_->Housekeep(now_);
    }
  }

  // Every sequence from 1, its endpoint its number.
  void ExpectAllIsHeard() {
    Listener listener(*publisher_, 0);
    listener.Listen();
    EXPECT_THAT(listener.gaps(), IsEmpty());
    ASSERT_EQ(listener.heard().size(), journal_->newest());
    for (const auto& [sequence, record] : listener.heard()) {
      ASSERT_EQ(record.endpoint, sequence);
    }
  }

  [[nodiscard]] std::size_t FilesInMemory() const {
    std::error_code error;
    const std::filesystem::directory_iterator files(place_.options.memory_directory, error);
    return error ? 0 : static_cast<std::size_t>(std::distance(begin(files), end(files)));
  }

  Instant now_{kSecond};
  int refuses_with_ = 0;
  JournalInADirectory place_{kRecords, 1000};
  std::unique_ptr<Journal> journal_;
  Trail trail_;
  std::unique_ptr<Publisher> publisher_;
};

TEST_F(MemoryJournalTest, GoesOnWhateverTheDiskSays) {
  for (const int number : {ENOSPC, EIO, EROFS, EDQUOT}) {
    refuses_with_ = number;
    Listener follower(*publisher_, journal_->newest());
    const std::uint64_t before = journal_->newest();
    Fill(500);
    follower.Listen();
    EXPECT_EQ(follower.heard().size(), 500U);
    const JournalHealth health = journal_->health();
    EXPECT_EQ(health.fault, number);
    EXPECT_EQ(health.in_memory_since, now_);
    EXPECT_GT(health.records_in_memory, 500 - 2 * kRecords);
    EXPECT_THAT(journal_->Trouble(now_), HasSubstr("the journal is in memory since"));
    EXPECT_GT(FilesInMemory(), 0U);
    EXPECT_FALSE(journal_->is_recovering());
    refuses_with_ = 0;
    Housekeep(1);
    EXPECT_TRUE(journal_->is_recovering());
    EXPECT_THAT(journal_->Trouble(now_), HasSubstr("nothing need be done"));
    EXPECT_THAT(journal_->Trouble(now_), Not(HasSubstr("make room")));
    Housekeep();
    EXPECT_FALSE(journal_->has_trouble());
    EXPECT_EQ(journal_->health().records_in_memory, 0U);
    EXPECT_EQ(journal_->health().in_memory_since, Instant{});
    EXPECT_EQ(FilesInMemory(), 0U);
    EXPECT_EQ(journal_->newest(), before + 500);
    Fill(200);
    ExpectAllIsHeard();
  }
  Open();
  EXPECT_THAT(place_.findings, IsEmpty());
  EXPECT_EQ(journal_->newest(), 2800U);
  ExpectAllIsHeard();
}

// Killed when the disk had its copy and the marks still spoke of memory.
TEST_F(MemoryJournalTest, AKillBetweenTheCopyAndTheMarksLosesNothing) {
  Fill(10);
  refuses_with_ = EIO;
  Fill(2 * kRecords);
  ASSERT_GT(FilesInMemory(), 0U);
  publisher_.reset();
  journal_.reset();
  for (const auto& file : std::filesystem::directory_iterator(place_.options.memory_directory)) {
    std::filesystem::copy_file(
        file.path(), std::filesystem::path(place_.options.directory) / file.path().filename());
  }
  refuses_with_ = 0;
  Open();
  EXPECT_THAT(place_.findings, IsEmpty());
  EXPECT_EQ(FilesInMemory(), 0U);
  EXPECT_EQ(journal_->newest(), 10 + 2 * kRecords);
  ExpectAllIsHeard();
}

TEST_F(MemoryJournalTest, SaysBeforeThatItWillBeNeeded) {
  Fill(1);
  refuses_with_ = EIO;
  Fill(kRecords - 11);
  EXPECT_TRUE(journal_->has_trouble());
  EXPECT_THAT(journal_->Trouble(now_), HasSubstr("room on the disk for 10 records more"));
  EXPECT_EQ(journal_->health().in_memory_since, Instant{});
  EXPECT_EQ(journal_->health().fault, EIO);
}

TEST_F(MemoryJournalTest, GivesUpTheOldestBeyondItsBounds) {
  Fill(100);
  refuses_with_ = EIO;
  Fill(3000);
  const JournalHealth health = journal_->health();
  EXPECT_LE(health.records_in_memory, 16 * kRecords);
  EXPECT_GE(health.records_in_memory, 14 * kRecords);
  EXPECT_LE(FilesInMemory(), 16U);
  const auto check = [&] {
    Listener listener(*publisher_, 0);
    listener.Listen();
    ASSERT_EQ(listener.gaps().size(), 1U);
    const auto [after, last] = listener.gaps().front();
    EXPECT_EQ(after, 3 * kRecords) << "what the disk has stays";
    EXPECT_EQ(last - after, health.records_given_up);
    EXPECT_EQ(listener.heard().size() + health.records_given_up, journal_->newest());
  };
  check();
  Open();
  check();
  refuses_with_ = 0;
  Housekeep();
  EXPECT_FALSE(journal_->has_trouble());
  check();
  Open();
  EXPECT_EQ(place_.findings.size(), 1U);
  check();
}

TEST_F(MemoryJournalTest, GivesUpHistoryBeforeVerdictsOnADiskThatIsMerelyFull) {
  Fill(40 * kRecords);
  place_.options.allocate = [this](int descriptor, std::uint64_t bytes) {
    return place_.Files().size() > 40 ? ENOSPC
                                      : ::posix_fallocate(descriptor, 0, static_cast<off_t>(bytes));
  };
  Open();
  Fill(14 * kRecords);
  EXPECT_EQ(journal_->oldest(), 1U) << "memory has room yet";
  Fill(26 * kRecords);
  EXPECT_EQ(journal_->health().records_given_up, 0U);
  EXPECT_GT(journal_->oldest(), 20 * kRecords);
  EXPECT_LE(journal_->health().records_in_memory, 17 * kRecords);
  Listener listener(*publisher_, journal_->oldest() - 1);
  listener.Listen();
  EXPECT_THAT(listener.gaps(), IsEmpty());
}

TEST_F(MemoryJournalTest, SurvivesAKillAtAnyTimeByASeed) {
  const unsigned seed = std::random_device{}();
  std::printf("seed %u\n", seed);
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  place_.options.memory *= 100;
  Open();
  for (int step = 0; step < 2000; ++step) {
    switch (random() % 8) {
      case 0:
        refuses_with_ = random() % 2 == 0 ? ENOSPC : 0;
        break;
      case 1:
        Open();
        EXPECT_THAT(place_.findings, IsEmpty());
        break;
      case 2:
      case 3:
        Housekeep(1);
        break;
      default:
        Fill(random() % 40);
        break;
    }
  }
  ExpectAllIsHeard();
  refuses_with_ = 0;
  Housekeep(2000);
  EXPECT_FALSE(journal_->has_trouble());
  Open();
  ExpectAllIsHeard();
}

// A successor finds what is on the disk alone, with the number up to which memory was begun.
TEST_F(MemoryJournalTest, GivesOutNoNumberTwiceAfterALossOfPower) {
  Fill(100);
  refuses_with_ = ENOSPC;
  Fill(400);
  std::filesystem::remove_all(place_.options.memory_directory);
  refuses_with_ = 0;
  for (int life = 0; life < 2; ++life) {
    Open();
    EXPECT_GE(journal_->newest(), 500U);
    EXPECT_LE(journal_->newest(), 500U + kRecords);
    Listener listener(*publisher_, 450);
    listener.Listen();
    ASSERT_EQ(listener.gaps().size(), 1U);
    EXPECT_EQ(listener.gaps().front(), std::pair(std::uint64_t{450}, journal_->newest()));
  }
  const std::uint64_t lost_upto = journal_->newest();
  Fill(100);
  Open();
  Listener listener(*publisher_, 0);
  listener.Listen();
  ASSERT_EQ(listener.gaps().size(), 1U);
  EXPECT_EQ(listener.gaps().front(), std::pair(3 * kRecords, lost_upto));
  EXPECT_EQ(listener.heard().size(), 3 * kRecords + 100);
}

// Found by simulated worlds: with no file on the disk nothing could say how far numbers had gone.
TEST_F(MemoryJournalTest, BeginsOnTheDiskWhereItMayTellOfNothingElse) {
  journal_.reset();
  std::filesystem::remove_all(place_.options.directory);
  place_.options.sync_before_telling = true;
  refuses_with_ = ENOSPC;
  EXPECT_FALSE(place_.Open());
  EXPECT_THAT(place_.error, HasSubstr("free some room"));
  refuses_with_ = 0;
  Open();
  refuses_with_ = ENOSPC;
  Fill(2 * kRecords);
  ASSERT_TRUE(journal_->SyncTarget());
  std::filesystem::remove_all(place_.options.memory_directory);
  Open();
  EXPECT_GE(journal_->newest(), 2 * kRecords);
}

TEST_F(MemoryJournalTest, LivesWithoutADirectoryInMemoryToo) {
  std::filesystem::create_directory(place_.options.memory_directory);
  std::filesystem::permissions(place_.options.memory_directory, std::filesystem::perms::all);
  Fill(1);
  refuses_with_ = EIO;
  Fill(400);
  EXPECT_EQ(FilesInMemory(), 0U) << "anybody may write there";
  ExpectAllIsHeard();
  Open();
  EXPECT_GE(journal_->newest(), 400U) << "that memory went with its process";
  refuses_with_ = 0;
  Fill(10);
  Open();
  Listener listener(*publisher_, 0);
  listener.Listen();
  EXPECT_EQ(listener.gaps().size(), 1U);
}

TEST_F(MemoryJournalTest, WaitsInTheRingsWhereMemoryIsNotToBeTaken) {
  place_.options.memory = 0;
  Open();
  Fill(1);
  refuses_with_ = ENOSPC;
  Fill(kRecords - 1);
  DeliveryRecord record = RecordFor(1);
  EXPECT_EQ(journal_->Append({&record, 1}, now_), 0U);
  EXPECT_THAT(journal_->Trouble(now_), HasSubstr("transitions wait in the dataplane's rings"));
}

TEST_F(MemoryJournalTest, TellsAllTheSameWhereSyncingFails) {
  place_.options.sync_before_telling = true;
  Open();
  Fill(10);
  EXPECT_EQ(journal_->readable().newest(), 0U);
  ASSERT_TRUE(journal_->SyncTarget());
  journal_->SyncFailed(EIO);
  EXPECT_EQ(journal_->readable().newest(), 10U);
  Fill(10);
  EXPECT_EQ(journal_->readable().newest(), 20U) << "at once";
  EXPECT_EQ(journal_->SyncTarget(), nullptr) << "asked again a second later";
  EXPECT_EQ(journal_->health().sync_failing_since, now_);
  EXPECT_EQ(journal_->health().fault, EIO);
  EXPECT_THAT(journal_->Trouble(now_), HasSubstr("records from 1 on may not be there"));
  Housekeep(1);
  ASSERT_TRUE(journal_->SyncTarget());
  journal_->Synced();
  EXPECT_FALSE(journal_->has_trouble());
  EXPECT_EQ(journal_->SyncTarget(), nullptr) << "all of it was in that";
  Fill(1);
  EXPECT_EQ(journal_->readable().newest(), 20U) << "and it waits for the disk again";
}

TEST_F(MemoryJournalTest, GoesOnBesideARealFileSystemThatIsFull) {
  publisher_.reset();
  journal_.reset();
  const std::string disk = place_.options.directory + "/disk";
  std::filesystem::create_directory(disk);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=64k") != 0) {
    GTEST_SKIP() << "a file system cannot be mounted here";
  }
  place_.options.allocate = {};
  const std::string place = std::exchange(place_.options.directory, disk);
  Open();
  const std::string ballast = disk + "/ballast";
  std::ofstream(ballast) << std::string(48UL << 10, 'x');
  Fill(1000);
  EXPECT_EQ(journal_->health().fault, ENOSPC);
  EXPECT_GT(journal_->health().records_in_memory, 500U);
  ExpectAllIsHeard();
  std::filesystem::remove(ballast);
  Housekeep(3);
  EXPECT_LT(journal_->health().records_in_memory, 1000U - 6 * kRecords);
  ExpectAllIsHeard();
  publisher_.reset();
  journal_.reset();
  EXPECT_EQ(::umount2(disk.c_str(), MNT_DETACH), 0);
  place_.options.directory = place;
}

}  // namespace
}  // namespace flatline
