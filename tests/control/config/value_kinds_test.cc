// A value of another kind than its key wants, each kind for each: what was needed and what was
// found, by place and in words.
#include <flatline/config.h>

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

}  // namespace
}  // namespace flatline
