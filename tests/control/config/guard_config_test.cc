// [guard] and [mass_failure] of the file: what is read, and what is refused in which words.
#include <flatline/config.h>

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using ::testing::HasSubstr;

std::string ErrorsOf(std::string_view text) {
  const auto parsed = ParseConfig(text, "f");
  return parsed ? "no error" : parsed.error();
}

TEST(GuardConfig, HasAShareOfTheFleet) {
  const auto parsed = ParseConfig(
      "[guard]\nfleet_share = 0.3\nleast_endpoints = 7\nwindow = \"5s\"\nrelease_after = \"1h\"",
      "f");
  ASSERT_TRUE(parsed) << parsed.error();
  EXPECT_EQ(parsed->guard.fleet_share_ppm, 300'000U);
  EXPECT_EQ(parsed->guard.least_endpoints, 7U);
  EXPECT_EQ(parsed->guard.release_after, Milliseconds(3'600'000));
  EXPECT_THAT(PrintConfig(*parsed), HasSubstr("fleet_share = 0.3\n"));
  EXPECT_EQ(ParseConfig("[guard]\nfleet_share = 0", "f")->guard.fleet_share_ppm, 0U);
  EXPECT_THAT(ErrorsOf("[guard]\nfleet_share = 1.1"), HasSubstr("write 0.0 to 1.0"));
  EXPECT_THAT(ErrorsOf("[guard]\nfleet_share = nan"), HasSubstr("write 0.0 to 1.0"));
  EXPECT_THAT(ErrorsOf("[guard]\nfleet_share = \"half\""), HasSubstr("a number from 0 to 1"));
  EXPECT_THAT(ErrorsOf("[guard]\nfleet_share = true"), HasSubstr("a number from 0 to 1"));
  EXPECT_THAT(ErrorsOf("[guard]\nleast_endpoints = 1"), HasSubstr("out of range"));
  EXPECT_THAT(ErrorsOf("[guard]\nrelease_after = \"0s\""), HasSubstr("out of range"));
  EXPECT_THAT(ErrorsOf("[guard]\nfleet_shar = 0.5"), HasSubstr("did you mean guard.fleet_share?"));
}

TEST(GuardConfig, HasAShareOfGroupsThatIsOff) {
  EXPECT_EQ(ParseConfig("", "f")->guard.group_share_ppm, 0U);
  const auto parsed = ParseConfig("[guard]\ngroup_share = 0.6\ngroup_least_endpoints = 4", "f");
  ASSERT_TRUE(parsed) << parsed.error();
  EXPECT_EQ(parsed->guard.group_share_ppm, 600'000U);
  EXPECT_EQ(parsed->guard.group_least_endpoints, 4U);
  EXPECT_EQ(ParseConfig(PrintConfig(*parsed), "g")->guard.group_share_ppm, 600'000U);
  EXPECT_THAT(ErrorsOf("[guard]\ngroup_share = 2"), HasSubstr("write 0.0 to 1.0"));
  EXPECT_THAT(ErrorsOf("[guard]\ngroup_least_endpoints = 1"), HasSubstr("out of range"));
}

TEST(MassFailureConfig, HasSharesOfAGroupAndOfTheFleet) {
  const auto parsed = ParseConfig(
      "[mass_failure]\ngroup_share = 0.25\nfleet_share = 0\nleast_endpoints = 3\nwindow = \"1s\"",
      "f");
  ASSERT_TRUE(parsed) << parsed.error();
  EXPECT_EQ(parsed->mass_failure.group_share_ppm, 250'000U);
  EXPECT_EQ(parsed->mass_failure.fleet_share_ppm, 0U);
  EXPECT_EQ(parsed->mass_failure.least_endpoints, 3U);
  EXPECT_EQ(parsed->mass_failure.window, Milliseconds(1'000));
  EXPECT_THAT(ErrorsOf("[mass_failure]\ngroup_share = -0.1"), HasSubstr("write 0.0 to 1.0"));
  EXPECT_THAT(ErrorsOf("[mass_failure]\nleast_endpoints = 0"), HasSubstr("out of range"));
  EXPECT_THAT(ErrorsOf("[mass_failure]\nwindow = \"1us\""), HasSubstr("out of range"));
  EXPECT_THAT(ErrorsOf("mass_failure = 1"), HasSubstr("write [mass_failure]"));
}

TEST(FlappingConfig, HasPenaltiesAndThresholds) {
  const auto parsed = ParseConfig(
      "[flapping]\ndeath_penalty = 1000\nrevival_penalty = 500\nsuppress = 2000\nreuse = 750\n"
      "half_life = \"15m\"\nlongest = \"1h\"",
      "f");
  ASSERT_TRUE(parsed) << parsed.error();
  EXPECT_EQ(parsed->flapping,
            (FlapSettings{.death_penalty = 1'000,
                          .revival_penalty = 500,
                          .suppress = 2'000,
                          .reuse = 750,
                          .half_life = Milliseconds(900'000),
                          .longest = Milliseconds(3'600'000)}));
  EXPECT_EQ(ParseConfig(PrintConfig(*parsed), "g")->flapping, parsed->flapping);
  EXPECT_FALSE(ParseConfig("", "f")->flapping.damps()) << "off, unless it is asked for";
  EXPECT_THAT(ErrorsOf("[flapping]\nsuppress = 500"),
              HasSubstr("flapping.reuse: 1000 is no less than suppress, 500; lower it"));
  EXPECT_THAT(ErrorsOf("[flapping]\nlongest = \"1m\""),
              HasSubstr("flapping.longest: nobody who is suppressed above 2500"));
  EXPECT_THAT(ErrorsOf("[flapping]\ndeath_penalty = -1"), HasSubstr("out of range"));
  EXPECT_THAT(ErrorsOf("[flapping]\nhalf_life = \"1ms\""), HasSubstr("out of range"));
  EXPECT_THAT(ErrorsOf("[flapping]\npenalty = 1"), HasSubstr("unknown key flapping.penalty"));
}

}  // namespace
}  // namespace flatline
