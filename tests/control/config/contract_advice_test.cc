// What is advised can be written: the configuration takes it, and keeps the promise with it.
#include "control/config/contract_advice.h"

#include "control/config/contract.h"
#include "tests/temporary_directory.h"

#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr ProfileId kPromised = 20;

class ContractAdviceTest : public testing::Test {
 protected:
  // The configuration whose one profile says this, too.
  [[nodiscard]] std::expected<Config, std::string> Load(const std::string& lines) const {
    const std::string path = directory_.Path("config.toml");
    std::ofstream(path) << "[[profile]]\nid = 20\nname = \"x\"\n"
                           "mistakes_at_most_every = \"24h\"\n"
                        << lines;
    return LoadConfig(path);
  }

  TemporaryDirectory directory_;
};

TEST_F(ContractAdviceTest, WhatWouldDoIsTakenAndKept) {
  const Config before =
      Load("detect_within = \"3s\"\ninterval = \"500ms\"\nloss = 0.001\n").value();
  const Profile& profile = before.profiles.at(kPromised);
  const Contract& contract = before.contracts.at(kPromised);
  for (const Path& path : {Path{.loss = 0.0123, .jitter = Duration{23'456'789}},
                           Path{.loss = 0.2, .jitter = Milliseconds(40)},
                           Path{.loss = 0, .jitter = {}}}) {
    const auto advice = AdviseOn(profile, contract, path);
    ASSERT_TRUE(advice) << advice.error();
    EXPECT_EQ(advice->detection, contract.promise.detection);
    EXPECT_GE(advice->path.loss, path.loss);
    EXPECT_GE(advice->path.jitter, path.jitter);
    const std::string lines = PrintAdvice(*advice, contract, "  ");
    EXPECT_THAT(lines, Not(HasSubstr("detect_within")));
    const auto after = Load("detect_within = \"3s\"\n" + lines);
    ASSERT_TRUE(after) << after.error() << lines;
    EXPECT_EQ(after->profiles.at(kPromised).interval, advice->interval);
    EXPECT_EQ(after->profiles.at(kPromised).allowance, advice->margin);
    EXPECT_EQ(after->profiles.at(kPromised).confirmation, advice->confirmation);
    EXPECT_TRUE(
        Keeps(QualityOf(advice->interval, contract.promise.detection, path), contract.promise));
  }
}

TEST_F(ContractAdviceTest, ItIsTheLongestInterval) {
  const Config before = Load("detect_within = \"3s\"\nloss = 0.001\n").value();
  const Path path{.loss = 0.01, .jitter = Milliseconds(10)};
  const Contract& contract = before.contracts.at(kPromised);
  const auto advice = AdviseOn(before.profiles.at(kPromised), contract, path);
  ASSERT_TRUE(advice) << advice.error();
  EXPECT_FALSE(Keeps(QualityOf(advice->interval * 102 / 100, contract.promise.detection, path),
                     contract.promise));
}

TEST_F(ContractAdviceTest, WhereNoIntervalWouldDoTheLeastDetectionIsSaid) {
  const Config before =
      Load("detect_within = \"3s\"\ninterval = \"500ms\"\nloss = 0.001\n").value();
  const Contract& contract = before.contracts.at(kPromised);
  const Path path{.loss = 0.05, .jitter = Milliseconds(30'000)};
  ASSERT_FALSE(IntervalFor({contract.promise, path}, std::nullopt));
  const auto advice = AdviseOn(before.profiles.at(kPromised), contract, path);
  ASSERT_TRUE(advice) << advice.error();
  EXPECT_GT(advice->detection, contract.promise.detection);
  EXPECT_EQ(advice->interval, Milliseconds(500));
  const std::string lines = PrintAdvice(*advice, contract, "");
  EXPECT_THAT(lines, HasSubstr("detect_within = "));
  const auto after = Load(lines + "mistake_lasts_at_most = \"3s\"\n");
  ASSERT_TRUE(after) << after.error() << lines;
  EXPECT_EQ(after->contracts.at(kPromised).promise.recurrence, contract.promise.recurrence);
  EXPECT_FALSE(
      Keeps(QualityOf(advice->interval, advice->detection * 9 / 10, path), contract.promise))
      << "not much less would do";
}

TEST_F(ContractAdviceTest, WhereNothingWouldDoThatIsSaid) {
  const Config before =
      Load("detect_within = \"3s\"\ninterval = \"500ms\"\nloss = 0.001\n").value();
  const auto advice = AdviseOn(before.profiles.at(kPromised),
                               before.contracts.at(kPromised),
                               {.loss = 0.99, .jitter = Milliseconds(3'600'000)});
  ASSERT_FALSE(advice);
  EXPECT_THAT(advice.error(), HasSubstr("within no day"));
}

}  // namespace
}  // namespace flatline
