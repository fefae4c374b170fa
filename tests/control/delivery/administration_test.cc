// Entries become commands of the right worker and answers in order, over rings that are too small,
// over a dataplane that is slow, killed, or begins anew.
#include "control/delivery/administration.h"

#include "control/commentary/maintenance.h"
#include "tests/control/invented_region.h"
#include "tests/control/journal/journal_in_a_directory.h"

#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr std::uint64_t kSerial = 1'000;

std::vector<AdminEntry> Entries(EndpointId first, std::size_t count) {
  std::vector<AdminEntry> out;
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back({.id = first + i, .group = 5, .profile = 2, .command = 1});
  }
  return out;
}

std::vector<DeliveryRecord> Answers(AdminBatch& batch) {
  std::vector<DeliveryRecord> out;
  batch.TakeAnswers(out, 1U << 20);
  return out;
}

TEST(Administration, SendsEachToItsOwnerAndAnswersInOrder) {
  InventedRegion region({.workers = 3});
  Administration administration(kSerial);
  administration.Attach(region.view());
  const auto batch = administration.Submit(Entries(1, 60));
  EXPECT_TRUE(administration.Turn());
  for (unsigned worker = 3; worker-- > 0;) {
    for (const Command& command : region.TakeCommands(worker, 1000, CommandStatus::kDone)) {
      EXPECT_EQ(ShardOf(HashEndpoint(command.id, 0x1234), 3), worker);
      EXPECT_EQ(command.group, 5U);
      EXPECT_EQ(command.profile, 2U);
    }
  }
  EXPECT_TRUE(administration.Turn());
  const auto answers = Answers(*batch);
  ASSERT_EQ(answers.size(), 60U);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(answers[i].endpoint, i + 1);
    EXPECT_EQ(answers[i].kind, RecordKind::kCommandResult);
    EXPECT_EQ(answers[i].reason, static_cast<std::uint8_t>(CommandStatus::kDone));
  }
  EXPECT_TRUE(batch->finished());
  EXPECT_FALSE(administration.Turn()) << "nothing left to do";
}

TEST(Administration, SendsOrdersToTheLeader) {
  InventedRegion region({.workers = 3});
  Administration administration(kSerial);
  administration.Attach(region.view());
  std::vector<AdminEntry> orders;
  for (std::uint64_t seconds = 0; seconds < 20; ++seconds) {
    orders.push_back({.id = (seconds << 8) | 2, .command = 3});
  }
  const auto batch = administration.Submit(orders);
  EXPECT_TRUE(administration.Turn());
  const auto commands = region.TakeCommands(0, 1000, CommandStatus::kDone);
  ASSERT_EQ(commands.size(), orders.size());
  for (std::size_t i = 0; i < orders.size(); ++i) {
    EXPECT_EQ(commands[i].kind, CommandKind::kGuard);
    EXPECT_EQ(commands[i].id, orders[i].id);
  }
}

TEST(Administration, MaintenanceIsItsOwnToCarryOut) {
  constexpr WallInstant kWall{Duration{1'790'000'000'000'000'000}};
  InventedRegion region({});
  const JournalInADirectory place;
  const auto maintenance = std::move(Maintenance::Open(place.options.directory + "/m").value());
  Administration administration(kSerial);
  administration.Attach(region.view());
  const std::vector<AdminEntry> entries{{.id = 42, .command = 4},
                                        {.group = 7, .command = 4},
                                        {.id = 42, .command = 5},
                                        {.id = 43, .command = 5}};
  const auto refused = administration.Submit(entries, {.seconds = 60});
  administration.Turn(kWall);
  EXPECT_EQ(Answers(*refused).front().reason,
            static_cast<std::uint8_t>(CommandStatus::kNoSuchOrder))
      << "nobody keeps it";
  administration.Maintain(maintenance.get());
  const auto batch = administration.Submit(entries, {.seconds = 60, .reason = "disk"});
  EXPECT_TRUE(administration.Turn(kWall));
  const auto answers = Answers(*batch);
  ASSERT_EQ(answers.size(), 4U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(answers[i].reason, static_cast<std::uint8_t>(CommandStatus::kDone)) << i;
  }
  EXPECT_EQ(answers[3].reason, static_cast<std::uint8_t>(CommandStatus::kUnknownEndpoint));
  EXPECT_TRUE(region.TakeCommands(0, 10, CommandStatus::kDone).empty()) << "no worker hears of it";
  EXPECT_EQ(maintenance->TakeNews().size(), 3U);
}

