// The journal against a vector of the ids appended, over many reopenings; torn tails at every byte,
// flipped bytes, a full disk, retention, a second writer.
#include "control/journal/journal.h"

#include "tests/control/delivery/listener.h"
#include "tests/control/journal/journal_in_a_directory.h"

#include <flatline/crc32c.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr Instant kNow{Duration{1'000'000'000}};

std::vector<DeliveryRecord> RecordsFor(EndpointId first, std::size_t count) {
  std::vector<DeliveryRecord> out;
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back(RecordFor(first + i));
  }
  return out;
}

// Appends endpoints 1, 2, … so that an id is its sequence.
void Fill(Journal& journal, std::size_t count) {
  auto records = RecordsFor(journal.newest() + 1, count);
  ASSERT_EQ(journal.Append(records, kNow), count);
}

// Every record from `sequence` on, checked; holes count as missing.
std::vector<EndpointId> ReadFrom(const Journal& journal, std::uint64_t sequence) {
  std::vector<EndpointId> out;
  while (sequence <= journal.newest()) {
    const Journal::Range range = journal.From(sequence, 1000);
    if (range.hole_until != 0) {
      sequence = range.hole_until + 1;
      continue;
    }
    EXPECT_FALSE(range.records.empty());
    for (const DeliveryRecord& record : range.records) {
      EXPECT_EQ(record.sequence, sequence++);
      EXPECT_EQ(record.crc, SealOf(record));
      out.push_back(record.endpoint);
    }
  }
  return out;
}

std::vector<EndpointId> Iota(EndpointId first, EndpointId last) {
  std::vector<EndpointId> out;
  for (; first <= last; ++first) {
    out.push_back(first);
  }
  return out;
}

TEST(Journal, BeginsAtOne) {
  JournalInADirectory place;
  const auto journal = place.Open();
  EXPECT_EQ(journal->newest(), 0U);
  EXPECT_EQ(journal->oldest(), 1U);
  EXPECT_TRUE(journal->From(1, 10).records.empty());
  Fill(*journal, 1);
  EXPECT_EQ(journal->newest(), 1U);
  EXPECT_THAT(ReadFrom(*journal, 1), Iota(1, 1));
}

TEST(Journal, IsAsAModelOverManyReopenings) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::independent_bits_engine<std::mt19937, 32, std::uint32_t> random(seed);
  JournalInADirectory place(31, 1000);
  std::vector<EndpointId> model;
  for (int round = 0; round < 40; ++round) {
    const auto journal = place.Open();
    ASSERT_TRUE(journal) << place.error;
    EXPECT_THAT(place.findings, IsEmpty());
    ASSERT_EQ(journal->newest(), model.size());
    for (unsigned batch = random() % 6; batch != 0; --batch) {
      std::vector<DeliveryRecord> records;
      for (unsigned count = random() % 50; count != 0; --count) {
        records.push_back(RecordFor(random()));
        model.push_back(records.back().endpoint);
      }
      ASSERT_EQ(journal->Append(records, kNow), records.size());
      journal->Housekeep(kNow);
    }
    const std::uint64_t from = model.empty() ? 1 : random() % model.size() + 1;
    EXPECT_EQ(ReadFrom(*journal, from),
              std::vector<EndpointId>(model.begin() + static_cast<std::ptrdiff_t>(from) - 1,
                                      model.end()));
  }
}

