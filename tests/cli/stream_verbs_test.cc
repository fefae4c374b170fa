// watch, enrol and retire against a scripted server in control's place.
#include "control/cli/record_text.h"
#include "tests/cli/in_process.h"
#include "tests/client/scripted_server.h"

#include <flatline/delivery.h>
#include <flatline/guard.h>
#include <flatline/summary.h>
#include <flatline/suspicion_record.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Path() {
  return "/tmp/flatline-verbs-test-" + std::to_string(::getpid()) + ".sock";
}

TEST(Watch, PrintsRecordsAsText) {
  DeliveryRecord death = Death(8);
  death.at_ns = 1'700'000'000'000'000'123;
  death.silence_ns = 40'000'000'000;
  death.group = 3;
  const ScriptedServer server({Script{}.Send({Hello(7), Sealed(death)}).Stay()});
  const Ran ran = Flatline({"watch", "--address", server.address(), "--from", "7", "--count", "1"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out,
            "2023-11-14T22:13:20.000000123Z #8 endpoint 1008 suspect -> dead (not-confirmed), "
            "silent 40.00s, group 3, incarnation 0\n");
  EXPECT_EQ(server.requests()[0].sequence, 7U);
}

TEST(Watch, TellsWhySomebodyIsSentAway) {
  const ScriptedServer full(
      std::vector<Script>(20, Script{}.Send({Refused(DeliveryError::kTooManySubscribers)})));
  const Ran refused = Flatline({"watch", "--address", full.address(), "--for", "1s"});
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.err, HasSubstr("sent away: too many subscribers"));
  EXPECT_THAT(refused.err, HasSubstr("to take us in, found: too many subscribers"));
  EXPECT_THAT(refused.err, Not(HasSubstr("found nobody")));
}

