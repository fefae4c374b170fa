// The leases of one shard over a region in plain memory, in invented time: who is granted what,
// when a tenure ends, what a full ring, a kill, a start from nothing and a damaged region do to it.
#include "dataplane/lease_table.h"

#include "tests/dataplane/plain_region.h"

#include <flatline/lease.h>
#include <flatline/time.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr Duration kLongest = Milliseconds(10'000);

Config LeaseConfig() {
  Config out = SmallConfig(100);
  out.dataplane.leases = 4;
  out.dataplane.transition_ring = 64;
  return out;
}

class LeaseTableTest : public testing::Test {
 protected:
  LeaseTableTest() { Start({.epoch = 1, .longest = kLongest}); }

  void Start(const LeaseTerms& terms) {
    table_ = std::make_unique<LeaseTable>(
        region_.view(), 0, terms, HearingInstant{now_.time_since_epoch()});
  }

  // The process is killed, and its successor takes up what is there.
  void Restart(const LeaseTerms& terms = {.epoch = 1, .longest = kLongest}) {
    Start(terms);
    const std::uint64_t head = region_.view().dataplane().transition_heads[0].value.load();
    if (head != 0) {
      table_->Reapply(region_.view().transitions(0)[(head - 1) % 64],
                      HearingInstant{now_.time_since_epoch()});
    }
  }

  [[nodiscard]] Moment Now() const {
    const HearingInstant hearing{now_.time_since_epoch()};
    return {.now = now_, .hearing = hearing, .horizon = hearing + ahead_};
  }

  std::optional<LeaseMessage> Ask(EndpointId id,
                                  std::uint64_t number,
                                  std::uint32_t term_ms = 1000,
                                  LeaseWish wish = LeaseWish::kTake,
                                  FencingToken token = 0) {
    return table_->Ask({.message = {.name = {.number = number},
                                    .what = static_cast<std::uint8_t>(wish),
                                    .term_ms = term_ms,
                                    .token = token},
                        .id = id,
                        .incarnation = life_,
                        .group = 5,
                        .sent_ns = ++clock_},
                       Now(),
                       ring_,
                       tally_);
  }

  LeaseAnswer AnswerTo(EndpointId id, std::uint64_t number) {
    const auto answer = Ask(id, number);
    EXPECT_TRUE(answer.has_value());
    return answer ? static_cast<LeaseAnswer>(answer->what) : LeaseAnswer::kNotGranting;
  }

  void After(Duration passed) {
    now_ += passed;
    table_->Expire(Now(), 100, ring_, tally_);
  }

  // What control has not taken yet.
  std::vector<Transition> Told() {
    TransitionConsumer control(region_.view().dataplane().transition_heads[0],
                               region_.view().control().transition_tails[0],
                               region_.view().transitions(0));
    std::vector<Transition> out;
    for (std::uint64_t i = control.tail(); i < control.head(); ++i) {
      out.push_back(control.At(i));
    }
    control.Release(control.head());
    return out;
  }

  Instant now_{Milliseconds(1000)};
  PlainRegion region_{LeaseConfig()};
  TransitionProducer ring_{region_.view().dataplane().transition_heads[0],
                           region_.view().control().transition_tails[0],
                           region_.view().transitions(0)};
  Tally tally_;
  std::unique_ptr<LeaseTable> table_;
  std::uint32_t life_ = 1;
  std::uint64_t clock_ = 0;
  Duration ahead_{};  // the horizon, of hearing time
};

TEST_F(LeaseTableTest, GrantsWhatNobodyHoldsAndTellsIt) {
  const auto answer = Ask(7, 42);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->what, 0);
  EXPECT_EQ(answer->term_ms, 1000U);
  EXPECT_EQ(EpochOf(answer->token), 1U);
  const auto told = Told();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].kind, TransitionKind::kLease);
  EXPECT_EQ(told[0].reason, Reason::kLeaseGranted);
  EXPECT_EQ(told[0].id, 7U);
  EXPECT_EQ(told[0].group, 5U);
  EXPECT_EQ(told[0].to, 1);
  EXPECT_EQ((std::uint64_t{told[0].incarnation} << 32) | told[0].sequence, answer->token);
  EXPECT_EQ(told[0].silence.count(), 42);
}