TEST(Journal, CutsATornTailAtEveryByte) {
  constexpr std::size_t kNumber = sizeof(DeliveryRecord::sequence);
  for (std::size_t torn = kNumber; torn <= sizeof(DeliveryRecord); ++torn) {
    JournalInADirectory place;
    {
      const auto journal = place.Open();
      Fill(*journal, 10);
    }
    {
      // The eleventh record as a kill left it: its first `torn` bytes, but for its number, which is
      // written last; and nothing after.
      DeliveryRecord next = RecordFor(11);
      next.sequence = 11;
      next.endpoint = ~EndpointId{0};
      next.crc = SealOf(next);
      std::fstream file(place.Files().front(), std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(static_cast<std::streamoff>(11 * sizeof(DeliveryRecord) + kNumber));
      file.write(reinterpret_cast<const char*>(&next) + kNumber,
                 static_cast<std::streamsize>(torn - kNumber));
    }
    const auto journal = place.Open();
    ASSERT_TRUE(journal) << place.error;
    EXPECT_EQ(journal->newest(), 10U) << torn;
    if (torn > offsetof(DeliveryRecord, silence_ns)) {  // what is before that is zero
      ASSERT_THAT(place.findings, SizeIs(1)) << torn;
      EXPECT_THAT(place.findings.front(), HasSubstr("after sequence 10 were cut"));
    }
    Fill(*journal, 5);
    EXPECT_EQ(ReadFrom(*journal, 1), Iota(1, 15));
  }
}

TEST(Journal, SurvivesAFileThatEndsAnywhere) {
  for (std::uintmax_t length = 0; length <= 12 * sizeof(DeliveryRecord); length += 13) {
    JournalInADirectory place;
    {
      const auto journal = place.Open();
      Fill(*journal, 11);
    }
    std::filesystem::resize_file(place.Files().front(), length);
    const auto journal = place.Open();
    ASSERT_TRUE(journal) << place.error;
    // What was given out is known as long as there is the header.
    const std::uint64_t whole = length / sizeof(DeliveryRecord);
    ASSERT_EQ(journal->newest(), whole == 0 ? 0 : 11) << length;
    Fill(*journal, 30);
    auto expected = Iota(1, whole == 0 ? 0 : whole - 1);
    std::ranges::copy(Iota(journal->newest() - 29, journal->newest()),
                      std::back_inserter(expected));
    EXPECT_EQ(ReadFrom(*journal, journal->oldest()), expected);
  }
}

TEST(Journal, KeepsItsNumbersWhenItsOnlyFileIsEmpty) {
  JournalInADirectory place(31, 2);
  std::uint64_t first = 0;
  {
    const auto journal = place.Open();
    Fill(*journal, 100);
    first = journal->oldest();
  }
  ASSERT_GT(first, 1U);
  const auto files = place.Files();
  for (std::size_t i = 1; i < files.size(); ++i) {
    std::filesystem::remove(files[i]);
  }
  std::filesystem::resize_file(files.front(), 10);
  // Each life ends before it has a record, the second for want of room.
  for (const int error : {0, ENOSPC, 0}) {
    if (error != 0) {
      place.options.allocate = [error](int, std::uint64_t) { return error; };
    }
    const auto journal = place.Open();
    ASSERT_TRUE(journal) << place.error;
    EXPECT_EQ(journal->newest(), first - 1);
    if (error != 0) {
      DeliveryRecord record = RecordFor(1);
      EXPECT_EQ(journal->Append({&record, 1}, Instant{}), 0U);
    }
    place.options.allocate = {};
  }
  const auto journal = place.Open();
  Fill(*journal, 5);
  EXPECT_EQ(ReadFrom(*journal, journal->oldest()), Iota(first, first + 4));
}

// Found by simulated worlds: what told how far numbers had gone was a file too short to stay, or
// one behind a missing one, and the next life did not know.
TEST(Journal, KeepsItsNumbersOverLivesWithoutARecord) {
  for (const std::uintmax_t left : {std::uintmax_t{100}, 3 * sizeof(DeliveryRecord)}) {
    JournalInADirectory place(31, 10);
    Fill(*place.Open(), 93 + 1);
    const auto files = place.Files();
    ASSERT_GE(files.size(), 4U);
    std::filesystem::remove(files[1]);
    std::filesystem::remove(files[2]);
    std::filesystem::resize_file(files[3], left);
    if (left > 100) {  // begun, and without a record
      std::fstream file(files[3], std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(sizeof(SegmentHeader)) << std::string(2 * sizeof(DeliveryRecord), '\0');
    }
    for (int life = 0; life < 3; ++life) {
      const auto journal = place.Open();
      ASSERT_TRUE(journal) << place.error;
      EXPECT_GE(journal->newest(), 93U) << left << " bytes, life " << life;
    }
  }
}

TEST(Journal, NeverGivesOutAFlippedByte) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::independent_bits_engine<std::mt19937, 32, std::uint32_t> random(seed);
  for (int round = 0; round < 200; ++round) {
    JournalInADirectory place;
    {
      const auto journal = place.Open();
      Fill(*journal, 150);  // three segments
    }
    const std::uint64_t hurt = random() % 150 + 1;
    {
      const std::uint64_t file_number = (hurt - 1) / 63;
      const std::uint64_t offset = ((hurt - 1) % 63 + 1) * sizeof(DeliveryRecord) + random() % 64;
      std::fstream file(place.Files()[file_number],
                        std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(static_cast<std::streamoff>(offset));
      const int byte = file.get();
      file.seekp(static_cast<std::streamoff>(offset));
      file.put(static_cast<char>(byte ^ (1 << (random() % 8))));
    }
    const auto journal = place.Open();
    ASSERT_TRUE(journal) << place.error;
    EXPECT_THAT(place.findings, SizeIs(1)) << hurt;
    auto expected = Iota(1, 150);
    std::erase(expected, hurt);
    EXPECT_EQ(ReadFrom(*journal, 1), expected) << hurt;
    EXPECT_EQ(journal->newest(), 150U) << "it may have been told, so it keeps its number";
  }
}

TEST(Journal, RepairsAHeader) {
  JournalInADirectory place;
  {
    const auto journal = place.Open();
    Fill(*journal, 10);
  }
  {
    std::fstream file(place.Files().front(), std::ios::in | std::ios::out | std::ios::binary);
    file.write("nonsense", 8);
  }
  auto journal = place.Open();
  ASSERT_TRUE(journal) << place.error;
  ASSERT_THAT(place.findings, SizeIs(1));
  EXPECT_THAT(place.findings.front(), HasSubstr("header"));
  EXPECT_EQ(ReadFrom(*journal, 1), Iota(1, 10));
  journal.reset();
  journal = place.Open();
  EXPECT_THAT(place.findings, IsEmpty());
}

TEST(Journal, TellsAMissingFileAsAGap) {
  JournalInADirectory place(31, 10);
  {
    const auto journal = place.Open();
    Fill(*journal, 124);
  }
  std::filesystem::remove(place.Files()[1]);
  const auto journal = place.Open();
  ASSERT_TRUE(journal) << place.error;
  EXPECT_THAT(place.findings, SizeIs(1));
  EXPECT_EQ(journal->oldest(), 1U);
  EXPECT_EQ(journal->health().records_damaged, 31U);
  auto expected = Iota(1, 31);
  std::ranges::copy(Iota(63, 124), std::back_inserter(expected));
  EXPECT_EQ(ReadFrom(*journal, 1), expected);
  EXPECT_EQ(journal->From(40, 1).hole_until, 62U);
}

TEST(Journal, SetsAsideGarbageWithANameLikeOurs) {
  JournalInADirectory place(31, 10);
  {
    const auto journal = place.Open();
    Fill(*journal, 100);
  }
  for (const std::uint64_t first : {40U, 90'000U}) {
    std::ofstream(Segment::PathOf(place.options.directory, first)) << std::string(5000, 'x');
  }
  const auto journal = place.Open();
  ASSERT_TRUE(journal) << place.error;
  EXPECT_THAT(place.findings, SizeIs(2));
  EXPECT_EQ(journal->newest(), 100U);
  EXPECT_EQ(ReadFrom(*journal, 1), Iota(1, 100));
}

TEST(Journal, NeverGivesOutANumberTwiceThoughAllOfTheLastPageIsZero) {
  JournalInADirectory place;
  {
    const auto journal = place.Open();
    Fill(*journal, 50);
  }
  {
    std::fstream file(place.Files().front(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(std::streamoff{41} * 64);
    const std::string zeroes(10UL * 64, '\0');
    file.write(zeroes.data(), static_cast<std::streamsize>(zeroes.size()));
  }
  const auto journal = place.Open();
  ASSERT_TRUE(journal) << place.error;
  EXPECT_THAT(place.findings, SizeIs(1));
  EXPECT_EQ(journal->newest(), 50U);
  EXPECT_EQ(journal->From(41, 1).hole_until, 50U);
  Fill(*journal, 1);
  EXPECT_EQ(journal->From(51, 1).records.front().endpoint, 51U);
}

TEST(Journal, KeepsAtMostWhatItMay) {
  JournalInADirectory place(31, 3);
  const auto journal = place.Open();
  for (int i = 0; i < 100; ++i) {
    Fill(*journal, 17);
    journal->Housekeep(kNow);
    EXPECT_LE(place.Files().size(), 3U);
  }
  EXPECT_GT(journal->oldest(), 1700U - 3 * 31);
  EXPECT_EQ(ReadFrom(*journal, journal->oldest()), Iota(journal->oldest(), 1700));
}

TEST(Journal, ARangeOutlivesItsSegment) {
  JournalInADirectory place(31, 2);
  const auto journal = place.Open();
  Fill(*journal, 31);
  const Journal::Range range = journal->From(1, 31);
  Fill(*journal, 200);
  EXPECT_TRUE(range.keep->removed());
  EXPECT_EQ(range.records.back().endpoint, 31U);
}

TEST(Journal, WaitsWhileTheDiskIsFull) {
  JournalInADirectory place(31, 10);
  bool is_full = false;
  place.options.allocate = [&](int descriptor, std::uint64_t bytes) {
    return is_full ? ENOSPC : posix_fallocate(descriptor, 0, static_cast<off_t>(bytes));
  };
  const auto journal = place.Open();
  Fill(*journal, 61);
  is_full = true;
  auto records = RecordsFor(62, 3);
  EXPECT_EQ(journal->Append(records, kNow), 1U);
  EXPECT_THAT(journal->Trouble(kNow), HasSubstr("No space left on device"));
  EXPECT_THAT(place.Files(), SizeIs(2)) << "the file that could not be filled is removed";
  is_full = false;
  const auto rest = std::span(records).subspan(1);
  EXPECT_EQ(journal->Append(rest, kNow), 0U) << "room is looked for once a second";
  EXPECT_EQ(journal->Append(rest, kNow + Duration{1'000'000'001}), 2U);
  EXPECT_FALSE(journal->has_trouble());
  EXPECT_EQ(ReadFrom(*journal, 1), Iota(1, 64));
}

TEST(Journal, GivesUpHistoryBeforeVerdictsOnAFullDisk) {
  JournalInADirectory place(31, 10);
  std::size_t room = 5;
  place.options.allocate = [&](int descriptor, std::uint64_t bytes) {
    return place.Files().size() > room ? ENOSPC
                                       : posix_fallocate(descriptor, 0, static_cast<off_t>(bytes));
  };
  const auto journal = place.Open();
  Fill(*journal, 248);
  EXPECT_EQ(place.Files().size(), 5U);
  EXPECT_EQ(ReadFrom(*journal, journal->oldest()), Iota(94, 248));
}

TEST(Journal, RefusesASecondWriter) {
  JournalInADirectory place;
  const auto journal = place.Open();
  EXPECT_EQ(place.Open(), nullptr);
  EXPECT_THAT(place.error, HasSubstr("another flatline-control"));
}

TEST(Journal, AsksToSyncEverySegmentThatWasWritten) {
  JournalInADirectory place(31, 10);
  const auto journal = place.Open();
  EXPECT_EQ(journal->SyncTarget(), nullptr);
  Fill(*journal, 40);
  EXPECT_EQ(journal->SyncTarget()->first(), 1U);
  EXPECT_EQ(journal->SyncTarget()->first(), 32U);
  EXPECT_EQ(journal->SyncTarget(), nullptr);
}

TEST(Journal, AsksToSyncWhatAPredecessorWasKilledBefore) {
  JournalInADirectory place(31, 10);
  Fill(*place.Open(), 100);
  std::filesystem::remove(place.Files()[1]);
  const auto journal = place.Open();
  EXPECT_EQ(journal->SyncTarget()->first(), 1U);
  EXPECT_EQ(journal->SyncTarget()->first(), 63U) << "behind what is lost";
  EXPECT_EQ(journal->SyncTarget()->first(), 94U);
  EXPECT_EQ(journal->SyncTarget(), nullptr);
}

TEST(Journal, SyncsWhatAPredecessorWasKilledBeforeWhereItMayNotBeToldElse) {
  JournalInADirectory place(31, 10);
  place.options.sync_before_telling = true;
  Fill(*place.Open(), 40);
  std::vector<std::uint64_t> synced;
  place.options.sync = [&](const Segment& segment) {
    synced.push_back(segment.first());
    return 0;
  };
  const auto journal = place.Open();
  EXPECT_THAT(synced, ElementsAre(1U, 32U));
  EXPECT_EQ(journal->readable().newest(), 40U);
  EXPECT_EQ(journal->SyncTarget(), nullptr);
}

TEST(Journal, TellsOfAPredecessorsRecordsThoughTheDiskRefusesThem) {
  JournalInADirectory place(31, 10);
  place.options.sync_before_telling = true;
  Fill(*place.Open(), 10);
  place.options.sync = [](const Segment&) { return EIO; };
  const auto journal = place.Open();
  EXPECT_THAT(place.findings, ElementsAre(HasSubstr("cannot be written to the disk")));
  EXPECT_EQ(journal->readable().newest(), 10U);
  EXPECT_NE(journal->SyncTarget(), nullptr) << "it is tried again";
}

TEST(Journal, GivesUpWhatIsTooOldButNeverTheNewestSegment) {
  JournalInADirectory place(15, 100);
  place.options.retain_age = Duration{1'000};
  const auto journal = place.Open();
  for (std::int64_t at = 1; at <= 60; ++at) {  // four segments
    DeliveryRecord record = RecordFor(static_cast<EndpointId>(at));
    record.at_ns = at * 100;
    ASSERT_EQ(journal->Append({&record, 1}, Instant{}), 1U);
  }
  journal->Expire(WallInstant{Duration{2'500}});
  EXPECT_EQ(journal->oldest(), 1U) << "its last record is a thousand old, and no older";
  journal->Expire(WallInstant{Duration{2'501}});
  EXPECT_EQ(journal->oldest(), 16U);
  journal->Expire(WallInstant{Duration{1'000'000}});
  EXPECT_EQ(journal->oldest(), 46U);
  EXPECT_EQ(journal->readable().extent()->OldestUpTo(60), 46U) << "readers are shown";
}

TEST(Journal, TellsNothingBeforeItIsOnTheDiskWhereThatIsAsked) {
  JournalInADirectory place(15, 100);
  place.options.sync_before_telling = true;
  const auto journal = place.Open();
  std::vector<DeliveryRecord> records(20, RecordFor(1));
  ASSERT_EQ(journal->Append(records, Instant{}), 20U);
  EXPECT_EQ(journal->readable().written(), 20U);
  EXPECT_EQ(journal->readable().newest(), 0U);
  for (const std::uint64_t told : {15U, 20U}) {  // a segment at a time
    ASSERT_NE(journal->SyncTarget(), nullptr);
    journal->Synced();
    EXPECT_EQ(journal->readable().newest(), told);
  }
  EXPECT_EQ(journal->SyncTarget(), nullptr);
}

// Where the disk is asked first, and others are served meanwhile.
TEST(Journal, WhatIsNotInMemoryIsAskedForAndComes) {
  JournalInADirectory place(16383, 1000);
  const Trail trail;
  const auto journal = place.Open();
  std::vector<DeliveryRecord> records(16383, RecordFor(7));
  for (int segment = 0; segment < 4; ++segment) {
    ASSERT_EQ(journal->Append(records, kNow), records.size());
  }
  const auto range = journal->From(1, 4096);
  void* const base = const_cast<DeliveryRecord*>(range.records.data() - 1);
  const int file = range.keep->descriptor();
  if (::fdatasync(file) != 0 || ::madvise(base, 1U << 20, MADV_DONTNEED) != 0 ||
      ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) != 0 ||
      range.keep->IsReadable(range.records)) {
    GTEST_SKIP() << "this file system keeps all in memory";
  }
  Publisher publisher(journal->readable(), trail, {});
  Listener listener(publisher, 0);
  while (listener.heard().size() != journal->newest()) {
    listener.Listen(100);
  }
  EXPECT_THAT(listener.gaps(), IsEmpty());
}

}  // namespace
}  // namespace flatline
