// The client against a server that breaks off, splits, repeats, lies and comes back: each record
// exactly once and in order. Waits end when what is waited for has happened; the limit is only met
// by a failure.
#include "tests/client/scripted_server.h"

#include <flatline/client.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr Duration kLimit{10'000'000'000};

std::vector<std::uint64_t> OneTo(std::uint64_t last) {
  std::vector<std::uint64_t> out(last);
  std::iota(out.begin(), out.end(), 1);
  return out;
}

std::string SocketPath() {
  return "/tmp/flatline-client-test-" + std::to_string(::getpid()) + ".sock";
}

struct Heard {
  std::vector<DeliveryRecord> records;
  std::string error;

  [[nodiscard]] std::vector<std::uint64_t> sequences() const {
    std::vector<std::uint64_t> out;
    out.reserve(records.size());
    for (const DeliveryRecord& record : records) {
      out.push_back(record.sequence);
    }
    return out;
  }

  [[nodiscard]] std::vector<RecordKind> kinds() const {
    std::vector<RecordKind> out;
    out.reserve(records.size());
    for (const DeliveryRecord& record : records) {
      out.push_back(record.kind);
    }
    return out;
  }
};

// Until `count` records were handed out, or an error.
Heard Hear(Client& client, std::size_t count) {
  Heard out;
  while (out.records.size() < count) {
    const auto handed = client.Poll(kLimit, [&](std::span<const DeliveryRecord> records) {
      out.records.insert(out.records.end(), records.begin(), records.end());
    });
    if (!handed || *handed == 0) {
      out.error = handed ? "nothing in time" : handed.error();
      return out;
    }
  }
  return out;
}

Subscription From(const ScriptedServer& server, std::uint64_t sequence) {
  return {.address = server.address(),
          .start = RequestKind::kSubscribeFrom,
          .sequence = sequence,
          .groups = {}};
}

TEST(Client, RecordsSplitAtEveryByteArriveWhole) {
  const std::vector<DeliveryRecord> stream{Hello(3), Death(1), Death(2), Death(3)};
  for (std::size_t at = 1; at < stream.size() * sizeof(DeliveryRecord); ++at) {
    const ScriptedServer server({Script{}.SendSplit(stream, at).Stay()}, SocketPath());
    Client client(From(server, 0));
    const Heard heard = Hear(client, 3);
    ASSERT_EQ(heard.sequences(), OneTo(3)) << "split at " << at << " " << heard.error;
    ASSERT_EQ(client.reconnections(), 0U) << at;
  }
}

TEST(Client, ResumesBehindTheLastWholeRecordAfterABreakAtAnyByte) {
  for (std::size_t missing = 1; missing < sizeof(DeliveryRecord); missing += 9) {
    const ScriptedServer server(
        {Script{}.SendCut({Hello(9), Death(1), Death(2), Death(3)}, missing),
         Script{}.Send({Hello(9), Death(3), Death(4)}).Stay()});
    Client client(From(server, 0));
    const Heard heard = Hear(client, 4);
    ASSERT_EQ(heard.sequences(), OneTo(4)) << heard.error;
    EXPECT_EQ(client.reconnections(), 1U);
    EXPECT_EQ(client.sequence(), 4U);
    ASSERT_EQ(server.requests().size(), 2U);
    EXPECT_EQ(server.requests()[1].kind, RequestKind::kSubscribeFrom);
    EXPECT_EQ(server.requests()[1].sequence, 2U);
  }
}

TEST(Client, BreakBeforeTheGreetingLosesNothing) {
  const ScriptedServer server({Script{},
                               Script{}.SendCut({Hello(9)}, 1),
                               Script{}.Send({Hello(9), Death(8), Death(9)}).Stay()});
  Client client(From(server, 7));
  EXPECT_THAT(Hear(client, 2).sequences(), ElementsAre(8, 9));
  EXPECT_EQ(server.requests().back().sequence, 7U);
}

TEST(Client, LyingChecksumIsNotHandedOut) {
  DeliveryRecord lie = Death(2);
  lie.endpoint ^= 1;
  const ScriptedServer server({Script{}.Send({Hello(9), Death(1), lie, Death(3)}).Stay(),
                               Script{}.Send({Hello(9), Death(2), Death(3)}).Stay()});
  Client client(From(server, 0));
  const Heard heard = Hear(client, 3);
  EXPECT_EQ(heard.sequences(), OneTo(3)) << heard.error;
  EXPECT_EQ(heard.records[1].endpoint, 1002U);
  EXPECT_EQ(server.requests()[1].sequence, 1U);
}