TEST(Watch, PrintsSnapshotsAsJsonAndPassesFilters) {
  const ScriptedServer server(
      {Script{}
           .Send({Hello(7),
                  Record(RecordKind::kSnapshotBegin, 7),
                  Sealed({.sequence = 7, .endpoint = 5, .kind = RecordKind::kSnapshotRow, .to = 1}),
                  Record(RecordKind::kSnapshotEnd, 7, 1)})
           .Stay()});
  const Ran ran = Flatline({"watch",
                            "--json",
                            "--address",
                            server.address(),
                            "--snapshot",
                            "--liveness",
                            "dead,alive",
                            "--group",
                            "4,5",
                            "--no-health",
                            "--count",
                            "3"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  std::istringstream lines(ran.out);
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(json::parse(line)["kind"], "snapshot-begin");
  std::getline(lines, line);
  EXPECT_EQ(json::parse(line)["endpoint"], 5);
  EXPECT_EQ(json::parse(line)["to"], "alive");
  std::getline(lines, line);
  EXPECT_EQ(json::parse(line)["rows"], 1);
  EXPECT_EQ(server.requests()[0].kind, RequestKind::kSubscribeSnapshot);
  EXPECT_EQ(server.requests()[0].liveness_mask, (1U << 3) | (1U << 1));
  EXPECT_EQ(server.requests()[0].want_health, 0);
  EXPECT_THAT(server.groups(), ::testing::ElementsAre(4, 5));
}

TEST(Watch, TellsWhoHoldsWhichLeaseInASnapshot) {
  const ScriptedServer server({Script{}
                                   .Send({Hello(7),
                                          Record(RecordKind::kSnapshotBegin, 7),
                                          Sealed({.sequence = 7,
                                                  .endpoint = 5,
                                                  .silence_ns = 9,
                                                  .heartbeat_sequence = 3,
                                                  .kind = RecordKind::kLease,
                                                  .from = 2,
                                                  .to = 1}),
                                          Record(RecordKind::kSnapshotEnd, 7, 1)})
                                   .Stay()});
  const Ran ran = Flatline({"watch", "--address", server.address(), "--snapshot", "--count", "3"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("lease leader:9 is held by"));
  EXPECT_THAT(ran.out, HasSubstr("snapshot ends after 1 rows"));
}

// Two suspicions: of the one nothing is known, the other is far below the threshold and over soon.
TEST(Watch, HasAThresholdOfItsOwn) {
  DeliveryRecord scale{.sequence = 9, .endpoint = 6, .kind = RecordKind::kSuspicion, .to = 2};
  WriteScale({.expected = 3600e9, .deviation = 1e9}, scale);
  const auto change =
      [](std::uint64_t sequence, EndpointId id, std::uint8_t from, std::uint8_t to) {
        return Sealed({.sequence = sequence, .endpoint = id, .from = from, .to = to});
      };
  const ScriptedServer server({Script{}
                                   .Send({Hello(11),
                                          change(8, 5, 1, 2),
                                          Sealed(scale),
                                          change(9, 6, 1, 2),
                                          change(10, 6, 2, 1),
                                          change(11, 5, 2, 3)})
                                   .Stay()});
  const Ran ran = Flatline(
      {"watch", "--address", server.address(), "--from", "7", "--suspicion", "12", "--count", "2"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(server.requests()[0].options, kWantSuspicion);
  EXPECT_THAT(ran.out, HasSubstr("#8 endpoint 5 alive -> suspect"));
  EXPECT_THAT(ran.out, HasSubstr("#11 endpoint 5 suspect -> dead"));
  EXPECT_THAT(ran.out, Not(HasSubstr("endpoint 6")));
}

TEST(Watch, RefusesLevelsThatAreNone) {
  for (const char* const level : {"0", "-3", "1001", "nan", "many", ""}) {
    EXPECT_EQ(Flatline({"watch", "--suspicion", level}).code, 2) << level;
  }
  EXPECT_EQ(Flatline({"watch", "--suspicion", "8", "--summary", "1s"}).code, 2);
}

TEST(Watch, TellsNamesIfAsked) {
  const std::vector<DeliveryRecord> stream{
      Hello(7), NamePart(8, "web\x1b-"), Death(8), NamePart(9, "\xff"), Death(9)};
  for (const bool as_json : {false, true}) {
    const ScriptedServer server({Script{}.Send(stream).Stay()});
    std::vector<std::string> arguments{
        "watch", "--address", server.address(), "--from", "7", "--count", "2", "--names"};
    if (as_json) {
      arguments.emplace_back("--json");
    }
    const Ran ran = Flatline(arguments);
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(server.requests()[0].options, kWantNames);
    if (as_json) {
      std::istringstream lines(ran.out);
      std::string line;
      std::getline(lines, line);
      EXPECT_EQ(json::parse(line)["name"], "web\x1b-");
      std::getline(lines, line);
      EXPECT_EQ(json::parse(line)["name"], "\uFFFD");
    } else {
      EXPECT_THAT(ran.out, HasSubstr("endpoint 1008 (web?-) suspect -> dead"));
    }
  }
}

TEST(Watch, PrintsSummaries) {
  DeliveryRecord group{.sequence = 9, .group = 7, .kind = RecordKind::kSummary};
  WriteSummary({.liveness = {1, 2, 3, 4, 5}, .degraded = 6, .failing = 7}, group);
  DeliveryRecord sum = group;
  sum.group = 0;
  sum.to = 1;
  sum.reason = kSummaryUnsettled;
  for (const bool as_json : {false, true}) {
    const ScriptedServer server({Script{}.Send({Hello(9), Sealed(group), Sealed(sum)}).Stay()});
    std::vector<std::string> arguments{
        "watch", "--address", server.address(), "--summary", "1s", "--count", "2"};
    if (as_json) {
      arguments.emplace_back("--json");
    }
    const Ran ran = Flatline(arguments);
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(server.requests()[0].kind, RequestKind::kSubscribeNow);
    EXPECT_EQ(server.requests()[0].text_bytes, std::string("summary=1000\n").size());
    std::istringstream lines(ran.out);
    std::string line;
    std::getline(lines, line);
    if (as_json) {
      EXPECT_EQ(json::parse(line)["group"], 7);
      EXPECT_EQ(json::parse(line)["dead"], 4);
      EXPECT_EQ(json::parse(line)["settled"], true);
      std::getline(lines, line);
      EXPECT_EQ(json::parse(line)["group"], nullptr);
      EXPECT_EQ(json::parse(line)["failing"], 7);
      EXPECT_EQ(json::parse(line)["settled"], false);
    } else {
      EXPECT_THAT(line,
                  HasSubstr("#9 group 7: 2 alive (6 degraded, 7 failing), 3 suspect, 4 dead, 5 "
                            "left, 1 unknown"));
      EXPECT_THAT(ran.out, HasSubstr("all: 2 alive"));
    }
  }
  EXPECT_EQ(Flatline({"watch", "--summary", "2h"}).code, 2);
  EXPECT_EQ(Flatline({"watch", "--summary", "1s", "--from", "3"}).code, 2);
}

TEST(Watch, EndsInTime) {
  const ScriptedServer server({Script{}.Send({Hello(7)}).Stay()});
  const Ran ran = Flatline({"watch", "--address", server.address(), "--for", "500ms"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out, "");
}

TEST(Watch, NobodyThereIsAbsentAndNonsenseIsUsage) {
  EXPECT_EQ(Flatline({"watch", "--address", "unix:/nonexistent", "--for", "20ms"}).code, 3);
  EXPECT_EQ(Flatline({"watch", "--liveness", "dying"}).code, 2);
  EXPECT_EQ(Flatline({"watch", "--for", "soon"}).code, 2);
  EXPECT_EQ(Flatline({"watch", "--from", "1", "--snapshot"}).code, 2);
}

TEST(Watch, RefusalIsAFailure) {
  const ScriptedServer server({Script{}.Send({Refused(DeliveryError::kFutureSequence)}).Stay()});
  const Ran ran = Flatline({"watch", "--address", server.address(), "--from", "99"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("future sequence"));
}

TEST(RecordText, EveryKindOfTheStreamHasItsWords) {
  DeliveryRecord blind = Record(RecordKind::kBlind, 4, 2'000'000);
  blind.reason = static_cast<std::uint8_t>(Reason::kLinkDown);
  EXPECT_THAT(RecordText(blind), HasSubstr("#4 blind for 2.0ms (link-down)"));
  DeliveryRecord guard = Record(RecordKind::kGroup, 4, 60'000'000'000);
  guard.from = static_cast<std::uint8_t>(GroupCause::kFleet);
  guard.to = 1;
  guard.reason = static_cast<std::uint8_t>(Reason::kGuard);
  guard.incarnation = 600;
  guard.heartbeat_sequence = 1000;
  EXPECT_THAT(
      RecordText(guard),
      HasSubstr("#4 fleet: guard: nobody is called dead, 600 of 1000 silent, within 1m00s"));
  EXPECT_EQ(RecordJson(guard)["group"], nullptr);
  EXPECT_EQ(RecordJson(guard)["of"], 1000);
  DeliveryRecord flapping = Record(RecordKind::kFlapping, 5, 90'000'000'000);
  flapping.endpoint = 42;
  flapping.from = flapping.to = static_cast<std::uint8_t>(Liveness::kAlive);
  flapping.reason = static_cast<std::uint8_t>(Reason::kFlapping);
  flapping.heartbeat_sequence = 3000;
  EXPECT_THAT(RecordText(flapping),
              HasSubstr("#5 endpoint 42 FLAPPING, alive now, penalty 3000: "));
  EXPECT_THAT(RecordText(flapping), HasSubstr("for 1m30s at least"));
  EXPECT_EQ(RecordJson(flapping)["begins"], true);
  flapping.reason = static_cast<std::uint8_t>(Reason::kQuietAgain);
  flapping.to = static_cast<std::uint8_t>(Liveness::kDead);
  flapping.incarnation = 7;
  EXPECT_THAT(RecordText(flapping),
              HasSubstr("endpoint 42 is quiet again after 1m30s: alive -> dead (7 changes were "
                        "suppressed)"));
  EXPECT_EQ(RecordJson(flapping)["suppressed"], 7);
  guard.to = 0;
  EXPECT_THAT(RecordText(guard), HasSubstr("guard leaves"));
  EXPECT_THAT(RecordText(Record(RecordKind::kReset, 1)), HasSubstr("reset"));
  EXPECT_THAT(RecordText(Record(RecordKind::kGap, 9, 3)), HasSubstr("records 4 to 9 are lost"));
  const DeliveryRecord health =
      Sealed({.endpoint = 6, .kind = RecordKind::kHealth, .from = 1, .to = 3});
  EXPECT_THAT(RecordText(health), HasSubstr("endpoint 6 health ready -> failing"));
  EXPECT_EQ(WallText(-1), "1969-12-31T23:59:59.999999999Z");
}

TEST(RecordText, MaintenanceSaysOfWhom) {
  DeliveryRecord record = Record(RecordKind::kMaintenance, 6, 3'600'000'000'000);
  record.endpoint = 42;
  record.to = 1;
  record.from = static_cast<std::uint8_t>(GroupCause::kOperator);
  EXPECT_THAT(RecordText(record, "web-1"),
              HasSubstr("#6 endpoint 42 (web-1): maintenance for 1h00m"));
  EXPECT_EQ(RecordJson(record, "web-1")["name"], "web-1");
  EXPECT_EQ(RecordJson(record, "web-1")["begins"], true);
  EXPECT_FALSE(RecordJson(record).contains("name"));
  record.endpoint = kNoEndpoint;
  record.group = 7;
  record.to = 0;
  EXPECT_THAT(RecordText(record), HasSubstr("group 7: maintenance is over after 1h00m"));
  EXPECT_EQ(RecordJson(record)["group"], 7);
  EXPECT_EQ(RecordJson(record)["begins"], false);
}

// The first connection is the verb's test whether control is there.
std::vector<Script> ControlThatAnswers() {
  return {Script{}, Script{}};
}

TEST(Enrol, SendsArgumentsRangesAndLines) {
  const ScriptedServer server(ControlThatAnswers(), Path());
  const Ran ran = Flatline({"enrol", "--socket", Path(), "7", "20-29", "--file", "-", "--json"},
                           "100,database,4\n# none\n\n101,,5 # a rack\n");
  EXPECT_EQ(ran.code, 0) << ran.err;
  const json summary = json::parse(ran.out);
  EXPECT_EQ(summary["asked"], 13);
  EXPECT_EQ(summary["results"]["done"], 13);
  EXPECT_EQ(server.requests().back().count, 13U);
}

TEST(Retire, SaysWhoWasNotThere) {
  const ScriptedServer server(ControlThatAnswers(), Path());
  const Ran ran = Flatline({"retire", "--socket", Path(), "12-14"});
  EXPECT_EQ(ran.code, 3);
  EXPECT_EQ(ran.out, "retire: 3 asked for, 2 done, 1 unknown-endpoint\n  13: unknown-endpoint\n");
}

TEST(Guard, SendsAnOrder) {
  const ScriptedServer server(ControlThatAnswers(), Path());
  const Ran ran = Flatline({"guard", "hold", "--for", "1h", "--socket", Path(), "--json"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(json::parse(ran.out)["seconds"], 3600);
  EXPECT_EQ(server.requests().back().count, 1U);
}

TEST(Maintain, SendsEndpointsAndGroups) {
  const ScriptedServer server(ControlThatAnswers(), Path());
  const Ran ran = Flatline({"maintain",
                            "10-11",
                            "--group",
                            "7",
                            "--for",
                            "2h",
                            "--reason",
                            "new switch",
                            "--socket",
                            Path(),
                            "--json"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(json::parse(ran.out)["asked"], 3);
  EXPECT_EQ(server.requests().back().count, 3U);
}

TEST(Maintain, SaysWhatCannotBe) {
  const std::vector<std::string> at{"--socket", "/nonexistent"};
  const auto code = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "maintain");
    arguments.insert(arguments.end(), at.begin(), at.end());
    return Flatline(arguments).code;
  };
  EXPECT_EQ(code({"42"}), 2) << "neither --for nor --end";
  EXPECT_EQ(code({"42", "--for", "1h", "--end"}), 2);
  EXPECT_EQ(code({"42", "--for", "1ms"}), 2);
  EXPECT_EQ(code({"42", "--for", "9000h"}), 2);
  EXPECT_EQ(code({"42", "--end", "--reason", "x"}), 2);
  EXPECT_EQ(code({"--for", "1h"}), 2) << "of whom?";
  EXPECT_EQ(code({"x", "--for", "1h"}), 2);
  EXPECT_EQ(code({"--group", "0", "--for", "1h"}), 2);
  EXPECT_EQ(code({"42", "--for", "1h"}), 3) << "nobody is there";
}

TEST(Maintain, SaysWhatAReasonIsBeforeItAsks) {
  const auto run = [](const std::string& reason) {
    return Flatline(
        {"maintain", "1", "--for", "1h", "--socket", "/nonexistent", "--reason", reason});
  };
  for (const std::string& reason : {std::string(81, 'x'),
                                    std::string("a\nb"),
                                    std::string("\xFF"),
                                    std::string("\xED\xA0\x80")}) {
    const Ran ran = run(reason);
    EXPECT_EQ(ran.code, 2);
    EXPECT_THAT(ran.err, HasSubstr("--reason: needed one line of UTF-8 of at most 80 bytes"));
  }
  EXPECT_EQ(run(std::string(78, 'x') + "\xC3\xBC").code, 3) << "nobody is there";
  EXPECT_EQ(Flatline({"maintain", " ", "--for", "1h", "--socket", "/nonexistent"}).code, 2);
}

TEST(Guard, SaysWhatCannotBe) {
  EXPECT_EQ(Flatline({"guard"}).code, 2);
  EXPECT_EQ(Flatline({"guard", "maybe"}).code, 2);
  EXPECT_EQ(Flatline({"guard", "auto", "--for", "1h"}).code, 2) << "auto needs no time";
  EXPECT_EQ(Flatline({"guard", "hold", "--for", "soon"}).code, 2);
  EXPECT_THAT(Flatline({"guard", "hold", "--for", "1ms"}).err, HasSubstr("--for: needed 1s to"));
  EXPECT_EQ(Flatline({"guard", "release", "--socket", "/nonexistent"}).code, 3);
}

TEST(Enrol, EveryFaultyLineIsToldAndNothingIsSent) {
  const Ran ran = Flatline({"enrol", "--socket", "/nonexistent", "--file", "-", "9-"},
                           "1\nx\n2,nobody\n3,,many\n4,5,6,7\n5-4\n0\n");
  EXPECT_EQ(ran.code, 2);
  for (const char* fault : {"argument 9-: ",
                            "stdin:2: \"x\" is not an id",
                            "stdin:3: \"nobody\" is not a profile",
                            "stdin:4: group \"many\"",
                            "stdin:5: more than id,profile,group",
                            "stdin:6: \"5-4\" ends before it begins",
                            "stdin:7: \"0\" is not an id"}) {
    EXPECT_THAT(ran.err, HasSubstr(fault));
  }
}

TEST(Enrol, WithoutControlOrWithoutIds) {
  EXPECT_EQ(Flatline({"enrol", "--socket", "/nonexistent", "1"}).code, 3);
  EXPECT_EQ(Flatline({"enrol", "--socket", "/nonexistent"}).code, 2);
  EXPECT_EQ(Flatline({"enrol", "--file", "/nonexistent"}).code, 2);
  EXPECT_EQ(Flatline({"enrol", "--socket", "/nonexistent", " "}).code, 2);
  for (const char* verb : {"enrol", "retire"}) {
    const Ran ran = Flatline({verb, "--socket", "/nonexistent", "--file", "/"});
    EXPECT_EQ(ran.code, 2);
    EXPECT_THAT(ran.err, HasSubstr("/: needed a readable file, found Is a directory"));
  }
  EXPECT_EQ(Flatline({"enrol", "1-18446744073709551615", "--socket", "/nonexistent"}).code, 2);
}

TEST(Address, IsWrongOrDeserted) {
  for (const char* address : {"nonsense", "127.0.0.1", "127.0.0.1:0", "localhost:17997"}) {
    EXPECT_EQ(Flatline({"enrol", "1", "--address", address}).code, 2) << address;
    EXPECT_EQ(Flatline({"watch", "--for", "1ms", "--address", address}).code, 2) << address;
  }
  const Ran ran = Flatline({"enrol", "1", "--address", "127.0.0.1:1"});
  EXPECT_EQ(ran.code, 3) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("found nobody who answers (Connection refused); start it, or"));
}

}  // namespace
}  // namespace flatline::cli
