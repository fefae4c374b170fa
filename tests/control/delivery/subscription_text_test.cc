// The lines behind a subscription: what each key takes, and in which words the rest is refused.
#include "control/delivery/subscription_text.h"

#include <string>

#include <gtest/gtest.h>

namespace flatline {
namespace {

std::string RefusalOf(const std::string& text) {
  const auto parsed = ParseSubscriptionText(text);
  return parsed ? "taken" : parsed.error().text;
}

TEST(SubscriptionText, TakesEveryKey) {
  const auto parsed = ParseSubscriptionText(
      "filter=rack = r7 and name ~ \"ü\"\ncursor=a.B_9-\ntoken=s3cr=t\nsummary=250\n");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->filter, "rack = r7 and name ~ \"ü\"");
  EXPECT_EQ(parsed->cursor, "a.B_9-");
  EXPECT_EQ(parsed->token, "s3cr=t");
  EXPECT_EQ(parsed->summary_ms, 250U);
}

TEST(SubscriptionText, MayBeEmpty) {
  const auto parsed = ParseSubscriptionText("");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, SubscriptionText{});
}

TEST(SubscriptionText, PrintsWhatItParses) {
  const SubscriptionText text{.filter = "a = b", .cursor = "c", .token = "t", .summary_ms = 9};
  const auto parsed = ParseSubscriptionText(PrintSubscriptionText(text));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, text);
  const SubscriptionText order{.token = "t", .maintain_s = 7200, .reason = "new switch"};
  EXPECT_EQ(PrintSubscriptionText(order), "token=t\nfor=7200\nreason=new switch\n");
  EXPECT_EQ(*ParseSubscriptionText(PrintSubscriptionText(order)), order);
  EXPECT_EQ(PrintSubscriptionText({}), "");
}

TEST(SubscriptionText, NamesWhatItRefuses) {
  EXPECT_EQ(RefusalOf("colour=red\n"), "unknown key: colour");
  EXPECT_EQ(RefusalOf(std::string(100, 'x') + "=1\n"), "unknown key");
  EXPECT_EQ(RefusalOf("a\x1b[31m=1\n"), "unknown key");
  EXPECT_EQ(RefusalOf("cursor=a\ncursor=b\n"), "cursor: given twice");
  EXPECT_EQ(RefusalOf("cursor=a"), "a line of text has no end");
  EXPECT_EQ(RefusalOf("\n"), "a line of text is not key=value");
  EXPECT_EQ(RefusalOf("cursor=\n"), "cursor: cannot have this value");
  EXPECT_EQ(RefusalOf("cursor=a/b\n"), "cursor: cannot have this value");
  EXPECT_EQ(RefusalOf("cursor=" + std::string(65, 'a') + "\n"), "cursor: cannot have this value");
  EXPECT_EQ(RefusalOf("token=a b\n"), "token: cannot have this value");
  EXPECT_EQ(RefusalOf("filter=a\tb\n"), "filter: cannot have this value");
  EXPECT_EQ(RefusalOf("summary=0\n"), "summary: cannot have this value");
  EXPECT_EQ(RefusalOf("for=0\n"), "for: cannot have this value");
  EXPECT_EQ(RefusalOf("for=2h\n"), "for: cannot have this value");
  EXPECT_EQ(RefusalOf("for=31622401\n"), "for: cannot have this value");
  EXPECT_EQ(RefusalOf("reason=a\tb\n"), "reason: cannot have this value");
  EXPECT_EQ(RefusalOf("reason=" + std::string(81, 'a') + "\n"), "reason: cannot have this value");
  EXPECT_EQ(RefusalOf("summary=1s\n"), "summary: cannot have this value");
  EXPECT_EQ(RefusalOf("summary=3600001\n"), "summary: cannot have this value");
}

}  // namespace
}  // namespace flatline