TEST(Client, HoleInTheSequenceBreaksTheConnection) {
  const ScriptedServer server({Script{}.Send({Hello(9), Death(1), Death(3)}).Stay(),
                               Script{}.Send({Hello(9), Death(2), Death(3)}).Stay()});
  Client client(From(server, 0));
  EXPECT_EQ(Hear(client, 3).sequences(), OneTo(3));
}

TEST(Client, WhereSuppressedChangesAreLeftOutHolesAreNoLoss) {
  DeliveryRecord hello = Hello(9);
  hello.marks = kMarkFlapping;
  const ScriptedServer server(
      {Script{}
           .Send({Sealed(hello), Death(1), Death(3), Record(RecordKind::kFlapping, 5)})
           .Stay()});
  Client client(From(server, 0));
  EXPECT_EQ(Hear(client, 3).sequences(), (std::vector<std::uint64_t>{1, 3, 5}));
  EXPECT_EQ(client.reconnections(), 0U);
  EXPECT_EQ(server.requests()[0].options & kWantFlapping, 0U);
}

TEST(Client, WhoAsksForSuppressedChangesSaysSo) {
  const ScriptedServer server({Script{}.Send({Hello(9), Death(1)}).Stay()});
  Subscription subscription = From(server, 0);
  subscription.want_flapping = true;
  Client client(subscription);
  EXPECT_EQ(Hear(client, 1).sequences(), OneTo(1));
  EXPECT_EQ(server.requests()[0].options, kWantFlapping);
}

TEST(Client, RepeatedRecordIsNotHandedOutTwice) {
  const ScriptedServer server({Script{}.Send({Hello(9), Death(1), Death(2), Death(2)}).Stay(),
                               Script{}.Send({Hello(9), Death(3)}).Stay()});
  Client client(From(server, 0));
  EXPECT_EQ(Hear(client, 3).sequences(), OneTo(3));
  EXPECT_EQ(server.requests()[1].sequence, 2U);
}

TEST(Client, FilteredStreamMayHaveHoles) {
  const ScriptedServer server(
      {Script{}.Send({Hello(9), Death(2), Record(RecordKind::kBookmark, 5), Death(7)}),
       Script{}.Send({Hello(9), Death(9)}).Stay()});
  Subscription subscription = From(server, 0);
  subscription.liveness_mask = 1U << 3;
  subscription.groups = {7, 8};
  Client client(subscription);
  EXPECT_THAT(Hear(client, 3).sequences(), ElementsAre(2, 7, 9));
  EXPECT_EQ(server.requests()[0].liveness_mask, 8);
  EXPECT_THAT(server.groups(), ElementsAre(7, 8));
}

Subscription WithNames(const ScriptedServer& server) {
  Subscription out = From(server, 0);
  out.want_names = true;
  return out;
}

// "7:web" for each record until there are so many, or an error.
std::vector<std::string> HearNamed(Client& client, std::size_t count) {
  std::vector<std::string> out;
  while (out.size() < count) {
    const auto handed =
        client.PollEach(kLimit, [&](const DeliveryRecord& record, std::string_view name) {
          out.push_back(std::to_string(record.sequence) + ":" + std::string(name));
        });
    if (!handed || *handed == 0) {
      out.push_back(handed ? "nothing in time" : handed.error());
      return out;
    }
  }
  return out;
}

TEST(Client, NamesComeWithTheirRecordsWhereverTheStreamIsSplit) {
  const std::vector<DeliveryRecord> stream{Hello(3),
                                           NamePart(1, "web-"),
                                           Death(1),
                                           Death(2),
                                           NamePart(3, "data", 1, 3),
                                           NamePart(3, "base", 2, 3),
                                           NamePart(3, "-7", 3, 3),
                                           Death(3)};
  for (std::size_t at = 1; at < stream.size() * sizeof(DeliveryRecord); at += 3) {
    const ScriptedServer server({Script{}.SendSplit(stream, at).Stay()}, SocketPath());
    Client client(WithNames(server));
    ASSERT_THAT(HearNamed(client, 3), ElementsAre("1:web-", "2:", "3:database-7")) << at;
    ASSERT_EQ(client.reconnections(), 0U) << at;
    ASSERT_EQ(server.requests()[0].options, kWantNames);
  }
}

