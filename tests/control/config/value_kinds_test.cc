// A value of another kind than its key wants, each kind for each: what was needed and what was
// found, by place and in words.
#include <flatline/config.h>

#include <algorithm>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing::HasSubstr;

std::string ErrorsOf(std::string_view text) {
  const auto parsed = ParseConfig(text, "f");
  return parsed ? "no error" : parsed.error();
}

TEST(ValueKinds, SaysWhatWasFound) {
  const auto found = [](const std::string& value) {
    return ErrorsOf("[dataplane]\nendpoints = " + value + "\n");
  };
  const std::string needed = "f:2:13: dataplane.endpoints: needed a whole number, found ";
  EXPECT_EQ(found("\"5\""), needed + "a string");
  EXPECT_EQ(found("5.0"), needed + "a fraction");
  EXPECT_EQ(found("true"), needed + "true or false");
  EXPECT_EQ(found("[5]"), needed + "an array");
  EXPECT_EQ(found("{five = 5}"), needed + "a table");
  EXPECT_EQ(found("2026-11-21"), needed + "a date or time");
  EXPECT_EQ(found("23:35:00"), needed + "a date or time");
}

TEST(ValueKinds, SaysWhatWasNeeded) {
  const auto needed = [](const std::string& table, const std::string& key) {
    return ErrorsOf(table + "\n" + key + " = 5\n");
  };
  EXPECT_THAT(needed("", "instance"), HasSubstr("instance: needed a string, found a whole number"));
  EXPECT_THAT(needed("[control]", "segment"),
              HasSubstr("control.segment: needed a size in quotes, such as \"64M\", found a whole "
                        "number"));
  EXPECT_THAT(needed("[control]", "durability"), HasSubstr("control.durability: needed one of \""));
  EXPECT_THAT(needed("[control]", "listen"), HasSubstr("found a whole number"));
  EXPECT_THAT(needed("[[port]]", "promiscuous"),
              HasSubstr("port.promiscuous: needed true or false, found a whole number"));
}

TEST(ValueKinds, ASizeHasItsBounds) {
  EXPECT_THAT(ErrorsOf("[control]\nsegment = \"1B\"\n"),
              HasSubstr("control.segment: \"1B\" is out of range; write \""));
}

// One mistake is told of once, and nothing that would be right without it.
TEST(ValueKinds, NobodyElseIsBlamedForAValueThatCannotBeRead) {
  for (const char* text :
       {"[control]\nretain = \"1M\"\nsegment = \"100\"\n",
        "[dataplane]\ncores = [1, 0]\nworkers = \"2\"\n",
        "[dataplane]\nworkers = 2\nendpoints = 0\n",
        "[authentication]\nkey = \"/k\"\nmode = \"requird\"\n",
        "[dataplane]\ndefault_profile = \"quick\"\n[[profile]]\nid = 16\nname = \"quick\"\n"
        "interval = \"10xs\"\n",
        "[dataplane]\ndefault_profile = \"quick\"\n[[profile]]\nid = 16\nname = \"quick\"\n"
        "interval = \"1s\"\nmargin = \"1s\"\n"}) {
    const std::string errors = ErrorsOf(text);
    EXPECT_EQ(std::ranges::count(errors, '\n'), 0) << text << errors;
  }
}

}  // namespace
}  // namespace flatline
