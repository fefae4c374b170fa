#include "bench/generator/scenario_file.h"

#include <string>

#include <gtest/gtest.h>

namespace flatline::generator {
namespace {

constexpr const char* kWhole = R"(
seed = 7
racks = 50
run_for = "70s"
[[cohort]]
profile = "database"
endpoints = 1000
jitter = "50ms"
[[cohort]]
profile = "own"
profile_id = 16
endpoints = 10
interval = "2s"
timeout = "6s"
confirmation = "2s"
[[event]]
kind = "die"
at = "15s"
racks = "1-10,15"
[[event]]
kind = "flap"
at = "20s"
over = "5s"
lasting = "6s"
share = 0.01
[[event]]
kind = "leave"
at = "20s"
range = [3, 4]
[[loss]]
model = "gilbert-elliott"
from = "30s"
until = "40s"
to_bad = 0.01
to_good = 0.2
[[loss]]
model = "cut"
racks = [20]
flips = "20s"
[[delay]]
by = "200ms"
ramp = "30s"
from = "10s"
until = "60s"
racks = [7]
)";

TEST(ScenarioFile, ReadsEveryKey) {
  const auto scenario = ParseScenario(kWhole, "test.toml");
  ASSERT_TRUE(scenario) << scenario.error();
  EXPECT_EQ(scenario->seed, 7U);
  EXPECT_EQ(scenario->racks, 50U);
  EXPECT_EQ(scenario->run_for, std::chrono::seconds(70));
  ASSERT_EQ(scenario->cohorts.size(), 2U);
  EXPECT_EQ(scenario->cohorts[0].profile_id, 2);
  EXPECT_EQ(scenario->cohorts[0].timeout, std::chrono::seconds(3));
  EXPECT_EQ(scenario->cohorts[0].jitter, std::chrono::milliseconds(50));
  EXPECT_EQ(scenario->cohorts[1].profile_id, 16);
  EXPECT_EQ(scenario->cohorts[1].confirmation, std::chrono::seconds(2));
  ASSERT_EQ(scenario->events.size(), 3U);
  ASSERT_EQ(scenario->events[0].who.ranges.size(), 2U);
  EXPECT_EQ(scenario->events[0].who.ranges[1].first, 15U);
  EXPECT_EQ(scenario->events[1].kind, EventKind::kFlap);
  EXPECT_DOUBLE_EQ(scenario->events[1].who.share, 0.01);
  EXPECT_EQ(scenario->events[2].who.by, Selector::By::kRange);
  ASSERT_EQ(scenario->losses.size(), 2U);
  EXPECT_EQ(scenario->losses[0].model, LossModel::kGilbertElliott);
  EXPECT_DOUBLE_EQ(scenario->losses[0].bad, 1.0);
  EXPECT_EQ(scenario->losses[1].until, Elapsed::max());
  EXPECT_EQ(scenario->losses[1].flips, std::chrono::seconds(20));
  ASSERT_EQ(scenario->delays.size(), 1U);
  EXPECT_EQ(scenario->delays[0].by, std::chrono::milliseconds(200));
  EXPECT_EQ(scenario->delays[0].ramp, std::chrono::seconds(30));
  EXPECT_EQ(scenario->delays[0].until, std::chrono::seconds(60));
  EXPECT_EQ(scenario->delays[0].who.by, Selector::By::kRacks);
  EXPECT_TRUE(ValidateScenario(*scenario));
}

struct Wrong {
  const char* name;
  const char* text;
  const char* expected;  // what the message must contain
};

class ScenarioErrors : public testing::TestWithParam<Wrong> {};

TEST_P(ScenarioErrors, SayWhereAndWhat) {
  const auto scenario = ParseScenario(GetParam().text, "x.toml");
  ASSERT_FALSE(scenario);
  EXPECT_NE(scenario.error().find(GetParam().expected), std::string::npos) << scenario.error();
}

INSTANTIATE_TEST_SUITE_P(
    Table,
    ScenarioErrors,
    testing::Values(
        Wrong{"syntax", "seed = \n", "x.toml:1:"},
        Wrong{"unknown_key",
              "\nsede = 1\n",
              "x.toml:2:1: a scenario has no key 'sede'; did you mean 'seed'?"},
        Wrong{"unknown_key_in_table",
              "[[event]]\nkind = \"die\"\nat = \"1s\"\ncuont = 4\n",
              "x.toml:4:1: [[event]] has no key 'cuont'; did you mean 'count'?"},
        Wrong{"bad_unit",
              "run_for = \"70 seconds\"\n",
              "x.toml:1:11: run_for: \"70 seconds\" has an unknown unit"},
        Wrong{"not_a_text", "run_for = 70\n", "needed a text in quotes"},
        Wrong{"negative", "seed = -1\n", "needed a whole number"},
        Wrong{
            "no_such_kind", "[[event]]\nkind = \"dye\"\nat = \"1s\"\n", "needed one of die, leave"},
        Wrong{"no_instant", "[[event]]\nkind = \"die\"\n", "[[event]] needs the key 'at'"},
        Wrong{"two_selectors",
              "[[event]]\nkind = \"die\"\nat = \"1s\"\ncount = 1\nshare = 0.5\n",
              "at most one of count, share, racks and range"},
        Wrong{"share_too_big",
              "[[event]]\nkind = \"die\"\nat = \"1s\"\nshare = 1.5\n",
              "share: needed a number from 0 to 1"},
        Wrong{"bad_range",
              "[[event]]\nkind = \"die\"\nat = \"1s\"\nracks = \"1-\"\n",
              "needed ranges"},
        Wrong{"death_that_lasts",
              "[[event]]\nkind = \"die\"\nat = \"1s\"\nlasting = \"2s\"\n",
              "who dies stays dead"},
        Wrong{"flap_that_does_not", "[[event]]\nkind = \"flap\"\nat = \"1s\"\n", "'lasting'"},
        Wrong{"no_rate", "[[loss]]\nmodel = \"bernoulli\"\n", "'rate'"},
        Wrong{"rate_of_a_cut", "[[loss]]\nmodel = \"cut\"\nrate = 0.1\n", "'rate'"},
        Wrong{
            "half_a_gilbert", "[[loss]]\nmodel = \"gilbert-elliott\"\nto_bad = 0.1\n", "'to_good'"},
        Wrong{"backwards",
              "[[loss]]\nmodel = \"cut\"\nfrom = \"2s\"\nuntil = \"1s\"\n",
              "needed an instant after 'from'"},
        Wrong{"delay_of_nothing", "[[delay]]\nfrom = \"1s\"\n", "[[delay]] needs the key 'by'"},
        Wrong{"unknown_profile",
              "[[cohort]]\nprofile = \"data\"\nendpoints = 1\n",
              "built-in profile"},
        Wrong{"not_tables", "event = 3\n", "needed [[event]] tables"}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(ScenarioFile, ReportsEveryErrorAtOnce) {
  const auto scenario = ParseScenario("sede = 1\nrun_for = 3\n", "x.toml");
  ASSERT_FALSE(scenario);
  EXPECT_NE(scenario.error().find("x.toml:1:"), std::string::npos);
  EXPECT_NE(scenario.error().find("x.toml:2:"), std::string::npos);
}

TEST(ScenarioFile, MissingFilesAreNamed) {
  const auto scenario = ReadScenario("/nonexistent/flatline.toml");
  ASSERT_FALSE(scenario);
  EXPECT_NE(scenario.error().find("/nonexistent/flatline.toml"), std::string::npos);
}

TEST(Scenario, ImpossibleOnesAreRefused) {
  const auto valid = [](auto&& change) {
    auto scenario = ParseScenario(kWhole, "x.toml").value();
    change(scenario);
    return ValidateScenario(scenario).has_value();
  };
  EXPECT_TRUE(valid([](Scenario&) {}));
  EXPECT_FALSE(valid([](Scenario& s) { s.cohorts.clear(); }));
  EXPECT_FALSE(valid([](Scenario& s) { s.cohorts[0].endpoints = 0; }));
  EXPECT_FALSE(valid([](Scenario& s) { s.cohorts[0].interval = Duration{0}; }));
  EXPECT_FALSE(valid([](Scenario& s) { s.cohorts[0].jitter = std::chrono::seconds(2); }));
  EXPECT_FALSE(valid([](Scenario& s) { s.cohorts[1].timeout = Duration{0}; }));
  EXPECT_FALSE(valid([](Scenario& s) { s.racks = 2000; }));
  EXPECT_FALSE(valid([](Scenario& s) { s.events[0].who.ranges = {{0, 1}}; }));
  EXPECT_FALSE(valid([](Scenario& s) { s.events[0].who.ranges = {{50, 51}}; }));
  EXPECT_FALSE(valid([](Scenario& s) { s.events[2].who.ranges = {{1010, 1010}}; }));
  EXPECT_FALSE(valid([](Scenario& s) { s.run_for = std::chrono::hours(5); }));
  EXPECT_FALSE(valid([](Scenario& s) { s.run_for = std::chrono::seconds(14); }));
}

}  // namespace
}  // namespace flatline::generator
