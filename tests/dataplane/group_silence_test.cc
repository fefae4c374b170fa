// The counts of groups: held against a map by chance, their window, and what they do without room.
#include "dataplane/group_silence.h"

#include <flatline/profile.h>

#include <array>
#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr Duration kWindow = Milliseconds(60'000);
constexpr std::uint64_t kKey = 0x5EED;

Instant At(std::int64_t ms) {
  return Instant{Milliseconds(ms)};
}

GroupCounts TableFor(std::size_t slots) {
  return std::move(GroupCounts::Create(slots, kWindow, kKey).value());
}

SilenceCounts Of(const GroupCounts& table, Group group, Instant now) {
  SilenceCounts out;
  table.AddTo(out, group, now);
  return out;
}

TEST(GroupSilence, CountsAsAMapWould) {
  constexpr std::uint32_t kSeed = 20261121;
  std::mt19937 chance(kSeed);
  GroupCounts table = TableFor(4'000);

  struct Member {
    Group group;
    Liveness liveness;
  };

  std::vector<Member> members;
  std::map<Group, std::array<std::uint64_t, 5>> expected;
  for (int step = 0; step < 20'000; ++step) {
    const auto liveness = static_cast<Liveness>(chance() % 5);
    if (members.empty() || chance() % 3 == 0) {
      const Member entered{static_cast<Group>(chance() % 300), liveness};
      table.Enter(entered.group, entered.liveness);
      ++expected[entered.group].at(static_cast<std::size_t>(liveness));
      members.push_back(entered);
      continue;
    }
    Member& one = members[chance() % members.size()];
    --expected[one.group].at(static_cast<std::size_t>(one.liveness));
    if (chance() % 3 == 0) {
      table.Leave(one.group, one.liveness);
      one = members.back();
      members.pop_back();
      continue;
    }
    table.Change(one.group, one.liveness, liveness);
    one.liveness = liveness;
    ++expected[one.group].at(static_cast<std::size_t>(liveness));
  }
  for (const auto& [group, by_liveness] : expected) {
    const SilenceCounts counts = Of(table, group, At(0));
    const std::uint64_t suspect = by_liveness.at(static_cast<std::size_t>(Liveness::kSuspect));
    const std::uint64_t alive = by_liveness.at(static_cast<std::size_t>(Liveness::kAlive));
    EXPECT_EQ(counts.suspect, group == kNoGroup ? 0 : suspect) << "seed " << kSeed;
    EXPECT_EQ(counts.watched, group == kNoGroup ? 0 : suspect + alive) << "group " << group;
  }
  EXPECT_EQ(table.uncounted(), 0U);
}

TEST(GroupSilence, ForgetsTheDeadAfterTheWindow) {
  GroupCounts table = TableFor(100);
  table.Enter(7, Liveness::kAlive);
  for (int i = 0; i < 3; ++i) {
    table.Died(7, At(100'000 + i * 20'000));
  }
  EXPECT_EQ(Of(table, 7, At(140'000)).died, 3U);
  EXPECT_EQ(Of(table, 7, At(140'000)).watched, 4U);
  EXPECT_EQ(Of(table, 7, At(160'000)).died, 2U) << "the first was a window ago";
  EXPECT_EQ(Of(table, 7, At(200'001)).died, 0U);
  table.Died(7, At(100'000'000));
  EXPECT_EQ(Of(table, 7, At(100'000'000)).died, 1U) << "its place had an older part";
}

TEST(GroupSilence, CountsADeathThatIsToldLaterThanItWas) {
  GroupCounts table = TableFor(100);
  table.Died(7, At(140'000));
  table.Died(7, At(120'000));
  table.Died(7, At(140'000) - kWindow);  // its place has a later part
  EXPECT_EQ(Of(table, 7, At(140'000)).died, 2U);
  EXPECT_EQ(Of(table, 7, At(180'000)).died, 1U);
}

TEST(GroupSilence, CountsNobodyDeadWhoIsBack) {
  GroupCounts table = TableFor(100);
  table.Enter(7, Liveness::kAlive);
  table.Died(7, At(100'000));
  table.Died(7, At(120'000));
  table.TakeBack(7, At(119'000), At(130'000));
  EXPECT_EQ(Of(table, 7, At(130'000)).died, 1U);
  EXPECT_EQ(Of(table, 7, At(130'000)).watched, 2U);
  EXPECT_EQ(Of(table, 7, At(160'000)).died, 0U) << "it was the second that came back";
  table.Died(7, At(170'000));
  table.TakeBack(7, At(100'000), At(171'000));
  EXPECT_EQ(Of(table, 7, At(171'000)).died, 1U) << "who died a window ago is not taken from others";
  table.TakeBack(8, At(170'000), At(171'000));
  EXPECT_EQ(Of(table, 8, At(171'000)).died, 0U) << "none of that group died";
}

TEST(GroupSilence, CountsThoseForWhomIsNoRoomAndNoMore) {
  GroupCounts table = TableFor(1);  // the least: 64 places, 48 of them in use
  for (Group group = 1; group <= 60; ++group) {
    table.Enter(group, Liveness::kSuspect);
  }
  EXPECT_EQ(table.uncounted(), 12U);
  EXPECT_EQ(Of(table, 48, At(0)).suspect, 1U);
  EXPECT_EQ(Of(table, 49, At(0)).suspect, 0U);
  table.Died(60, At(0));
  table.Change(60, Liveness::kSuspect, Liveness::kDead);
  EXPECT_EQ(table.uncounted(), 12U);
  table.Leave(60, Liveness::kDead);
  EXPECT_EQ(table.uncounted(), 11U);
}

TEST(GroupSilence, AddsUpAllWorkers) {
  auto all = std::move(GroupSilence::Create(3, 100, kWindow, kKey).value());
  for (unsigned worker = 0; worker < 3; ++worker) {
    all->of(worker).Enter(5, Liveness::kSuspect);
    all->of(worker).Enter(5, Liveness::kAlive);
  }
  EXPECT_EQ(all->Of(5, At(0)).suspect, 3U);
  EXPECT_EQ(all->Of(5, At(0)).watched, 6U);
  EXPECT_EQ(all->Of(6, At(0)).watched, 0U);
  EXPECT_EQ(all->Of(kNoGroup, At(0)).watched, 0U);
}

TEST(GroupSilence, FallsWhereSeveralOthersAndAQuarterAreSilent) {
  EXPECT_FALSE(IsFalling({.suspect = 2, .died = 0, .watched = 4})) << "one other";
  EXPECT_TRUE(IsFalling({.suspect = 2, .died = 1, .watched = 12}));
  EXPECT_FALSE(IsFalling({.suspect = 2, .died = 1, .watched = 13}));
}

}  // namespace
}  // namespace flatline