TEST_F(LeaseTableTest, RenewsWithTheSameTokenAndTellsNobody) {
  const FencingToken token = Ask(7, 42)->token;
  Told();
  for (int i = 0; i < 5; ++i) {
    After(Milliseconds(900));
    EXPECT_EQ(Ask(7, 42)->token, token);
  }
  EXPECT_TRUE(Told().empty());
  After(Milliseconds(999));
  EXPECT_EQ(table_->held(), 1U);
  After(Milliseconds(2));
  EXPECT_EQ(table_->held(), 0U);
  ASSERT_EQ(Told().size(), 1U);
}

// Found by a simulated world, after 99,219 others: a blindness that was known of late had left the
// horizon ahead, a grant of less than that was over at once, and two acted by one lease.
TEST_F(LeaseTableTest, ATermThatIsGrantedBehindTheHorizonIsWhole) {
  ahead_ = Milliseconds(10);
  ASSERT_TRUE(Ask(7, 42, 3));
  Told();
  After({});
  EXPECT_EQ(table_->held(), 1U);
  for (int i = 0; i < 4; ++i) {  // the horizon stands until hearing time has caught up
    ahead_ -= Milliseconds(2);
    After(Milliseconds(2));
    ASSERT_EQ(Ask(7, 42, 3)->what, 0) << "kept";
  }
  EXPECT_TRUE(Told().empty());
  ahead_ -= Milliseconds(2);
  After(Milliseconds(2));
  EXPECT_EQ(table_->held(), 1U);
  After(Milliseconds(3));
  EXPECT_EQ(table_->held(), 0U);
}

TEST_F(LeaseTableTest, RefusesASecondUntilTheTermHasRunOut) {
  const FencingToken first = Ask(7, 42)->token;
  const auto refused = Ask(8, 42);
  EXPECT_EQ(static_cast<LeaseAnswer>(refused->what), LeaseAnswer::kHeld);
  EXPECT_EQ(refused->holder, 7U);
  EXPECT_EQ(refused->token, first);
  EXPECT_EQ(refused->term_ms, 1000U);
  After(Milliseconds(1000));
  const auto granted = Ask(8, 42);
  EXPECT_EQ(granted->what, 0);
  EXPECT_GT(granted->token, first);
  const auto told = Told();
  ASSERT_EQ(told.size(), 3U);
  EXPECT_EQ(told[1].reason, Reason::kLeaseExpired);
  EXPECT_EQ(told[1].to, 0);
}

// The former life may still be acting.
TEST_F(LeaseTableTest, RefusesALaterLifeOfTheHolderToo) {
  EXPECT_EQ(AnswerTo(7, 42), LeaseAnswer::kGranted);
  life_ = 2;
  EXPECT_EQ(AnswerTo(7, 42), LeaseAnswer::kHeld);
  After(Milliseconds(1000));
  EXPECT_EQ(AnswerTo(7, 42), LeaseAnswer::kGranted);
}

TEST_F(LeaseTableTest, GivesBackByTheTokenAlone) {
  const FencingToken token = Ask(7, 42)->token;
  const auto strange = Ask(7, 42, 1000, LeaseWish::kRelease, token + 1);
  EXPECT_EQ(static_cast<LeaseAnswer>(strange->what), LeaseAnswer::kNotHeld);
  const auto others = Ask(8, 42, 1000, LeaseWish::kRelease, token);
  EXPECT_EQ(static_cast<LeaseAnswer>(others->what), LeaseAnswer::kNotHeld);
  const auto released = Ask(7, 42, 1000, LeaseWish::kRelease, token);
  EXPECT_EQ(static_cast<LeaseAnswer>(released->what), LeaseAnswer::kReleased);
  EXPECT_EQ(Told().back().reason, Reason::kLeaseReleased);
  EXPECT_GT(Ask(8, 42)->token, token);
}