TEST(Client, ABreakBehindANameRepeatsTheName) {
  const std::vector<DeliveryRecord> parts{NamePart(2, "da", 1, 2), NamePart(2, "ta", 2, 2)};
  for (std::size_t missing = 0; missing < 3 * sizeof(DeliveryRecord); missing += 7) {
    const ScriptedServer server(
        {Script{}.SendCut({Hello(3), Death(1), parts[0], parts[1], Death(2)}, 1 + missing),
         Script{}.Send({Hello(3), parts[0], parts[1], Death(2)}).Stay()});
    Client client(WithNames(server));
    ASSERT_THAT(HearNamed(client, 2), ElementsAre("1:", "2:data")) << missing;
    ASSERT_EQ(server.requests().back().sequence, 1U);
  }
}

// Each of these is followed by a connection on which all is well.
TEST(Client, TornNamesAreNotBelieved) {
  const std::vector<std::vector<DeliveryRecord>> torn{
      {NamePart(2, "a"), Death(3)},                                // of another record
      {NamePart(2, "a", 1, 2), Death(2)},                          // without its end
      {NamePart(2, "a", 2, 2), Death(2)},                          // without its beginning
      {NamePart(2, "a", 1, 2), NamePart(3, "b", 2, 2), Death(2)},  // of two
      {NamePart(2, "a", 1, 9), Death(2)},                          // too long
      {NamePart(2, "a"), NamePart(2, "a"), Death(2)},              // twice
  };
  for (std::vector<DeliveryRecord> stream : torn) {
    stream.insert(stream.begin(), {Hello(9), Death(1)});
    const ScriptedServer server(
        {Script{}.Send(stream).Stay(), Script{}.Send({Hello(9), Death(2)}).Stay()});
    Subscription wanted = WithNames(server);
    wanted.groups = {0};  // so that it is no hole that it minds
    Client client(wanted);
    ASSERT_THAT(HearNamed(client, 2), ElementsAre("1:", "2:"));
    ASSERT_EQ(client.reconnections(), 1U);
  }
}

// There is nothing to resume in counts: each connection asks for those of now.
TEST(Client, SummariesAreHandedOutAndAskedForAnew) {
  const ScriptedServer server(
      {Script{}.Send({Hello(9), Record(RecordKind::kSummary, 7), Record(RecordKind::kBookmark, 9)}),
       Script{}.Send({Hello(3), Record(RecordKind::kSummary, 3)}).Stay()});
  Subscription wanted = From(server, 17);
  wanted.summary_ms = 500;
  Client client(wanted);
  const Heard heard = Hear(client, 2);
  EXPECT_THAT(heard.kinds(), ElementsAre(RecordKind::kSummary, RecordKind::kSummary))
      << heard.error;
  ASSERT_EQ(server.requests().size(), 2U);
  for (const DeliveryRequest& request : server.requests()) {
    EXPECT_EQ(request.kind, RequestKind::kSubscribeNow);
    EXPECT_EQ(request.sequence, 0U);
  }
}

TEST(Client, BookmarkMovesThePosition) {
  const ScriptedServer server(
      {Script{}.Send({Hello(9), Death(2), Record(RecordKind::kBookmark, 6)}),
       Script{}.Send({Hello(9), Death(8)}).Stay()});
  Subscription subscription = From(server, 0);
  subscription.want_health = false;
  Client client(subscription);
  EXPECT_THAT(Hear(client, 2).sequences(), ElementsAre(2, 8));
  EXPECT_EQ(server.requests()[1].sequence, 6U);
}

TEST(Client, NowBeginsAtTheGreetingAndResumesFromThere) {
  const ScriptedServer server(
      {Script{}.Send({Hello(41)}), Script{}.Send({Hello(43), Death(42), Death(43)}).Stay()});
  Client client({.address = server.address(), .groups = {}});
  EXPECT_THAT(Hear(client, 2).sequences(), ElementsAre(42, 43));
  EXPECT_EQ(server.requests()[0].kind, RequestKind::kSubscribeNow);
  EXPECT_EQ(server.requests()[1].kind, RequestKind::kSubscribeFrom);
  EXPECT_EQ(server.requests()[1].sequence, 41U);
}

