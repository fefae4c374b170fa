// Which records and rows pass which expression, by a table and against an oracle; filters of the
// same text are one, and follow the roster.
#include "control/filter/filter_pool.h"
#include "tests/control/roster/roster_on_disk.h"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr const char* kRoster =
    "id,name,group,rack,zone\n"
    "1,web-1,,r1,north\n"
    "2,web-2,,r1,south\n"
    "3,web-3,,r2,north\n"
    "4,db-1,,,\n";

DeliveryRecord Change(EndpointId id, Liveness to) {
  DeliveryRecord out;
  out.kind = RecordKind::kLiveness;
  out.endpoint = id;
  out.to = static_cast<std::uint8_t>(to);
  out.reason = static_cast<std::uint8_t>(Reason::kDeadlineMissed);
  out.health = Health::kReady;
  out.group = 12;
  out.profile = 5;
  return out;
}

TEST(FilterProgram, TellsMarksApart) {
  const auto wants = [](const char* text, std::uint8_t marks) {
    const auto tree = ParseFilter(text);
    EXPECT_TRUE(tree) << text;
    DeliveryRecord record = Change(1, Liveness::kDead);
    record.marks = marks;
    return FilterProgram(*tree, nullptr).Wants(record);
  };
  constexpr std::uint8_t kBoth = kMarkMassFailure | kMarkMaintenance;
  EXPECT_TRUE(wants("mark:none", 0));
  EXPECT_FALSE(wants("mark:none", kMarkMaintenance));
  EXPECT_TRUE(wants("mark:maintenance", kBoth));
  EXPECT_TRUE(wants("mark:mass-failure", kBoth));
  EXPECT_FALSE(wants("mark:mass-failure", kMarkMaintenance));
  EXPECT_FALSE(wants("not mark:maintenance", kBoth));
  EXPECT_TRUE(wants("not mark:maintenance", kMarkMassFailure));
  EXPECT_TRUE(wants("mark:none,maintenance", 0));
  EXPECT_TRUE(wants("mark:none", kMarkFailing | kMarkUnanswered)) << "evidence soothes nobody";
  EXPECT_FALSE(wants("mark:none", kMarkFailing | kMarkFlapping));
  EXPECT_TRUE(wants("mark:group-falling", kMarkGroupFalling));
  EXPECT_FALSE(wants("mark:group-falling", kMarkUnanswered));
  EXPECT_TRUE(
      FilterProgram(*ParseFilter("mark:maintenance"), nullptr).WantsRow(Change(1, Liveness::kDead)))
      << "a row has none";
}

struct Row {
  const char* filter;
  EndpointId id;
  bool wanted;
};

TEST(FilterProgram, PassesByTable) {
  const RosterOnDisk disk;
  const auto roster = disk.Loaded(kRoster);
  const std::vector<Row> table{
      {"liveness:dead,suspect", 1, true},
      {"liveness:alive", 1, false},
      {"health:ready", 1, true},
      {"health:failing,degraded", 1, false},
      {"reason:deadline-missed", 1, true},
      {"reason:not-confirmed", 1, false},
      {"change:liveness", 1, true},
      {"change:health", 1, false},
      {"profile:5", 1, true},
      {"profile:6", 1, false},
      {"group:12", 1, true},
      {"group:1-11,13-20", 1, false},
      {"group:hall", 1, false},
      {"id:1", 1, true},
      {"id:2-9,20", 1, false},
      {"id:2-9,20", 20, true},
      {"name:web-1", 1, true},
      {"name:web-2,nobody", 1, false},
      {"rack=r1", 1, true},
      {"rack=r1", 3, false},
      {"rack=r1", 99, false},
      {"rack!=r1", 99, true},
      {"rack=r2,r1", 3, true},
      {"rack=*", 3, true},
      {"rack=*", 4, false},
      {"rack=r*,x", 2, true},
      {"zone=n*", 2, false},
      {"row=1", 1, false},
      {"liveness:suspect and rack=r1 and not group:13", 2, true},
      {"liveness:suspect and rack=r1 and not group:12", 2, false},
      {"rack=r2 or zone=south", 2, true},
      {"not (rack=r2 or zone=south)", 2, false},
      {"not not rack=r1", 1, true},
  };
  FilterPool pool;
  pool.Follow(roster);
  for (const Row& row : table) {
    const auto filter = pool.Intern(row.filter);
    ASSERT_TRUE(filter) << row.filter << ": " << filter.error().Text();
    EXPECT_EQ((*filter)->Wants(Change(row.id, Liveness::kSuspect)), row.wanted) << row.filter;
  }
}

