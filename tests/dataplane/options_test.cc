#include "dataplane/options.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::expected<Options, OptionsEnd> Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "flatline-dataplane");
  return ParseOptions(static_cast<int>(arguments.size()), arguments.data());
}

TEST(OptionsTest, SilenceMeansTheDefaults) {
  const auto options = Parse({});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->config, "/etc/flatline/flatline.toml");
  EXPECT_FALSE(options->cold);
  EXPECT_FALSE(options->endpoints);
  EXPECT_THAT(options->eal_arguments, IsEmpty());
}

TEST(OptionsTest, WhatFollowsTheDashesIsForEal) {
  const auto options = Parse({"--cold", "--workers", "2", "--", "--config", "x", "--"});
  ASSERT_TRUE(options);
  EXPECT_TRUE(options->cold);
  EXPECT_EQ(options->workers, 2U);
  EXPECT_THAT(options->eal_arguments, ElementsAre("--config", "x", "--"));
}

TEST(OptionsTest, NonsenseIsUsageAndHelpIsNot) {
  for (const auto& arguments : {std::vector<const char*>{"--colt"},
                                {"--endpoints", "many"},
                                {"--workers", "-1"},
                                {"stray"}}) {
    const auto options = Parse(arguments);
    ASSERT_FALSE(options) << arguments.front();
    EXPECT_EQ(options.error().status, 2);
  }
  const auto help = Parse({"--help"});
  ASSERT_FALSE(help);
  EXPECT_EQ(help.error().status, 0);
  EXPECT_THAT(help.error().text, HasSubstr("--print-effective"));
}

TEST(OptionsTest, OverridesAreCheckedLikeTheFile) {
  Options options;
  options.endpoints = 5'000;
  options.workers = 2;
  const auto config = Override(DefaultConfig(), options);
  ASSERT_TRUE(config) << config.error();
  EXPECT_EQ(config->dataplane.endpoints, 5'000U);
  EXPECT_EQ(config->dataplane.workers, 2U);
  options.workers = 100'000;
  const auto refused = Override(DefaultConfig(), options);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error(), HasSubstr("workers"));
}

}  // namespace
}  // namespace flatline
