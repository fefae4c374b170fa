// A client with a threshold of its own, over a socket: what is held back wakes its poll when it is
// due, outlives a break of the connection, and is neither accounted for nor told twice.
#include "tests/client/scripted_server.h"

#include <flatline/client.h>
#include <flatline/suspicion_record.h>

#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr Duration kLimit{10'000'000'000};
constexpr std::int64_t kSecond = 1'000'000'000;

constexpr auto kAlive = static_cast<std::uint8_t>(Liveness::kAlive);
constexpr auto kSuspect = static_cast<std::uint8_t>(Liveness::kSuspect);

DeliveryRecord Change(std::uint64_t sequence, EndpointId id, std::uint8_t from, std::uint8_t to) {
  return Sealed({.sequence = sequence, .endpoint = id, .from = from, .to = to});
}

// Reaches every threshold so long after the greeting, by control's clock, which began there at 0.
DeliveryRecord ReachedAfter(std::int64_t ns, std::uint64_t sequence, EndpointId id) {
  DeliveryRecord out{.sequence = sequence, .endpoint = id, .kind = RecordKind::kSuspicion};
  out.to = kSuspect;
  WriteScale({.expected = static_cast<double>(ns), .deviation = 1}, out);
  return Sealed(out);
}

Subscription From(const ScriptedServer& server, std::uint64_t sequence) {
  return {.address = server.address(),
          .start = RequestKind::kSubscribeFrom,
          .sequence = sequence,
          .groups = {},
          .suspicion = 12};
}

// "3:7 suspect" of each, until there are so many; or what went wrong.
std::vector<std::string> Hear(Client& client, std::size_t count) {
  std::vector<std::string> out;
  while (out.size() < count) {
    const auto handed =
        client.PollEach(kLimit, [&](const DeliveryRecord& record, std::string_view name) {
          out.push_back(std::to_string(record.sequence) + ":" + std::to_string(record.endpoint) +
                        " " + std::string(NameIn(kLivenessNames, record.to)) + std::string(name));
        });
    if (!handed || *handed == 0) {
      out.push_back(handed ? "nothing in time" : handed.error());
      return out;
    }
  }
  return out;
}

