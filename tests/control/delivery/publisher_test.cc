// What a subscriber is sent next, over a real journal and invented time: straight ranges, filtered
// ones, gaps, holes, bookmarks.
#include "control/delivery/publisher.h"

#include "tests/control/journal/journal_in_a_directory.h"

#include <flatline/crc32c.h>

#include <cstring>
#include <fstream>
#include <optional>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Duration kBookmark{1'000'000'000};
constexpr WallInstant kWall{Duration{1'790'000'000'000'000'000}};
constexpr Instant kStart{Duration{5'000'000'000}};

std::vector<DeliveryRecord> RecordsIn(const Outgoing& outgoing) {
  std::vector<DeliveryRecord> out(outgoing.bytes.size() / sizeof(DeliveryRecord));
  if (!out.empty()) {
    std::memcpy(static_cast<void*>(out.data()), outgoing.bytes.data(), outgoing.bytes.size());
  }
  for (const DeliveryRecord& record : out) {
    EXPECT_EQ(record.crc, SealOf(record));
  }
  return out;
}

std::vector<RecordKind> KindsOf(const std::vector<DeliveryRecord>& records) {
  std::vector<RecordKind> out;
  for (const DeliveryRecord& record : records) {
    out.push_back(record.kind);
  }
  return out;
}

class PublisherTest : public testing::Test {
 protected:
  void Fill(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      DeliveryRecord record = RecordFor(journal_->newest() + 1);
      record.group = static_cast<Group>(record.endpoint % 4);
      ASSERT_EQ(journal_->Append({&record, 1}, kStart), 1U);
    }
  }

  std::expected<Outgoing, Refusal> Begin(RequestKind kind,
                                         std::uint64_t sequence = 0,
                                         std::vector<Group> groups = {}) {
    Request request;
    request.header.kind = kind;
    request.header.sequence = sequence;
    request.groups = std::move(groups);
    subscriber_ = {};
    publisher_.emplace(journal_->readable(), trail_, PublisherOptions{.bookmark = kBookmark});
    return publisher_->Begin(subscriber_, request, nullptr, kStart, kWall);
  }

  std::vector<DeliveryRecord> Next(Instant now = kStart) {
    publisher_->Follow(kWall);
    const auto next = publisher_->Next(subscriber_, now, kWall);
    EXPECT_TRUE(next);
    return RecordsIn(*next);
  }

  JournalInADirectory place_{31, 4};
  std::unique_ptr<Journal> journal_ = place_.Open();
  Trail trail_;
  std::optional<Publisher> publisher_;
  Subscriber subscriber_;
};

TEST_F(PublisherTest, GreetsAndGoesOnFromNow) {
  Fill(10);
  const auto hello = Begin(RequestKind::kSubscribeNow);
  ASSERT_TRUE(hello);
  const DeliveryRecord greeting = RecordsIn(*hello).front();
  EXPECT_EQ(greeting.kind, RecordKind::kHello);
  EXPECT_EQ(greeting.sequence, 10U);
  EXPECT_EQ(greeting.silence_ns, 1);
  EXPECT_THAT(Next(), IsEmpty());
  Fill(2);
  const auto records = Next();
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].sequence, 11U);
}

TEST_F(PublisherTest, SendsTheJournalItself) {
  Fill(10);
  ASSERT_TRUE(Begin(RequestKind::kSubscribeFrom, 4));
  const auto next = publisher_->Next(subscriber_, kStart, kWall);
  EXPECT_EQ(static_cast<const void*>(next->bytes.data()),
            static_cast<const void*>(journal_->From(5, 1).records.data()));
  EXPECT_EQ(next->bytes.size(), 6 * sizeof(DeliveryRecord));
  EXPECT_TRUE(next->keep);
}

TEST_F(PublisherTest, CrossesSegments) {
  Fill(100);
  ASSERT_TRUE(Begin(RequestKind::kSubscribeFrom, journal_->oldest() - 1));
  std::uint64_t expected = journal_->oldest();
  for (auto records = Next(); !records.empty(); records = Next()) {
    for (const DeliveryRecord& record : records) {
      EXPECT_EQ(record.sequence, expected++);
    }
  }
  EXPECT_EQ(expected, 101U);
}

