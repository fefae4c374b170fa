// Bytes that flip in the journal's files while control runs, written there from outside, between
// appends and sends drawn from a printed seed. Whatever was damaged before it was sent is not sent,
// to followers as little as to latecomers and filters; they are told of a gap for it and for
// nothing else; and it is counted.
#include "control/files/page_shield.h"
#include "tests/control/delivery/listener.h"
#include "tests/control/journal/journal_in_a_directory.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <iterator>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr int kRounds = 1000;
constexpr Instant kNow{Duration{1'000'000'000}};
constexpr Group kGroups = 3;

using Random = std::independent_bits_engine<std::mt19937_64, 64, std::uint64_t>;

class LiveDamage {
 public:
  LiveDamage(std::uint64_t seed, const Trail& trail)
      : random_(seed), place_(15 + Draw(50), 1000), journal_(place_.Open()) {
    publisher_ = std::make_unique<Publisher>(journal_->readable(), trail, PublisherOptions{});
    follower_ = std::make_unique<Listener>(*publisher_, 0);
    filtered_ = std::make_unique<Listener>(*publisher_, 0, std::vector<Group>{1});
  }

  void Live() {
    for (int step = 0; step < 40; ++step) {
      switch (Draw(5)) {
        case 0:
        case 1:
          Append();
          break;
        case 2:
          Flip();
          break;
        case 3:
          follower_->Listen(1 + static_cast<int>(Draw(3)));
          filtered_->Listen(1 + static_cast<int>(Draw(3)));
          break;
        default:
          journal_->Housekeep(kNow);
          break;
      }
    }
  }

  void Check() {
    follower_->Listen();
    filtered_->Listen();
    Listener latecomer(*publisher_, 0);
    latecomer.Listen();
    journal_->Housekeep(kNow);
    for (std::uint64_t sequence = 1; sequence <= journal_->newest(); ++sequence) {
      const bool is_damaged = damaged_.contains(sequence);
      ASSERT_EQ(latecomer.heard().contains(sequence), !is_damaged) << sequence;
      ASSERT_EQ(latecomer.WasToldOfLoss(sequence), is_damaged) << sequence;
      for (const Listener* const one : {follower_.get(), filtered_.get()}) {
        ASSERT_TRUE(is_damaged || !one->WasToldOfLoss(sequence)) << sequence;
      }
      ASSERT_NE(follower_->heard().contains(sequence), follower_->WasToldOfLoss(sequence));
      const bool is_of_group = written_[sequence - 1].group == 1;
      ASSERT_TRUE(is_damaged || filtered_->heard().contains(sequence) == is_of_group) << sequence;
    }
    for (const Listener* const one : {follower_.get(), filtered_.get(), &latecomer}) {
      for (const auto& [sequence, record] : one->heard()) {
        ASSERT_EQ(std::memcmp(&record, &written_[sequence - 1], sizeof(record)), 0) << sequence;
      }
    }
    EXPECT_EQ(journal_->health().records_damaged, damaged_.size());
  }

 private:
  [[nodiscard]] std::uint64_t Draw(std::uint64_t limit) { return random_() % limit; }

  void Append() {
    std::vector<DeliveryRecord> records(1 + Draw(30));
    for (DeliveryRecord& record : records) {
      record = RecordFor(random_());
      record.group = static_cast<Group>(Draw(kGroups));
    }
    ASSERT_EQ(journal_->Append(records, kNow), records.size());
    std::ranges::copy(records, std::back_inserter(written_));
  }

  // A byte of a record that was written, in the file.
  void Flip() {
    if (written_.empty()) {
      return;
    }
    const std::uint64_t first = 1 + Draw(written_.size());
    const auto range = journal_->From(first, 1);
    if (damaged_.contains(first) || range.records.empty()) {
      return;  // it has had its share, and is not to be made whole by chance
    }
    const std::string path = range.keep->path();
    const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    const auto at = static_cast<off_t>((first - range.keep->first() + 1) * sizeof(DeliveryRecord) +
                                       Draw(sizeof(DeliveryRecord)));
    unsigned char byte = 0;
    EXPECT_EQ(::pread(file, &byte, 1, at), 1);
    byte ^= static_cast<unsigned char>(1U + Draw(255));
    EXPECT_EQ(::pwrite(file, &byte, 1, at), 1);
    ::close(file);
    damaged_.insert(first);
  }

  Random random_;
  JournalInADirectory place_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Publisher> publisher_;
  std::unique_ptr<Listener> follower_;
  std::unique_ptr<Listener> filtered_;
  std::vector<DeliveryRecord> written_;
  std::set<std::uint64_t> damaged_;
};

TEST(LiveDamage, IsNeverSentAThousandTimes) {
  const std::uint64_t seed = std::random_device{}();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  const Trail trail;
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed) + ", round " + std::to_string(round));
    LiveDamage damage(seed * kRounds + static_cast<std::uint64_t>(round), trail);
    damage.Live();
    damage.Check();
    if (HasFailure()) {
      return;
    }
  }
}

// What a disk that fails under a mapping does, and what cutting the file short does too.
TEST(LiveDamage, APageThatFailsCostsItsRecordsAndNothingElse) {
  page_shield::Install();
  constexpr std::uint64_t kInAPage = 4096 / sizeof(DeliveryRecord);
  JournalInADirectory place(8 * kInAPage - 1, 1000);
  const Trail trail;
  const auto journal = place.Open();
  Publisher publisher(journal->readable(), trail, {});
  Listener follower(publisher, 0);
  const auto append = [&](std::uint64_t count) {
    for (; count != 0; --count) {
      DeliveryRecord record = RecordFor(journal->newest() + 1);
      ASSERT_EQ(journal->Append({&record, 1}, kNow), 1U);
    }
    journal->Housekeep(kNow);
    follower.Listen();
  };
  append(3 * kInAPage);
  EXPECT_FALSE(journal->has_trouble());
  // The first page with the header, and the first records, is what is left.
  ASSERT_EQ(::truncate(place.Files().front().c_str(), 4096), 0);
  append(10 * kInAPage);
  EXPECT_THAT(follower.gaps(), testing::IsEmpty()) << "it was told of all before, or since";
  EXPECT_EQ(follower.heard().size(), 13 * kInAPage);
  EXPECT_EQ(journal->health().sync_failing_since, kNow);
  Listener latecomer(publisher, 0);
  latecomer.Listen();
  journal->Housekeep(kNow);
  for (std::uint64_t sequence = 1; sequence <= journal->newest(); ++sequence) {
    const bool was_cut = sequence >= kInAPage && sequence <= 3 * kInAPage;
    ASSERT_EQ(latecomer.WasToldOfLoss(sequence), was_cut) << sequence;
    ASSERT_EQ(latecomer.heard().contains(sequence), !was_cut) << sequence;
  }
  EXPECT_EQ(journal->health().records_damaged, 2 * kInAPage + 1);
}

}  // namespace
}  // namespace flatline