TEST(PatientClient, PollWakesUpWhenASuspicionIsDue) {
  const ScriptedServer server({Script{}
                                   .Send({Hello(3),
                                          ReachedAfter(kSecond / 5, 1, 7),
                                          NamePart(1, "-web"),
                                          Change(1, 7, kAlive, kSuspect),
                                          Death(2),
                                          Death(3)})
                                   .Stay()});
  Subscription subscription = From(server, 0);
  subscription.want_names = true;
  Client client(subscription);
  EXPECT_EQ(client.pause(), Duration{86'400 * kSecond});
  EXPECT_THAT(Hear(client, 2), ElementsAre("2:1002 dead", "3:1003 dead"));
  EXPECT_EQ(server.requests()[0].options, kWantNames | kWantSuspicion);
  EXPECT_EQ(client.sequence(), 0U) << "who comes back from there hears of it again";
  EXPECT_LE(client.pause(), Duration{kSecond / 5});
  EXPECT_THAT(Hear(client, 1), ElementsAre("1:7 suspect-web"));
  EXPECT_EQ(client.sequence(), 3U);
  EXPECT_EQ(client.pause(), Duration{86'400 * kSecond});
}

TEST(PatientClient, WhatIsHeldOutlivesAConnection) {
  const ScriptedServer server(
      {Script{}.Send({Hello(4),
                      ReachedAfter(3600 * kSecond, 1, 7),
                      Change(1, 7, kAlive, kSuspect),
                      ReachedAfter(3600 * kSecond, 2, 8),
                      Change(2, 8, kAlive, kSuspect),
                      ReachedAfter(kSecond / 10, 3, 9),
                      Change(3, 9, kAlive, kSuspect),
                      Death(4)}),
       Script{}
           .Send({Hello(6), Change(5, 7, kSuspect, kAlive), Change(6, 8, kSuspect, 3)})
           .Stay()});
  Client client(From(server, 0));
  EXPECT_THAT(Hear(client, 4),
              ElementsAre("4:1004 dead", "2:8 suspect", "6:8 dead", "3:9 suspect"));
  const std::vector<DeliveryRequest> requests = server.requests();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[1].sequence, 4U) << "what came is not asked for again";
  EXPECT_EQ(client.sequence(), 6U);
}

// Amid what happened while it was away nobody is suspect by time alone.
TEST(PatientClient, NobodyIsSuspectBeforeAllIsHeardThatHappenedMeanwhile) {
  const ScriptedServer server(
      {Script{}.Send({Hello(1), ReachedAfter(kSecond / 20, 1, 7), Change(1, 7, kAlive, kSuspect)}),
       Script{}
           .Send({Hello(3)})
           .Send({Death(2)})
           .Send({Change(3, 7, kSuspect, kAlive), Death(4)})
           .Stay()});
  Client client(From(server, 0));
  // Its return was at 0 by control's clock, though it is read much later.
  EXPECT_THAT(Hear(client, 2), ElementsAre("2:1002 dead", "4:1004 dead"));
  EXPECT_EQ(client.reconnections(), 1U);
}

TEST(PatientClient, WhatTheCallbackDidNotTakeComesAgain) {
  const std::vector<DeliveryRecord> stream{Hello(2),
                                           ReachedAfter(-kSecond, 1, 7),
                                           Change(1, 7, kAlive, kSuspect),
                                           ReachedAfter(kSecond / 20, 2, 8),
                                           Change(2, 8, kAlive, kSuspect)};
  const ScriptedServer server({Script{}.Send(stream).Stay(),
                               Script{}.Send(stream).Stay(),
                               Script{}.Send({Hello(2)}).Stay()});
  Client client(From(server, 0));
  const auto poll = [&] {
    return client
        .Poll(kLimit, [](std::span<const DeliveryRecord>) { throw std::runtime_error("no"); })
        .has_value();
  };
  EXPECT_THROW(poll(), std::runtime_error);
  EXPECT_THAT(Hear(client, 1), ElementsAre("1:7 suspect"));
  EXPECT_THROW(poll(), std::runtime_error) << "when due";
  EXPECT_EQ(client.sequence(), 1U);
  EXPECT_THAT(Hear(client, 1), ElementsAre("2:8 suspect"));
  EXPECT_EQ(client.sequence(), 2U);
}

TEST(PatientClient, RowsOfLeasesAreRowsAndSuspectRowsAreAliveAtFirst) {
  DeliveryRecord row{.sequence = 9, .endpoint = 7, .kind = RecordKind::kSnapshotRow};
  row.to = kSuspect;
  DeliveryRecord lease{.sequence = 9, .endpoint = 8, .kind = RecordKind::kLease, .to = 1};
  const ScriptedServer server({Script{}
                                   .Send({Hello(9),
                                          Record(RecordKind::kSnapshotBegin, 9),
                                          ReachedAfter(kSecond / 10, 9, 7),
                                          Sealed(row),
                                          Sealed(lease),
                                          Record(RecordKind::kSnapshotEnd, 9, 2)})
                                   .Stay()});
  Subscription subscription = From(server, 0);
  subscription.start = RequestKind::kSubscribeSnapshot;
  Client client(subscription);
  EXPECT_THAT(Hear(client, 5),
              ElementsAre("9:0 unknown", "9:7 alive", "9:8 alive", "9:0 unknown", "9:7 suspect"));
  EXPECT_EQ(client.sequence(), 9U);
}

TEST(PatientClient, FramesThatCannotBeAreNotBelieved) {
  const DeliveryRecord scale = ReachedAfter(-kSecond, 1, 7);
  const DeliveryRecord suspect = Change(1, 7, kAlive, kSuspect);
  const DeliveryRecord over =
      Sealed({.sequence = 1, .endpoint = 7, .kind = RecordKind::kSuspicion, .to = kAlive});
  for (const std::vector<DeliveryRecord>& wrong :
       std::vector<std::vector<DeliveryRecord>>{{scale, scale, suspect},
                                                {scale, Death(1)},
                                                {scale, Change(2, 7, kAlive, kSuspect)},
                                                {scale, Change(1, 8, kAlive, kSuspect)},
                                                {scale, Change(1, 7, kSuspect, kAlive)},
                                                {NamePart(1, "web"), scale, suspect},
                                                {over}}) {  // nothing is left out here
    std::vector<DeliveryRecord> stream{Hello(1)};
    stream.insert(stream.end(), wrong.begin(), wrong.end());
    const ScriptedServer server(
        {Script{}.Send(stream).Stay(), Script{}.Send({Hello(1), scale, suspect}).Stay()});
    Subscription subscription = From(server, 0);
    subscription.want_names = true;
    Client client(subscription);
    EXPECT_THAT(Hear(client, 1), ElementsAre("1:7 suspect"));
    EXPECT_EQ(client.reconnections(), 1U);
  }
  const ScriptedServer server({Script{}.Send({Hello(1), scale, suspect}).Stay(),
                               Script{}.Send({Hello(1), suspect}).Stay()});
  Subscription subscription = From(server, 0);
  subscription.suspicion = 0;
  Client client(subscription);
  EXPECT_THAT(Hear(client, 1), ElementsAre("1:7 suspect"));
  EXPECT_EQ(client.reconnections(), 1U) << "nobody asked for it";
}

TEST(PatientClient, LevelsThatAreNoneAreAnError) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  for (const double level : {-1., 1000.1, kNan, std::numeric_limits<double>::infinity()}) {
    Client client({.address = "127.0.0.1:1", .groups = {}, .suspicion = level});
    EXPECT_THAT(Hear(client, 1), ElementsAre(HasSubstr("needed a level of 0 to 1000")));
  }
}

}  // namespace
}  // namespace flatline
