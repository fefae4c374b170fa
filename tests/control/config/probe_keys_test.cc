// The keys by which a profile asks: what they come to, and what is refused.
#include "control/config/profile_entry.h"

#include <flatline/config.h>

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace flatline {
namespace {

std::string ErrorsOf(std::string_view text) {
  const auto parsed = ParseConfig(text, "f");
  return parsed ? "no error" : parsed.error();
}

std::string WithProfile(std::string_view keys) {
  return "[[profile]]\nid = 20\nname = \"x\"\ninterval = \"1s\"\n" + std::string(keys);
}

TEST(ProbeKeys, ReadsHowAProfileAsks) {
  const auto echo = ParseConfig(WithProfile("probe = \"echo\"\nprobes = 5\npull = true\n"), "f");
  ASSERT_TRUE(echo) << echo.error();
  EXPECT_EQ(echo->profiles[20].probe, ProbeKind::kEcho);
  EXPECT_EQ(echo->profiles[20].probes, 5);
  EXPECT_EQ(echo->profiles[20].pull, 1);
  EXPECT_EQ(
      ExplainProfile(echo->profiles[20]),
      "x: fixed, suspect after 3s, dead 1s later; asked by echo every 1s; a suspect is asked by "
      "echo, 5 times, before it is dead");
  const auto printed = ParseConfig(PrintConfig(*echo), "g");
  ASSERT_TRUE(printed) << printed.error();
  EXPECT_EQ(printed->profiles[20].probes, 5);
  EXPECT_EQ(printed->profiles[20].pull, 1);
  const auto native = ParseConfig(WithProfile("probe = \"native\"\n"), "f");
  ASSERT_TRUE(native) << native.error();
  EXPECT_EQ(native->profiles[20].probe, ProbeKind::kNative);
  EXPECT_EQ(native->profiles[20].probes, 3);
  EXPECT_EQ(ParseConfig(WithProfile(""), "f")->profiles[20].probes, 0);
  EXPECT_EQ(ParseConfig("[dataplane]\nprobe_rate = 5\n", "f")->dataplane.probe_rate, 5U);
}

TEST(LeastConfirmation, IsTheProfilesWordThatEvidenceCounts) {
  const auto parsed = ParseConfig(
      WithProfile("confirmation = \"30s\"\nleast_confirmation = \"2s\"\nprobe = \"echo\"\n"), "f");
  ASSERT_TRUE(parsed) << parsed.error();
  EXPECT_EQ(parsed->profiles[20].least_confirmation, Milliseconds(2'000));
  EXPECT_EQ(ExplainProfile(parsed->profiles[20]),
            "x: fixed, suspect after 3s, dead 30s later (with evidence sooner: 16s, 7810ms, 2s); a "
            "suspect is asked by echo, 3 times, before it is dead");
  const auto printed = ParseConfig(PrintConfig(*parsed), "g");
  ASSERT_TRUE(printed) << printed.error();
  EXPECT_EQ(printed->profiles[20].least_confirmation, Milliseconds(2'000));
  EXPECT_EQ(ParseConfig(WithProfile(""), "f")->profiles[20].least_confirmation, Duration{});
  EXPECT_EQ(
      ErrorsOf(WithProfile("confirmation = \"2s\"\nleast_confirmation = \"2s\"\n")),
      "f:1:1: profile.least_confirmation: 2s is no less than the confirmation of 2s; lower it, "
      "or remove it");
  EXPECT_EQ(
      ErrorsOf(WithProfile("least_confirmation = \"10us\"\n")),
      "f:5:22: profile.least_confirmation: \"10us\" is out of range; write \"1ms\" to \"86400s\"");
}

TEST(ProbeKeys, RefusesToAskInVain) {
  EXPECT_EQ(ErrorsOf(WithProfile("probe = \"ping\"\n")),
            "f:5:9: profile.probe: \"ping\" is not one of \"off\", \"native\", \"echo\"");
  EXPECT_EQ(
      ErrorsOf(WithProfile("probes = 2\n")),
      "f:1:1: profile.probes: nobody is asked; write probe = \"native\" or \"echo\", or remove "
      "it");
  EXPECT_EQ(
      ErrorsOf(WithProfile("pull = true\n")),
      "f:1:1: profile.pull: nobody is asked; write probe = \"native\" or \"echo\", or remove it");
  EXPECT_EQ(ErrorsOf(WithProfile("probe = \"echo\"\nprobes = 11\n")),
            "f:6:10: profile.probes: 11 is out of range; write 1 to 10");
  EXPECT_EQ(ErrorsOf(WithProfile("probe = \"echo\"\nauthentication = \"required\"\n") +
                     "[authentication]\nkey = \"/k\"\nmode = \"accepted\"\n"),
            "f:1:1: profile.probe: an echo has no tag, and tags are required; write \"native\"");
  EXPECT_EQ(
      ErrorsOf(WithProfile("probe = \"echo\"\n") +
               "[authentication]\nkey = \"/k\"\nmode = \"required\"\n"),
      "f:8:8: authentication.mode: tags are required, and profile \"x\" asks by echo, which has "
      "none; give it probe = \"native\", or authentication = \"accepted\"");
}

}  // namespace
}  // namespace flatline