TEST_F(PublisherTest, RefusesASequenceNeverGivenOut) {
  Fill(10);
  EXPECT_TRUE(Begin(RequestKind::kSubscribeFrom, 10));
  const auto refused = Begin(RequestKind::kSubscribeFrom, 11);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error, DeliveryError::kFutureSequence);
}

TEST_F(PublisherTest, TellsOfAGapWhenTheJournalNoLongerReachesBack) {
  Fill(200);
  ASSERT_GT(journal_->oldest(), 21U);
  ASSERT_TRUE(Begin(RequestKind::kSubscribeFrom, 20));
  const auto gap = Next();
  ASSERT_EQ(gap.size(), 1U);
  EXPECT_EQ(gap[0].kind, RecordKind::kGap);
  EXPECT_EQ(gap[0].silence_ns, 20);
  EXPECT_EQ(gap[0].sequence, journal_->oldest() - 1);
  EXPECT_EQ(Next().front().sequence, journal_->oldest());
}

TEST_F(PublisherTest, TellsOfAGapWhereARecordIsDamaged) {
  Fill(20);
  journal_.reset();
  {
    std::fstream file(place_.Files().front(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(10 * sizeof(DeliveryRecord) + 20));
    file.put('\x55');
  }
  journal_ = place_.Open();
  for (const bool filters : {false, true}) {
    SCOPED_TRACE(filters);
    const std::vector<Group> all_groups{0, 1, 2, 3};
    ASSERT_TRUE(Begin(RequestKind::kSubscribeFrom, 0, filters ? all_groups : std::vector<Group>{}));
    std::vector<DeliveryRecord> all;
    for (auto records = Next(); !records.empty(); records = Next()) {
      all.insert(all.end(), records.begin(), records.end());
    }
    ASSERT_EQ(all.size(), 20U);
    EXPECT_EQ(all[9].kind, RecordKind::kGap);
    EXPECT_EQ(all[9].silence_ns, 9);
    EXPECT_EQ(all[9].sequence, 10U);
  }
}

TEST_F(PublisherTest, FiltersAndBookmarksBeyond) {
  ASSERT_TRUE(Begin(RequestKind::kSubscribeFrom, 0, {3}));
  Fill(10);
  std::vector<std::uint64_t> sequences;
  for (const DeliveryRecord& record : Next()) {
    sequences.push_back(record.sequence);
  }
  EXPECT_THAT(sequences, ElementsAre(3, 7));
  EXPECT_THAT(Next(kStart + kBookmark - Duration{1}), IsEmpty());
  const auto bookmark = Next(kStart + kBookmark);
  ASSERT_THAT(KindsOf(bookmark), ElementsAre(RecordKind::kBookmark));
  EXPECT_EQ(bookmark[0].sequence, 10U) << "looked at, and not wanted";
  EXPECT_THAT(Next(kStart + kBookmark), IsEmpty());
}

TEST_F(PublisherTest, FiltersThroughABoundedBuffer) {
  place_.options.retain = std::uint64_t{1} << 30;
  journal_.reset();
  journal_ = place_.Open();
  Fill(10'000);
  ASSERT_TRUE(Begin(RequestKind::kSubscribeFrom, 0, {1, 2, 3}));
  std::vector<std::uint64_t> sequences;
  for (auto records = Next(); !records.empty(); records = Next()) {
    EXPECT_LE(records.size() * sizeof(DeliveryRecord),
              Stream::kChunkRecords * sizeof(DeliveryRecord));
    for (const DeliveryRecord& record : records) {
      sequences.push_back(record.sequence);
    }
  }
  EXPECT_EQ(sequences.size(), 7'500U);
  EXPECT_TRUE(std::ranges::is_sorted(sequences));
}

TEST_F(PublisherTest, BookmarksEvenAnEmptyJournal) {
  ASSERT_TRUE(Begin(RequestKind::kSubscribeNow));
  EXPECT_THAT(KindsOf(Next(kStart + kBookmark)), ElementsAre(RecordKind::kBookmark));
}

}  // namespace
}  // namespace flatline
