// What flatline-sink may be told, and that each contradiction is refused with what to do.
#include "control/sinks/options.h"
#include "tests/temporary_directory.h"

#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace flatline::sinks {
namespace {

using namespace std::chrono_literals;

std::expected<SinkOptions, int> Parse(const std::vector<std::string>& more) {
  std::vector<std::string> words{
      "flatline-sink", "--address", "unix:/run/x", "--cursor", "c", "--position", "/tmp/p"};
  words.insert(words.end(), more.begin(), more.end());
  std::vector<const char*> arguments;
  for (const std::string& word : words) {
    arguments.push_back(word.c_str());
  }
  return ParseSinkOptions(static_cast<int>(arguments.size()), arguments.data());
}

TEST(SinkOptions, SaysWhatItDoesWithoutBeingTold) {
  const auto options = Parse({"--to", "command", "--command", "/bin/true", "x"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->command, (std::vector<std::string>{"/bin/true", "x"}));
  EXPECT_EQ(options->time_limit, 10s);
  EXPECT_EQ(options->limits.age, 100ms);
  EXPECT_FALSE(options->from);
}

TEST(SinkOptions, ACommandMayHaveAnEmptyArgument) {
  const auto options = Parse({"--to", "command", "--command", "/bin/true", ""});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->command, (std::vector<std::string>{"/bin/true", ""}));
}

TEST(SinkOptions, OneTimeLimitAndOnePlaceHoldForEveryKind) {
  const auto options = Parse({"--to",
                              "nats",
                              "--url",
                              "nats://n",
                              "--ca-file",
                              "ca.pem",
                              "--time-limit",
                              "3s",
                              "--from",
                              "7"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->nats.url, "nats://n");
  EXPECT_EQ(options->nats.ca_file, "ca.pem");
  EXPECT_EQ(options->nats.time_limit, 3s);
  EXPECT_EQ(options->webhook.time_limit, 3s);
  EXPECT_EQ(options->from, 7U);
}

TEST(SinkOptions, RefusesWhatDoesNotGoTogether) {
  const std::vector<std::vector<std::string>> senseless{
      {},
      {"--to", "fax"},
      {"--to", "command"},
      {"--to", "webhook"},
      {"--to", "webhook", "--url", "http://h", "--command", "x"},
      {"--to", "command", "--command", "x", "--url", "http://h"},
      {"--to", "command", "--command", "x", "--ca-file", "ca.pem"},
      {"--to", "nats", "--secret-file", "/dev/null"},
      {"--to", "webhook", "--url", "http://h", "--credentials", "c"},
      {"--to", "webhook", "--url", "http://h", "--time-limit", "0s"},
      {"--to", "webhook", "--url", "http://h", "--time-limit", "soon"},
      {"--to", "webhook", "--url", "http://h", "--batch-bytes", "1048576"},
      {"--to", "webhook", "--url", "http://h", "--batch-records", "0"},
      {"--to", "webhook", "--url", "http://h", "--batch-age", "never"},
      {"--to", "webhook", "--url", "http://h", "--from", ""},
      {"--to", "webhook", "--url", "http://h", "--from", "-1"},
      {"--to", "webhook", "--url", "http://h", "--from", "18446744073709551616"},
      {"--to", "webhook", "--url", "http://h", "--batch-records", ""},
      {"--to", "webhook", "--url", "http://h", "--batch-bytes", "-1"},
      {"--to", "webhook", "--url", "http://h", "--filter", ""},
      {"--to", "webhook", "--url", "http://h", "--secret-file", ""},
      {"--to", "command", "--command", ""},
      {"--to", "webhook", "--url", "http://h", "--secret-file", "/nonexistent"},
      {"--to", "webhook", "--url", "http://h", "--token-file", "/nonexistent"},
  };
  for (const auto& arguments : senseless) {
    const auto options = Parse(arguments);
    ASSERT_FALSE(options) << testing::PrintToString(arguments);
    EXPECT_EQ(options.error(), 2) << testing::PrintToString(arguments);
  }
}

TEST(SinkOptions, AFileHasTheSameNamesAndNoOthers) {
  const TemporaryDirectory directory;
  const std::string path = directory.Path("sink.toml");
  std::ofstream(path) << "to = \"webhook\"\nurl = \"http://h\"\n";
  const auto options = Parse({"--config", path});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->webhook.url, "http://h");
  std::ofstream(path) << "to = \"webhook\"\nurl = \"http://h\"\nlr = 1\n";
  const auto refused = Parse({"--config", path});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), 2);
}

}  // namespace
}  // namespace flatline::sinks
