// The C side of the client, in so far as it is more than the client: names, counts, faults and
// zeroes that mean "as usual", against a server of our own.
#include "tests/client/scripted_server.h"

#include <flatline/subscriber.h>
#include <flatline/summary.h>
#include <flatline/suspicion_record.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kLimitMs = 10'000;

struct Unsubscribe {
  void operator()(FlatlineSubscriber* subscriber) const { FlatlineUnsubscribe(subscriber); }
};

using Subscriber = std::unique_ptr<FlatlineSubscriber, Unsubscribe>;

// From the beginning, with what is asked for beside.
Subscriber SubscribeTo(const std::string& address, FlatlineSubscription wanted = {}) {
  wanted.address = address.c_str();
  wanted.start = kFlatlineFrom;
  return Subscriber(FlatlineSubscribe(&wanted));
}

// "7:web" for each record until there are so many, or what went wrong.
std::vector<std::string> HearNamed(FlatlineSubscriber* subscriber, std::size_t count) {
  std::vector<std::string> out;
  while (out.size() < count) {
    const int64_t polled = FlatlinePollEach(
        subscriber,
        kLimitMs,
        [](const FlatlineRecord* record, const char* name, void* context) {
          static_cast<std::vector<std::string>*>(context)->push_back(
              std::to_string(record->sequence) + ":" + name);
        },
        &out);
    if (polled <= 0) {
      out.push_back(polled == 0 ? "nothing in time" : FlatlineError(subscriber));
      return out;
    }
  }
  return out;
}

FlatlineRecord InC(const DeliveryRecord& record) {
  FlatlineRecord out;
  std::memcpy(&out, static_cast<const void*>(&record), sizeof(out));
  return out;
}

TEST(SubscriberInC, NamesComeWithTheirRecordsAndNobodysIsEmpty) {
  const ScriptedServer server(
      {Script{}
           .Send(
               {Hello(3), NamePart(1, "data", 1, 2), NamePart(1, "base", 2, 2), Death(1), Death(2)})
           .Stay()});
  FlatlineSubscription wanted{};
  wanted.want_names = 1;
  const Subscriber subscriber = SubscribeTo(server.address(), wanted);
  EXPECT_THAT(HearNamed(subscriber.get(), 2), ElementsAre("1:database", "2:"));
  EXPECT_EQ(FlatlineSequence(subscriber.get()), 2U);
  EXPECT_GE(FlatlineDescriptor(subscriber.get()), 0);
  EXPECT_STREQ(FlatlineError(subscriber.get()), "");
  EXPECT_EQ(server.requests()[0].options, kWantNames);
}

TEST(SubscriberInC, TheLongestWaitIsNotTheShortest) {
  const ScriptedServer server({Script{}.Send({Hello(2), Death(1)}).Stay()});
  const Subscriber subscriber = SubscribeTo(server.address());
  const auto nothing = [](const FlatlineRecord*, size_t, void*) {};
  const int64_t longest = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(FlatlinePoll(subscriber.get(), longest, nothing, nullptr), 1);
}

TEST(SubscriberInC, HasAThresholdOfItsOwn) {
  DeliveryRecord scale{.sequence = 1, .endpoint = 7, .kind = RecordKind::kSuspicion, .to = 2};
  WriteScale({.expected = 2e8, .deviation = 1}, scale);
  const ScriptedServer server(
      {Script{}
           .Send({Hello(2),
                  Sealed(scale),
                  Sealed({.sequence = 1, .endpoint = 7, .from = 1, .to = 2}),
                  Death(2)})
           .Stay()});
  FlatlineSubscription wanted{};
  wanted.suspicion = 12;
  const Subscriber subscriber = SubscribeTo(server.address(), wanted);
  EXPECT_THAT(HearNamed(subscriber.get(), 1), ElementsAre("2:"));
  EXPECT_EQ(FlatlineSequence(subscriber.get()), 0U);
  EXPECT_LE(FlatlinePauseMs(subscriber.get()), 200);
  EXPECT_THAT(HearNamed(subscriber.get(), 1), ElementsAre("1:"));
  EXPECT_EQ(FlatlineSequence(subscriber.get()), 2U);
  EXPECT_EQ(FlatlinePauseMs(subscriber.get()), 86'400'000);
  EXPECT_EQ(server.requests()[0].options, kWantSuspicion);
  wanted.suspicion = -1;
  EXPECT_THAT(HearNamed(SubscribeTo(server.address(), wanted).get(), 1),
              ElementsAre(HasSubstr("needed a level")));
}

TEST(SubscriberInC, WhatIsOfNoUseTryingAgainSaysWhy) {
  const ScriptedServer server({Script{}.Send({Refused(DeliveryError::kBadToken)})});
  const Subscriber subscriber = SubscribeTo(server.address());
  const std::vector<std::string> heard = HearNamed(subscriber.get(), 1);
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_THAT(heard[0], HasSubstr("token"));
}

TEST(SubscriberInC, ReadsCountsAndNothingElseAsCounts) {
  DeliveryRecord record{.sequence = 9, .group = 4, .kind = RecordKind::kSummary};
  WriteSummary({.liveness = {1, 2, 3, 4, 5}, .degraded = 6, .failing = 7}, record);
  for (const bool is_sum : {false, true}) {
    for (const bool is_settled : {false, true}) {
      record.to = is_sum ? 1 : 0;
      record.reason = is_settled ? 0 : kSummaryUnsettled;
      const FlatlineRecord told = InC(Sealed(record));
      FlatlineSummary counts{};
      ASSERT_EQ(FlatlineReadSummary(&told, &counts), 1);
      EXPECT_EQ(told.group, 4U);
      EXPECT_THAT((std::vector{counts.unknown,
                               counts.alive,
                               counts.suspect,
                               counts.dead,
                               counts.left,
                               counts.degraded,
                               counts.failing}),
                  ElementsAre(1, 2, 3, 4, 5, 6, 7));
      EXPECT_EQ(std::pair(counts.is_sum, counts.is_settled),
                std::pair(is_sum ? 1 : 0, is_settled ? 1 : 0));
    }
  }
  const FlatlineRecord death = InC(Death(1));
  FlatlineSummary untouched{};
  untouched.alive = 77;
  EXPECT_EQ(FlatlineReadSummary(&death, &untouched), 0);
  EXPECT_EQ(untouched.alive, 77U);
}

}  // namespace
}  // namespace flatline