TEST(Client, GapIsToldAndTheStreamGoesOn) {
  const ScriptedServer server(
      {Script{}.Send({Hello(90), Record(RecordKind::kGap, 50, 3), Death(51)}).Stay()});
  Client client(From(server, 3));
  const Heard heard = Hear(client, 2);
  EXPECT_THAT(heard.kinds(), ElementsAre(RecordKind::kGap, RecordKind::kLiveness));
  EXPECT_EQ(heard.records[0].silence_ns, 3);
  EXPECT_EQ(client.sequence(), 51U);
}

TEST(Client, GapIsFollowedByASnapshotIfWanted) {
  const ScriptedServer server(
      {Script{}.Send({Hello(90), Record(RecordKind::kGap, 50, 3), Death(51)}).Stay(),
       Script{}
           .Send({Hello(90),
                  Record(RecordKind::kSnapshotBegin, 90),
                  Record(RecordKind::kSnapshotRow, 90),
                  Record(RecordKind::kSnapshotEnd, 90, 1),
                  Death(91)})
           .Stay()});
  Subscription subscription = From(server, 3);
  subscription.resnapshot = true;
  Client client(subscription);
  EXPECT_THAT(Hear(client, 5).sequences(), ElementsAre(50, 90, 90, 90, 91));
  EXPECT_EQ(server.requests()[1].kind, RequestKind::kSubscribeSnapshot);
}

TEST(Client, BreakAmidASnapshotBeginsItAnew) {
  const ScriptedServer server({Script{}.Send({Hello(10),
                                              Record(RecordKind::kSnapshotBegin, 10),
                                              Record(RecordKind::kSnapshotRow, 10)}),
                               Script{}.Send({Hello(12),
                                              Record(RecordKind::kSnapshotBegin, 12),
                                              Record(RecordKind::kSnapshotRow, 12),
                                              Record(RecordKind::kSnapshotEnd, 12, 1)}),
                               Script{}.Send({Hello(13), Death(13)}).Stay()});
  Client client(
      {.address = server.address(), .start = RequestKind::kSubscribeSnapshot, .groups = {}});
  EXPECT_THAT(Hear(client, 6).kinds(),
              ElementsAre(RecordKind::kSnapshotBegin,
                          RecordKind::kSnapshotRow,
                          RecordKind::kSnapshotBegin,
                          RecordKind::kSnapshotRow,
                          RecordKind::kSnapshotEnd,
                          RecordKind::kLiveness));
  const std::vector<DeliveryRequest> requests = server.requests();
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(requests[1].kind, RequestKind::kSubscribeSnapshot);
  EXPECT_EQ(requests[2].kind, RequestKind::kSubscribeFrom);
  EXPECT_EQ(requests[2].sequence, 12U);
}

TEST(Client, SnapshotThatLostARowIsNotBelieved) {
  const ScriptedServer server({Script{}
                                   .Send({Hello(10),
                                          Record(RecordKind::kSnapshotBegin, 10),
                                          Record(RecordKind::kSnapshotRow, 10),
                                          Record(RecordKind::kSnapshotEnd, 10, 2)})
                                   .Stay(),
                               Script{}
                                   .Send({Hello(10),
                                          Record(RecordKind::kSnapshotBegin, 10),
                                          Record(RecordKind::kSnapshotEnd, 10, 0)})
                                   .Stay()});
  Client client(
      {.address = server.address(), .start = RequestKind::kSubscribeSnapshot, .groups = {}});
  EXPECT_EQ(Hear(client, 4).records.back().kind, RecordKind::kSnapshotEnd);
  EXPECT_EQ(client.reconnections(), 1U);
}