TEST_F(LeaseTableTest, TakesNoOlderWordOfItsHolder) {
  clock_ = 100;
  const FencingToken token = Ask(7, 42)->token;
  clock_ = 50;  // a farewell that was overtaken by the renewal behind it
  EXPECT_FALSE(Ask(7, 42, 1000, LeaseWish::kRelease, token).has_value());
  EXPECT_EQ(table_->held(), 1U);
  EXPECT_EQ(tally_.drops[static_cast<std::size_t>(DropReason::kOldSequence)], 1U);
}

TEST_F(LeaseTableTest, GrantsNoLongerThanTheLongestTerm) {
  EXPECT_EQ(Ask(7, 42, 60'000)->term_ms, 10'000U);
  EXPECT_EQ(Ask(7, 42, 0xFFFFFFFF)->term_ms, 10'000U);
}

TEST_F(LeaseTableTest, HoldsAsManyAsItWasMadeFor) {
  for (EndpointId id = 1; id <= 4; ++id) {
    EXPECT_EQ(AnswerTo(id, id), LeaseAnswer::kGranted);
  }
  EXPECT_EQ(AnswerTo(5, 5), LeaseAnswer::kFull);
  After(Milliseconds(1000));
  EXPECT_EQ(AnswerTo(5, 5), LeaseAnswer::kGranted);
}

TEST_F(LeaseTableTest, ChangesNothingWhileTheRingIsFull) {
  EXPECT_EQ(AnswerTo(7, 42), LeaseAnswer::kGranted);
  while (ring_.TryPush(Transition{})) {
  }
  EXPECT_FALSE(Ask(8, 43).has_value());
  now_ += Milliseconds(1000);
  EXPECT_TRUE(table_->Expire(Now(), 100, ring_, tally_));
  EXPECT_EQ(AnswerTo(8, 42), LeaseAnswer::kHeld) << "its end was not told, and so has not come";
  EXPECT_EQ(table_->held(), 1U);
  Told();
  EXPECT_FALSE(table_->Expire(Now(), 100, ring_, tally_));
  EXPECT_EQ(AnswerTo(8, 42), LeaseAnswer::kGranted);
}

TEST_F(LeaseTableTest, EndsNoMoreThanItsBudgetAtOnce) {
  for (EndpointId id = 1; id <= 4; ++id) {
    EXPECT_EQ(AnswerTo(id, id), LeaseAnswer::kGranted);
  }
  now_ += Milliseconds(1000);
  EXPECT_TRUE(table_->Expire(Now(), 3, ring_, tally_));
  EXPECT_EQ(table_->held(), 1U);
  EXPECT_FALSE(table_->Expire(Now(), 3, ring_, tally_));
  EXPECT_EQ(table_->held(), 0U);
}

TEST_F(LeaseTableTest, GoesOnAfterAKillWithTheSameTokens) {
  const FencingToken token = Ask(7, 42)->token;
  Ask(8, 43);
  Restart();
  EXPECT_EQ(Ask(7, 42)->token, token);
  EXPECT_EQ(AnswerTo(9, 42), LeaseAnswer::kHeld);
  EXPECT_GT(Ask(9, 44)->token, token + 1);
}

// The kill came between the telling and the making.
TEST_F(LeaseTableTest, MakesAgainWhatWasToldAndNotMade) {
  const FencingToken token = Ask(7, 42)->token;
  for (LeaseEntry& entry : region_.view().leases(0)) {
    entry.Write({});
  }
  region_.view().lease_state(0).counter.store(0);
  Restart();
  EXPECT_EQ(AnswerTo(8, 42), LeaseAnswer::kHeld);
  EXPECT_EQ(Ask(7, 42)->token, token);
  EXPECT_GT(Ask(8, 43)->token, token);
  const LeaseEntry& held = region_.view().leases(0)[0];
  const Lease before = held.Read().value();
  Ask(7, before.number, 1000, LeaseWish::kRelease, token);
  region_.view().leases(0)[0].Write(before);  // told released, and still there
  Restart();
  EXPECT_EQ(AnswerTo(9, before.number), LeaseAnswer::kGranted);
}

TEST_F(LeaseTableTest, WaitsAfterAStartFromNothing) {
  const FencingToken token = Ask(7, 42)->token;
  PlainRegion fresh{LeaseConfig()};
  LeaseTable table(fresh.view(),
                   0,
                   {.epoch = 2, .longest = kLongest, .wait = kLongest},
                   HearingInstant{now_.time_since_epoch()});
  const LeaseRequest request{.message = {.name = {.number = 42}, .term_ms = 1000},
                             .id = 8,
                             .incarnation = 1,
                             .sent_ns = 1};
  auto answer = table.Ask(request, Now(), ring_, tally_);
  EXPECT_EQ(static_cast<LeaseAnswer>(answer->what), LeaseAnswer::kWaits);
  EXPECT_EQ(answer->term_ms, 10'000U);
  now_ += kLongest;
  answer = table.Ask(request, Now(), ring_, tally_);
  EXPECT_EQ(answer->what, 0);
  EXPECT_GT(answer->token, token);
}

TEST_F(LeaseTableTest, WaitsOnAfterAKillInTheWait) {
  Restart({.epoch = 2, .longest = kLongest, .wait = kLongest});
  EXPECT_EQ(AnswerTo(7, 42), LeaseAnswer::kWaits);
  now_ += Milliseconds(6'000);
  Restart({.epoch = 2, .longest = kLongest});
  EXPECT_EQ(AnswerTo(7, 42), LeaseAnswer::kWaits);
  now_ += Milliseconds(4'000);
  EXPECT_EQ(AnswerTo(7, 42), LeaseAnswer::kGranted);
}

TEST_F(LeaseTableTest, GrantsNothingNewWithoutAnEpoch) {
  const FencingToken token = Ask(7, 42)->token;
  Restart({.epoch = 0, .longest = kLongest});
  EXPECT_EQ(Ask(7, 42)->token, token) << "what is held may be kept";
  EXPECT_EQ(AnswerTo(8, 43), LeaseAnswer::kNotGranting);
}

TEST_F(LeaseTableTest, GrantsNothingNewInAnEpochThatIsOver) {
  Restart({.epoch = 3, .longest = kLongest});
  Restart({.epoch = 2, .longest = kLongest});
  EXPECT_EQ(AnswerTo(8, 43), LeaseAnswer::kNotGranting);
}

TEST_F(LeaseTableTest, WaitsWhereAnEntryIsDamaged) {
  const FencingToken token = Ask(7, 42)->token;
  Ask(8, 43);
  region_.view().leases(0)[0].version.fetch_or(1);  // killed as it wrote
  Told();
  Restart();
  EXPECT_EQ(AnswerTo(9, 44), LeaseAnswer::kWaits);
  EXPECT_EQ(AnswerTo(9, 42), LeaseAnswer::kWaits);
  EXPECT_EQ(AnswerTo(8, 43), LeaseAnswer::kGranted) << "whole, and still its own";
  After(kLongest);
  EXPECT_GT(Ask(9, 42)->token, token);
}

TEST_F(LeaseTableTest, RunsOutOfNumbersRatherThanGoesBack) {
  region_.view().lease_state(0).counter.store(kMostTokenCounter - 1);
  EXPECT_EQ(AnswerTo(7, 42), LeaseAnswer::kGranted);
  EXPECT_EQ(AnswerTo(8, 43), LeaseAnswer::kNotGranting);
}

}  // namespace
}  // namespace flatline
