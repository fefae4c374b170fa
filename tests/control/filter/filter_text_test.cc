// The expression of a filter: what can be said, and how faults are told.
#include "control/filter/filter_text.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Bad {
  std::string text;
  std::size_t column;
  const char* cause;
  const char* hint;
};

void PrintTo(const Bad& bad, std::ostream* out) {
  *out << bad.text.substr(0, 40);
}

class FilterFaults : public testing::TestWithParam<Bad> {};

TEST_P(FilterFaults, NameColumnCauseAndHint) {
  const auto parsed = ParseFilter(GetParam().text);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().column, GetParam().column) << parsed.error().Text();
  EXPECT_THAT(parsed.error().cause, HasSubstr(GetParam().cause));
  EXPECT_THAT(parsed.error().hint, HasSubstr(GetParam().hint));
}

INSTANTIATE_TEST_SUITE_P(
    Table,
    FilterFaults,
    testing::Values(
        Bad{"", 1, "a test is missing", "liveness:dead"},
        Bad{"liveness:deda", 10, "no such liveness: deda", "did you mean dead?"},
        Bad{"liveness:dead, gone", 16, "no such liveness: gone", "unknown alive suspect dead left"},
        Bad{"health:redy", 8, "no such health", "did you mean ready?"},
        Bad{"reason:first-hartbeat", 8, "no such reason", "did you mean first-heartbeat?"},
        Bad{"change:name", 8, "no such change", "liveness health"},
        Bad{"mark:mass-failur", 6, "no such mark: mass-failur", "did you mean mass-failure?"},
        Bad{"livenes:dead", 1, "no such fact: livenes", "did you mean liveness?"},
        Bad{"rack:r7", 1, "no such fact: rack", "a label is rack=…"},
        Bad{"group:4294967296", 7, "no group", "10-19"},
        Bad{"id:10-9", 4, "no id: 10-9", "1000-1999"},
        Bad{"id:web", 4, "no id: web", "a name is name:"},
        Bad{"profile:64", 9, "no profile's number", "0 to 63"},
        Bad{"rack", 5, "needs : or = behind rack", ""},
        Bad{"rack=", 6, "a value is missing", "commas"},
        Bad{"rack=a,", 8, "a value is missing", "commas"},
        Bad{"rack=\"a", 6, "a quote is not closed", ""},
        Bad{"rack=a rack=b", 8, "nothing between", "`and` or `or`"},
        Bad{"rack=a and", 11, "a test is missing", ""},
        Bad{"and rack=a", 1, "a test is missing", ""},
        Bad{"not", 4, "a test is missing", ""},
        Bad{"(rack=a or rack=b", 1, "is not closed", "write )"},
        Bad{"rack=a)", 7, "closes that was not opened", ""},
        Bad{std::string(65, '(') + "rack=a", 65, "more than 64 deep", ""},
        Bad{std::string(20000, 'a'), 16384, "more than 16 KiB", ""}));

TEST(FilterText, BindsAndBeforeOr) {
  EXPECT_EQ(ParseFilter("a=1 or b=1 and c=1"), ParseFilter("a=1 or (b=1 and c=1)"))
      << "but for the parentheses";
  EXPECT_NE(ParseFilter("a=1 or b=1 and c=1"), ParseFilter("(a=1 or b=1) and c=1"));
  EXPECT_EQ(ParseFilter("not a=1 and b=1"), ParseFilter("(not a=1) and b=1"));
  EXPECT_EQ(ParseFilter("a!=1"), ParseFilter("not a=1"));
}

TEST(FilterText, MergesRangesAndForgivesBlanks) {
  const auto parsed = ParseFilter("  id : 7 , 1-3,0x4 ,18446744073709551615 ");
  ASSERT_TRUE(parsed) << parsed.error().Text();
  EXPECT_THAT(parsed->tests.front().ranges,
              ElementsAre(FilterRange{1, 4},
                          FilterRange{7, 7},
                          FilterRange{18446744073709551615U, 18446744073709551615U}));
}

TEST(FilterText, TakesAnythingInQuotes) {
  const auto parsed = ParseFilter("owner=\"A, B (and) C\",d");
  ASSERT_TRUE(parsed);
  EXPECT_THAT(parsed->tests.front().values, ElementsAre("A, B (and) C", "d"));
}

TEST(FilterText, TakesALabelThatIsCalledLikeAFact) {
  const auto parsed = ParseFilter("group=web");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->tests.front().fact, FilterFact::kLabel);
}

}  // namespace
}  // namespace flatline