TEST(Client, RefusalThatWillNotPassIsAnError) {
  const ScriptedServer server({Script{}.Send({Refused(DeliveryError::kFutureSequence)}).Stay()});
  Client client(From(server, 99));
  EXPECT_THAT(Hear(client, 1).error, HasSubstr("future sequence"));
  EXPECT_THAT(Hear(client, 1).error, HasSubstr("future sequence")) << "and stays one";
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST(Client, RecordsBeforeAnErrorAreHandedOut) {
  const ScriptedServer server(
      {Script{}.Send({Hello(9), Death(1), Refused(DeliveryError::kBadRequest)}).Stay()});
  Client client(From(server, 0));
  EXPECT_EQ(Hear(client, 1).sequences(), OneTo(1));
  EXPECT_THAT(Hear(client, 1).error, HasSubstr("bad request"));
}

TEST(Client, RefusalThatMayPassIsTriedAgain) {
  const ScriptedServer server({Script{}.Send({Refused(DeliveryError::kTooManySubscribers)}),
                               Script{}.Send({Hello(1), Death(1)}).Stay()});
  Client client(From(server, 0));
  for (int patience = 20'000; client.refusal().empty() && patience > 0; --patience) {
    ASSERT_TRUE(client.Poll(Duration{1'000'000}, [](std::span<const DeliveryRecord>) { FAIL(); }));
  }
  EXPECT_THAT(client.refusal(), HasSubstr("too many subscribers"));
  EXPECT_EQ(Hear(client, 1).sequences(), OneTo(1));
  EXPECT_EQ(client.refusal(), "") << "it has passed";
}

TEST(Client, StrangerIsAnError) {
  const std::vector<DeliveryRecord> nonsense{DeliveryRecord{.sequence = 1}};
  const ScriptedServer server({Script{}.Send(nonsense),
                               Script{}.Send(nonsense),
                               Script{}.Send(nonsense),
                               Script{}.Send(nonsense)});
  Client client(From(server, 0));
  EXPECT_THAT(Hear(client, 1).error, HasSubstr("found something else"));
}

TEST(Client, BadAddressIsAnError) {
  for (const char* address :
       {"", "localhost:1", "1.2.3.4", "[::1]", "unix:", "1.2.3.4:0", "::1:5"}) {
    Client client({.address = address, .groups = {}});
    EXPECT_THAT(Hear(client, 1).error, HasSubstr("needed an address")) << address;
  }
}

TEST(Client, ServerThatRestartsIsFoundAgain) {
  const std::string path = SocketPath();
  auto server = std::make_unique<ScriptedServer>(
      std::vector<Script>{Script{}.Send({Hello(2), Death(1), Death(2)}).Stay()}, path);
  Client client(From(*server, 0));
  EXPECT_EQ(Hear(client, 2).sequences(), OneTo(2));
  server.reset();
  const auto nobody =
      client.Poll(Duration{20'000'000}, [](std::span<const DeliveryRecord>) { FAIL(); });
  ASSERT_TRUE(nobody) << nobody.error();
  EXPECT_EQ(*nobody, 0U);
  EXPECT_FALSE(client.connected());
  EXPECT_EQ(client.descriptor(), -1);
  server = std::make_unique<ScriptedServer>(
      std::vector<Script>{Script{}.Send({Hello(3), Death(3)}).Stay()}, path);
  EXPECT_THAT(Hear(client, 1).sequences(), ElementsAre(3));
  EXPECT_TRUE(client.connected());
}

TEST(Client, RecordIsNotAccountedForWhenTheCallbackThrows) {
  const ScriptedServer server({Script{}.Send({Hello(2), Death(1), Death(2)}).Stay(),
                               Script{}.Send({Hello(2), Death(1), Death(2)}).Stay()});
  Client client(From(server, 0));
  const auto throws = [](std::span<const DeliveryRecord>) { throw std::runtime_error("no"); };
  bool returned = false;
  EXPECT_THROW(returned = client.Poll(kLimit, throws).has_value(), std::runtime_error);
  EXPECT_FALSE(returned);
  EXPECT_EQ(client.sequence(), 0U);
  EXPECT_EQ(Hear(client, 2).sequences(), OneTo(2)) << "and they come again";
}

TEST(Client, MoreThanOneBufferIsHandedOutInOrder) {
  Script script;
  std::vector<DeliveryRecord> stream{Hello(20'000)};
  for (std::uint64_t sequence = 1; sequence <= 20'000; ++sequence) {
    stream.push_back(Death(sequence));
  }
  const ScriptedServer server({script.Send(stream).Stay()});
  Client client(From(server, 0));
  EXPECT_EQ(Hear(client, 20'000).sequences(), OneTo(20'000));
}

}  // namespace
}  // namespace flatline
