// What may be in a roster's CSV and JSON lines, and how faults are told: one table each.
#include "control/roster/roster_load.h"

#include "tests/control/roster/roster_on_disk.h"

#include <sstream>
#include <vector>

#include <gmock/gmock.h>

namespace flatline {
namespace {

using testing::HasSubstr;

struct Bad {
  const char* sentence;
  std::string text;
  std::uint64_t line;
  std::uint32_t column;
  const char* cause;
};

void PrintTo(const Bad& bad, std::ostream* out) {
  *out << bad.sentence;
}

class RosterFaults : public testing::TestWithParam<Bad> {};

TEST_P(RosterFaults, NameLineColumnAndCauseAndWriteNothing) {
  const RosterOnDisk disk;
  const RosterOutcome outcome = disk.Load(GetParam().text);
  ASSERT_FALSE(outcome.faults.empty());
  EXPECT_EQ(outcome.faults.front().line, GetParam().line) << outcome.faults.front().cause;
  EXPECT_EQ(outcome.faults.front().column, GetParam().column) << outcome.faults.front().cause;
  EXPECT_THAT(outcome.faults.front().cause, HasSubstr(GetParam().cause));
  EXPECT_FALSE(outcome.is_written);
  EXPECT_TRUE(std::filesystem::is_empty(disk.directory())) << "nothing half done";
}

INSTANTIATE_TEST_SUITE_P(
    Csv,
    RosterFaults,
    testing::Values(
        Bad{"nothing at all", "", 1, 0, "names no column"},
        Bad{"no identity", "rack,zone\n", 1, 0, "\"id\" or \"name\""},
        Bad{"a column twice", "id,rack,rack\n", 1, 9, "named twice"},
        Bad{"a key with a space", "id,the rack\n", 1, 4, "a key is made of"},
        Bad{"a word of the filters", "id,not\n", 1, 4, "a key is made of"},
        Bad{"an id that is none", "id,rack\n1,r1\nx2,r1\n", 3, 1, "\"x2\" is not a whole number"},
        Bad{"id zero", "id\n0\n", 2, 1, "from 1 on"},
        Bad{"an id beyond 64 bits",
            "id\n18446744073709551616\n",
            2,
            1,
            "up to 18446744073709551615"},
        Bad{"neither", "id,name\n1,a\n,\n", 3, 0, "neither id nor name"},
        Bad{"too few fields", "id,rack\n1\n", 2, 0, "1 fields where the header has 2"},
        Bad{"too many fields", "id,rack\n1,r,s\n", 2, 5, "more fields than the header's 2"},
        Bad{"a quote amid a field", "id,rack\n1,r\"7\n", 2, 4, "a quote amid a field"},
        Bad{"text behind a quote", "id,rack\n1,\"r\"7\n", 2, 6, "text behind a closing quote"},
        Bad{"a quote that never closes", "id,rack\n1,\"r7\n2,r8\n", 2, 3, "has no end"},
        Bad{"lines within quotes count",
            "id,rack\n1,\"r\n7\"\n",
            2,
            4,
            "without control characters"},
        Bad{"a name like a number", "id,name\n1,0x2a\n", 2, 3, "would be taken for an id"},
        Bad{"a name like a range", "id,name\n1,10-20\n", 2, 3, "would be taken for an id"},
        Bad{"a long name", "id,name\n1," + std::string(161, 'a') + "\n", 2, 3, "161 bytes"},
        Bad{"a group beyond 32 bits", "id,group\n1,4294967296\n", 2, 3, "group: "},
        Bad{"a profile that is none", "id,profile\n1,fast\n", 2, 3, "profile: there is node"},
        Bad{"an id twice", "id\n7\n8\n7\n", 4, 0, "id 7 is on line 2 already"},
        Bad{"a name twice", "id,name\n1,a\n2,b\n3,a\n", 4, 0, "name \"a\" is on line 2 already"},
        Bad{"an id that a name has too",
            "id,name\n,web\n" + std::to_string(roster::IdOfName("web", 3)) + ",\n",
            3,
            0,
            "is on line 2 already"}));

INSTANTIATE_TEST_SUITE_P(
    JsonLines,
    RosterFaults,
    testing::Values(
        Bad{"a line that is no object", "{\"id\":1}\n[2]\n", 2, 1, "not a JSON object"},
        Bad{"an object cut off", "{\"id\":1}\n{\"id\":2\n", 2, 1, "not a JSON object"},
        Bad{"two on a line", "{\"id\":1} {\"id\":2}\n", 1, 7, "one object a line"},
        Bad{"an unknown key", "{\"id\":1,\"rack\":\"r7\"}\n", 1, 16, "unknown key \"rack\""},
        Bad{"a negative id", "{\"id\":-1}\n", 1, 7, "not a whole number"},
        Bad{"a broken id", "{\"id\":1.5}\n", 1, 7, "not a whole number"},
        Bad{"an id that is a list", "{\"id\":[1]}\n", 1, 7, "neither a number nor a string"},
        Bad{"a name that is a number", "{\"name\":5}\n", 1, 9, "name: not a string"},
        Bad{"a word that begins like null", "{\"id\":1,\"name\":nudl}\n", 1, 16, "not JSON"},
        Bad{"labels that are a list", "{\"id\":1,\"labels\":[]}\n", 1, 18, "needs an object"},
        Bad{"a label that is a number",
            "{\"id\":1,\"labels\":{\"u\":3}}\n",
            1,
            23,
            "needs a string"},
        Bad{"a label twice",
            "{\"id\":1,\"labels\":{\"u\":\"a\",\"u\":\"b\"}}\n",
            1,
            31,
            "\"u\": given twice"},
        Bad{"neither", "\n{\"labels\":{}}\n", 2, 11, "neither id nor name"}));

TEST(RosterCsv, TakesQuotesCommasEndsOfLinesAndBlankLines) {
  const RosterOnDisk disk;
  const auto roster = disk.Loaded(
      "\"id\",name,rack\r\n"
      "1,\"a, \"\"b\"\"\",\"r7\"\r\n"
      "\r\n"
      "2,c,\n"
      "\n"
      "3,d,r7");
  ASSERT_NE(roster, nullptr);
  EXPECT_EQ(roster->size(), 3U);
  EXPECT_EQ(roster->NameOf(1), "a, \"b\"");
  EXPECT_EQ(roster->NameOf(3), "d");
  EXPECT_EQ(roster->pairs(), 1U);
  EXPECT_TRUE(roster->labels(roster->Find(2).value()).empty()) << "an empty field says nothing";
}

TEST(RosterJson, TakesNumbersTextsAndEscapes) {
  const RosterOnDisk disk;
  const auto roster = disk.Loaded(
      "{\"id\": 18446744073709551615, \"name\": \"caf\\u00e9 \\\"x\\\"\", \"group\": \"hall\"}\r\n"
      "\n"
      "  {\"labels\": {\"rack\": \"r7\", \"os\": \"a\\\\b\", \"none\": \"\"}, \"id\": \"0x2a\", "
      "\"profile\": \"node\", \"name\": null, \"group\": 9}");
  ASSERT_NE(roster, nullptr);
  EXPECT_EQ(roster->NameOf(18446744073709551615U), "café \"x\"");
  const auto second = roster->Find(42).value();
  EXPECT_EQ(roster->group(second), 9U);
  EXPECT_EQ(roster->profile(second), 5U);
  EXPECT_EQ(roster->labels(second).size(), 2U);
  EXPECT_TRUE(roster->FindPair(roster->FindKey("os").value(), "a\\b"));
}

// Larger than a piece, so that pieces are cut, some of them amid a quoted field.
TEST(RosterLoad, CutsPiecesBetweenRecordsAndCountsLines) {
  const RosterOnDisk disk;
  std::string text = "id,name,note\n";
  std::uint64_t rows = 0;
  while (text.size() < (std::size_t{20} << 20)) {
    ++rows;
    text += std::to_string(rows) + ",\"n, " + std::to_string(rows) + "\",\"" +
            std::string(rows % 97, 'x') + "\"\"\"\n";
  }
  const auto roster = disk.Loaded(text);
  ASSERT_EQ(roster->size(), rows);
  for (std::uint64_t id = 1; id <= rows; ++id) {
    ASSERT_EQ(roster->NameOf(id), "n, " + std::to_string(id));
  }
  text += "bad,,\n";
  const RosterOutcome outcome = disk.Load(text);
  EXPECT_EQ(outcome.fault_count, 1U);
  EXPECT_EQ(outcome.faults.front().line, rows + 2);
}

TEST(RosterLoad, SkipsBadLinesWhenTold) {
  const RosterOnDisk disk;
  const RosterOutcome outcome = disk.Load(
      "id,name,rack\n"
      "1,a,r1\n"
      "x,b,r1\n"
      "3,c\"c,r1\n"
      "4,d,\"r1\n"
      "5,e,r1\n"
      "1,f,r1\n"
      "7,a,r1\n"
      "8,g,r2\n",
      true);
  EXPECT_TRUE(outcome.is_written);
  EXPECT_EQ(outcome.fault_count, 5U);
  EXPECT_EQ(outcome.totals.endpoints, 3U);
  const auto roster = disk.Opened();
  EXPECT_EQ(roster->NameOf(1), "a");
  EXPECT_EQ(roster->NameOf(5), "e");
  EXPECT_EQ(roster->NameOf(8), "g");
  EXPECT_EQ(roster->IdOf("f"), std::nullopt);
}

TEST(RosterLoad, TellsTheFirstFaultsAndCountsAll) {
  const RosterOnDisk disk;
  std::string text = "id\n";
  for (int i = 0; i < 1000; ++i) {
    text += "x\n";
  }
  const RosterOutcome outcome = disk.Load(text);
  EXPECT_EQ(outcome.fault_count, 1000U);
  EXPECT_EQ(outcome.faults.size(), 20U);
  EXPECT_EQ(outcome.faults.back().line, 21U);
}

TEST(RosterLoad, KeepsTheOldOneWhenTheNewOneIsBad) {
  const RosterOnDisk disk;
  ASSERT_TRUE(disk.Load("id,name\n1,a\n").is_written);
  EXPECT_FALSE(disk.Load("id,name\n1,b\n0,c\n").is_written);
  EXPECT_EQ(disk.Opened()->NameOf(1), "a");
}

TEST(RosterLoad, TellsHowFarItIs) {
  const RosterOnDisk disk;
  std::vector<std::string> steps;
  RosterLoad how;
  how.progress = [&](std::string_view step, std::uint64_t done, std::uint64_t of) {
    EXPECT_LE(done, of);
    steps.emplace_back(step);
  };
  std::istringstream in("id\n1\n2\n");
  ASSERT_TRUE(LoadRoster(RosterText::Of(in).text(), how, disk.path()));
  EXPECT_EQ(steps, (std::vector<std::string>{"read", "ordered", "written"}));
}

TEST(RosterLoad, SaysWhereItCannotWrite) {
  const auto outcome = LoadRoster("id\n1\n", {}, "/nonexistent-flatline/roster");
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error(), HasSubstr("/nonexistent-flatline"));
}

}  // namespace
}  // namespace flatline
