// What other threads see of the journal while retention takes from it.
#include "control/journal/readable_journal.h"

#include "tests/control/journal/journal_in_a_directory.h"

#include <gtest/gtest.h>

namespace flatline {
namespace {

TEST(JournalReader, WhatRetentionTookSinceItLookedIsAHole) {
  JournalInADirectory place(31, 3);
  const auto journal = place.Open();
  JournalReader reader(journal->readable());
  for (int i = 0; i < 500; ++i) {
    DeliveryRecord record = RecordFor(journal->newest() + 1);
    ASSERT_EQ(journal->Append({&record, 1}, Instant{}), 1U);
    journal->Housekeep(Instant{});
  }
  ASSERT_GT(journal->oldest(), 2U);
  for (const std::uint64_t gone : {std::uint64_t{1}, journal->oldest() - 1}) {
    const JournalRange range = reader.FromWritten(gone, 100);
    EXPECT_TRUE(range.records.empty());
    EXPECT_EQ(range.hole_until, journal->oldest() - 1);
  }
  const JournalRange there = reader.FromWritten(journal->oldest(), 100);
  ASSERT_FALSE(there.records.empty());
  EXPECT_EQ(there.records.front().sequence, journal->oldest());
}

}  // namespace
}  // namespace flatline
