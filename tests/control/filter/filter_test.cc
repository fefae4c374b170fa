// Which records and rows pass which filter.
#include "control/filter/filter.h"

#include <gtest/gtest.h>

namespace flatline {
namespace {

Filter FilterOf(std::uint8_t mask, bool want_health, std::vector<Group> groups) {
  Request request;
  request.header.liveness_mask = mask;
  request.header.want_health = want_health ? 1 : 0;
  request.groups = std::move(groups);
  return Filter(request);
}

DeliveryRecord Record(RecordKind kind, std::uint8_t to, Group group) {
  DeliveryRecord out;
  out.kind = kind;
  out.to = to;
  out.group = group;
  return out;
}

constexpr auto kDead = static_cast<std::uint8_t>(Liveness::kDead);
constexpr auto kAlive = static_cast<std::uint8_t>(Liveness::kAlive);
constexpr std::uint8_t kOnlyDead = 1U << kDead;

TEST(Filter, KnowsWhenItLeavesNothingOut) {
  EXPECT_TRUE(Filter().everything());
  EXPECT_TRUE(FilterOf(0xFF, true, {}).everything());
  EXPECT_TRUE(FilterOf(0x1F, true, {}).everything()) << "bits beyond the last liveness are idle";
  EXPECT_FALSE(FilterOf(0x0F, true, {}).everything());
  EXPECT_FALSE(FilterOf(0xFF, false, {}).everything());
  EXPECT_FALSE(FilterOf(0xFF, true, {1}).everything());
}

TEST(Filter, LeavesOutWhatIsSuppressedButForWhoAsks) {
  DeliveryRecord dead = Record(RecordKind::kLiveness, kDead, 1);
  dead.marks = kMarkFlapping;
  Request request;
  EXPECT_FALSE(Filter(request, true).Wants(dead));
  EXPECT_FALSE(Filter(request, true).everything()) << "the journal is not sent as it stands";
  EXPECT_TRUE(Filter(request, true).hides_flapping());
  EXPECT_TRUE(Filter(request, true).Wants(Record(RecordKind::kLiveness, kDead, 1)));
  EXPECT_TRUE(Filter(request, false).Wants(dead)) << "nobody is damped any more";
  EXPECT_TRUE(Filter(request, false).everything());
  request.header.options = kWantFlapping;
  EXPECT_TRUE(Filter(request, true).Wants(dead));
  EXPECT_TRUE(Filter(request, true).everything());
}

TEST(Filter, AsksForWhatIsSuppressedByATestOfTheMark) {
  FilterPool pool;
  DeliveryRecord dead = Record(RecordKind::kLiveness, kDead, 1);
  Request request;
  request.filter = pool.Intern("mark:flapping").value();
  EXPECT_FALSE(Filter(request, true).Wants(dead));
  dead.marks = kMarkFlapping;
  EXPECT_TRUE(Filter(request, true).Wants(dead));
  request.filter = pool.Intern("liveness:dead and not mark:maintenance").value();
  EXPECT_FALSE(Filter(request, true).Wants(dead)) << "another mark";
}

// Who hears of an endpoint at all hears that its changes are suppressed, and when they no more are.
TEST(Filter, PassesTheWordOfFlappingByWhoItIsNotByHowItFares) {
  FilterPool pool;
  Request request;
  request.header.liveness_mask = kOnlyDead;
  request.groups = {3};
  DeliveryRecord quiet = Record(RecordKind::kFlapping, kAlive, 3);
  quiet.endpoint = 42;
  EXPECT_TRUE(Filter(request, true).Wants(quiet));
  request.filter = pool.Intern("liveness:dead and reason:not-confirmed and id:42").value();
  EXPECT_TRUE(Filter(request, true).Wants(quiet));
  request.filter = pool.Intern("liveness:dead and id:43").value();
  EXPECT_FALSE(Filter(request, true).Wants(quiet));
  request.filter = nullptr;
  EXPECT_FALSE(Filter(request, true).Wants(Record(RecordKind::kFlapping, kAlive, 4)));
}

TEST(Filter, PassesByLiveness) {
  const Filter filter = FilterOf(kOnlyDead, false, {});
  EXPECT_TRUE(filter.Wants(Record(RecordKind::kLiveness, kDead, 1)));
  EXPECT_FALSE(filter.Wants(Record(RecordKind::kLiveness, kAlive, 1)));
  EXPECT_FALSE(filter.Wants(Record(RecordKind::kLiveness, 200, 1)));
  EXPECT_FALSE(filter.Wants(Record(RecordKind::kHealth, kDead, 1)));
  EXPECT_TRUE(filter.WantsRow(Liveness::kDead, 5));
  EXPECT_FALSE(filter.WantsRow(Liveness::kAlive, 5));
}

TEST(Filter, PassesByGroup) {
  const Filter filter = FilterOf(0xFF, true, {3, 7});
  EXPECT_TRUE(filter.Wants(Record(RecordKind::kLiveness, kDead, 7)));
  EXPECT_TRUE(filter.Wants(Record(RecordKind::kHealth, 1, 3)));
  EXPECT_FALSE(filter.Wants(Record(RecordKind::kLiveness, kDead, 5)));
  EXPECT_FALSE(filter.Wants(Record(RecordKind::kHealth, 1, 0)));
  EXPECT_FALSE(filter.WantsRow(Liveness::kDead, 4));
}

TEST(Filter, PassesWhatConcernsEverybody) {
  const Filter filter = FilterOf(0, false, {3});
  EXPECT_TRUE(filter.Wants(Record(RecordKind::kBlind, 0xFF, 0)));
  EXPECT_TRUE(filter.Wants(Record(RecordKind::kReset, 0, 0)));
}

// Who holds a suspicion back must hear that it is over, whatever else it asked for.
TEST(Filter, KnowsTheEndOfASuspicionThatItMayHavePassed) {
  FilterPool pool;
  const auto ends = [&](const std::string& text, const DeliveryRecord& record) {
    Request request;
    request.filter = pool.Intern(text).value();
    const Filter filter(request, true);
    return !filter.Wants(record) && Filter::Look(filter).EndsASuspicion(record);
  };
  DeliveryRecord back = Record(RecordKind::kLiveness, kAlive, 7);
  back.from = static_cast<std::uint8_t>(Liveness::kSuspect);
  back.endpoint = 42;
  back.health = Health::kReady;
  EXPECT_TRUE(ends("liveness:suspect,dead", back));
  EXPECT_TRUE(ends("liveness:suspect and group:7 and id:42", back));
  EXPECT_TRUE(ends("mark:mass-failure", back)) << "as the suspicion may have been";
  EXPECT_TRUE(ends("mark:none and liveness:suspect", back));
  EXPECT_TRUE(ends("health:failing", back)) << "as it may have said then";
  EXPECT_TRUE(ends("reason:deadline-missed", back));
  EXPECT_FALSE(ends("liveness:dead", back));
  EXPECT_FALSE(ends("liveness:suspect and id:43", back));
  EXPECT_FALSE(ends("liveness:suspect and group:8", back));
  DeliveryRecord hidden = back;
  hidden.marks = kMarkFlapping;
  EXPECT_TRUE(ends("group:7", hidden)) << "suppressed, and an end all the same";
  back.from = kDead;
  EXPECT_FALSE(ends("liveness:suspect", back)) << "it was none";
  back = Record(RecordKind::kHealth, 1, 7);
  back.from = 2;
  EXPECT_FALSE(ends("liveness:suspect", back));
}

}  // namespace
}  // namespace flatline