TEST(FilterProgram, TakesAChangeOfHealthForOneOfTheLiving) {
  DeliveryRecord record = Change(1, Liveness::kUnknown);
  record.kind = RecordKind::kHealth;
  record.to = static_cast<std::uint8_t>(Health::kFailing);
  FilterPool pool;
  EXPECT_TRUE(pool.Intern("health:failing and liveness:alive").value()->Wants(record));
  EXPECT_FALSE(pool.Intern("liveness:dead").value()->Wants(record));
  EXPECT_TRUE(pool.Intern("change:health").value()->Wants(record));
}

TEST(FilterProgram, PassesOverWhatARowDoesNotSay) {
  FilterPool pool;
  DeliveryRecord row = Change(1, Liveness::kDead);
  row.kind = RecordKind::kSnapshotRow;
  EXPECT_TRUE(pool.Intern("reason:not-confirmed").value()->WantsRow(row));
  EXPECT_TRUE(pool.Intern("not reason:not-confirmed").value()->WantsRow(row));
  EXPECT_TRUE(pool.Intern("change:health and group:12").value()->WantsRow(row));
  EXPECT_FALSE(pool.Intern("change:health and group:13").value()->WantsRow(row));
  EXPECT_FALSE(pool.Intern("not (change:health or group:12)").value()->WantsRow(row));
}

// Many endpoints, so that labels are kept by ordinal as well as by id; Match says what Wants says.
TEST(FilterProgram, AgreesWithAnOracle) {
  constexpr std::uint64_t kSeed = 5;
  RecordProperty("seed", std::to_string(kSeed));
  constexpr EndpointId kEndpoints = 200000;
  static_assert(kEndpoints / 2 > EndpointSet::kFew && kEndpoints / 1000 < EndpointSet::kFew);
  std::string text = "id,rack,side\n";
  for (EndpointId id = 1; id <= kEndpoints; ++id) {
    text += std::to_string(id) + ",r" + std::to_string(id % 1000) + "," +
            (id % 2 == 0 ? "even" : "odd") + "\n";
  }
  const RosterOnDisk disk;
  FilterPool pool;
  pool.Follow(disk.Loaded(text));
  std::mt19937_64 random(kSeed);
  std::vector<DeliveryRecord> records;
  for (int i = 0; i < 20000; ++i) {
    DeliveryRecord record = Change(random() % (kEndpoints + 1000) + 1, Liveness::kDead);
    record.group = static_cast<Group>(random() % 4);
    records.push_back(record);
  }
  std::vector<std::uint8_t> wanted(records.size());
  const auto filter =
      pool.Intern("side=even and not rack=r8,r10 and group:1-2 or rack=r7 and not group:3").value();
  filter->program()->Match(records, wanted);
  for (std::size_t i = 0; i < records.size(); ++i) {
    const EndpointId id = records[i].endpoint;
    const Group group = records[i].group;
    const bool is_known = id <= kEndpoints;
    const bool is_even = is_known && id % 2 == 0;
    const bool expected = (is_even && !(is_known && (id % 1000 == 8 || id % 1000 == 10)) &&
                           group >= 1 && group <= 2) ||
                          (is_known && id % 1000 == 7 && group != 3);
    ASSERT_EQ(wanted[i] != 0, expected) << id << " in " << group;
    ASSERT_EQ(filter->Wants(records[i]), expected);
  }
}

TEST(FilterPool, GivesOneFilterForOneText) {
  FilterPool pool;
  const auto one = pool.Intern("rack=r1 and liveness:dead").value();
  EXPECT_EQ(pool.Intern(" rack=r1  and\tliveness:dead ").value(), one);
  EXPECT_NE(pool.Intern("rack=\"r 1\" and liveness:dead").value(),
            pool.Intern("rack=\"r  1\" and liveness:dead").value());
}

TEST(FilterPool, FollowsTheRoster) {
  const RosterOnDisk disk;
  FilterPool pool;
  const auto filter = pool.Intern("rack=r1").value();
  EXPECT_FALSE(filter->Wants(Change(1, Liveness::kDead))) << "there is no roster";
  pool.Follow(disk.Loaded("id,rack\n1,r1\n"));
  const auto before = filter->program();
  EXPECT_TRUE(filter->Wants(Change(1, Liveness::kDead)));
  pool.Follow(disk.Loaded("id,rack\n2,r1\n"));
  EXPECT_FALSE(filter->Wants(Change(1, Liveness::kDead)));
  EXPECT_TRUE(filter->Wants(Change(2, Liveness::kDead)));
  EXPECT_TRUE(before->Wants(Change(1, Liveness::kDead))) << "who has begun with it may go on";
  pool.Follow(nullptr);
  EXPECT_FALSE(filter->Wants(Change(2, Liveness::kDead)));
}

}  // namespace
}  // namespace flatline