TEST(Administration, NeverHasMoreInFlightThanTheRingsHold) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::independent_bits_engine<std::mt19937, 32, std::uint32_t> random(seed);
  InventedRegion region({.workers = 2, .commands = 16});
  Administration administration(kSerial);
  administration.Attach(region.view());
  const auto batch = administration.Submit(Entries(1, 5'000));
  std::vector<DeliveryRecord> answers;
  for (int turn = 0; turn < 100'000 && !batch->finished(); ++turn) {
    if (random() % 3 == 0) {
      administration.Turn();
      batch->TakeAnswers(answers, random() % 50);
    }
    // TakeCommands aborts where a result finds no room.
    region.TakeCommands(random() % 2, random() % 20, CommandStatus::kDone);
  }
  ASSERT_EQ(answers.size(), 5'000U);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    ASSERT_EQ(answers[i].endpoint, i + 1);
  }
}

TEST(Administration, ServesSeveralAtOnce) {
  InventedRegion region({.commands = 16});
  Administration administration(kSerial);
  administration.Attach(region.view());
  const auto large = administration.Submit(Entries(1, 10'000));
  const auto small = administration.Submit(Entries(100'000, 5));
  int turns = 0;
  while (!small->finished() && ++turns < 10) {
    administration.Turn();
    region.TakeCommands(0, 1000, CommandStatus::kAlreadyEnrolled);
    administration.Turn();
    Answers(*small);
  }
  EXPECT_TRUE(small->finished()) << "the large one must not hold it up";
  EXPECT_FALSE(large->finished());
}

TEST(Administration, PaysNoHeedToResultsOfAPredecessor) {
  InventedRegion region({});
  Administration predecessor(kSerial - 1);
  predecessor.Attach(region.view());
  const auto old_batch = predecessor.Submit(Entries(1, 3));
  predecessor.Turn();
  Administration administration(kSerial);
  administration.Attach(region.view());
  const auto batch = administration.Submit(Entries(10, 2));
  administration.Turn();
  region.TakeCommands(0, 1000, CommandStatus::kTableFull);
  administration.Turn();
  const auto answers = Answers(*batch);
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].endpoint, 10U);
}

TEST(Administration, AsksAgainInANewRegion) {
  InventedRegion before({.commands = 16});
  Administration administration(kSerial);
  administration.Attach(before.view());
  const auto batch = administration.Submit(Entries(1, 20));
  administration.Turn();
  before.TakeCommands(0, 4, CommandStatus::kDone);
  administration.Turn();
  administration.Detach();
  EXPECT_FALSE(administration.Turn());
  InventedRegion after({}, 1'800'000'000);
  administration.Attach(after.view());
  administration.Turn();
  EXPECT_EQ(after.TakeCommands(0, 1000, CommandStatus::kDone).size(), 16U);
  administration.Turn();
  EXPECT_EQ(Answers(*batch).size(), 20U);
}

TEST(Administration, ForgetsABatchThatNobodyHolds) {
  InventedRegion region({.commands = 16});
  Administration administration(kSerial);
  administration.Attach(region.view());
  auto batch = administration.Submit(Entries(1, 100));
  administration.Turn();
  batch.reset();
  region.TakeCommands(0, 1000, CommandStatus::kDone);
  administration.Turn();
  EXPECT_TRUE(region.TakeCommands(0, 1000, CommandStatus::kDone).empty());
}

TEST(Administration, HoldsBackWhereARingsIndicesCannotBe) {
  InventedRegion region({});
  region.view().dataplane().command_tails[0].value.store(7);
  Administration administration(kSerial);
  administration.Attach(region.view());
  const auto batch = administration.Submit(Entries(1, 5));
  EXPECT_FALSE(administration.Turn());
}

}  // namespace
}  // namespace flatline
