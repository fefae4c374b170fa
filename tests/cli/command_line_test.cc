// The command line itself: verbs, versions, exit codes, check-config.
#include "tests/cli/in_process.h"

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class File {
 public:
  explicit File(const std::string& text)
      : path_("/tmp/flatline-cli-test-" + std::to_string(::getpid()) + ".toml") {
    std::ofstream(path_) << text;
  }

  ~File() { ::unlink(path_.c_str()); }

  File(const File&) = delete;
  File& operator=(const File&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(CommandLine, VersionAndHelpAreDone) {
  const Ran version = Flatline({"--version"});
  EXPECT_EQ(version.code, 0);
  EXPECT_THAT(version.out, StartsWith("flatline "));
  const Ran help = Flatline({"--help"});
  EXPECT_EQ(help.code, 0);
  for (const char* verb : {"status",
                           "top",
                           "get",
                           "list",
                           "watch",
                           "enrol",
                           "retire",
                           "agent",
                           "check-config",
                           "Exit codes"}) {
    EXPECT_THAT(help.out, HasSubstr(verb));
  }
}

TEST(CommandLine, NonsenseIsUsage) {
  EXPECT_EQ(Flatline({}).code, 2);
  EXPECT_EQ(Flatline({"frob"}).code, 2);
  EXPECT_EQ(Flatline({"status", "--frob"}).code, 2);
  EXPECT_EQ(Flatline({"get"}).code, 2);
  EXPECT_EQ(Flatline({"list", "--limit", "x"}).code, 2);
}

TEST(CommandLine, AWordThatIsNoVerbIsNamed) {
  EXPECT_THAT(Flatline({"stat"}).err,
              HasSubstr("\"stat\" is no verb of `flatline`; `flatline --help`"));
  EXPECT_THAT(Flatline({"--json", "Status"}).err, HasSubstr("\"Status\" is no verb"));
  const Ran below = Flatline({"key", "mak"});
  EXPECT_EQ(below.code, 2);
  EXPECT_THAT(below.err, HasSubstr("\"mak\" is no verb of `flatline key`"));
  EXPECT_THAT(Flatline({"key"}).err, HasSubstr("subcommand is required"));
  EXPECT_THAT(Flatline({"agent", "x"}).err, HasSubstr("--to is required"));
}

// Of an unsigned number CLI11 makes 0 of nothing, and 2^64-1 of -1 and of what is too large.
TEST(CommandLine, ANumberIsOneOfItsType) {
  const std::vector<std::vector<std::string>> numbers{
      {"list", "--limit"},
      {"list", "--group"},
      {"watch", "--from"},
      {"watch", "--count"},
      {"watch", "--group"},
      {"maintain", "--for", "1h", "--group"},
      {"guard", "hold", "--group"},
      {"enrol", "1", "--group"},
      {"agent", "--to", "[::1]:9", "--for", "1ms", "--id"},
      {"agent", "--to", "[::1]:9", "--for", "1ms", "--id", "1", "--count"},
      {"agent", "--to", "[::1]:9", "--for", "1ms", "--id", "1", "--group"},
      {"agent", "--to", "[::1]:9", "--for", "1ms", "--id", "1", "--seed"},
      {"agent", "--to", "[::1]:9", "--for", "1ms", "--id", "1", "--incarnation"},
      {"agent", "--to", "[::1]:9", "--for", "1ms", "--id", "1", "--bind-port"},
      {"agent", "--to", "[::1]:9", "--for", "1ms", "--id", "1", "--load"},
      {"agent", "--to", "[::1]:9", "--for", "1ms", "--id", "1", "--memory"},
      {"agent", "--to", "[::1]:9", "--for", "1ms", "--id", "1", "--jitter"}};
  for (std::vector<std::string> arguments : numbers) {
    arguments.emplace_back();
    for (const char* value : {"", "-1", "99999999999999999999", "x", "1x", "nan", "inf", " 1"}) {
      arguments.back() = value;
      const Ran ran = Flatline(arguments);
      EXPECT_EQ(ran.code, 2) << testing::PrintToString(arguments);
      EXPECT_THAT(ran.err, HasSubstr(": needed a")) << testing::PrintToString(arguments);
    }
  }
  EXPECT_THAT(Flatline({"maintain", "--group", "0", "--for", "1h"}).err,
              HasSubstr("--group: needed a group, a whole number from 1 to 4294967295, found "
                        "\"0\""));
  EXPECT_THAT(Flatline({"agent", "--to", "[::1]:9", "--for", "1ms", "--id", "010"}).out,
              HasSubstr("agents 10 to 10"))
      << "nobody counts in eights";
}

TEST(CommandLine, WhatIsGivenIsNotEmpty) {
  const std::vector<std::vector<std::string>> empty{
      {"token", "new", "x", "--file", "/nonexistent/tokens", "--filter", ""},
      {"token", "revoke", ""},
      {"agent", "--to", "[::1]:9", "--for", "1ms", "--id", "1", "--keys", ""},
      {"agent", "--to", "[::1]:9", "--for", "1ms", "--id", "1", "--lease", ""},
      {"enrol", ""},
      {"retire", "1", ""},
      {"maintain", "", "--for", "1h"},
      {"list", "--profile", ""},
      {"list", "--group", ""},
      {"list", "--liveness", ""},
      {"watch", "--filter", ""},
      {"status", "--config", ""}};
  for (const auto& arguments : empty) {
    const Ran ran = Flatline(arguments);
    EXPECT_EQ(ran.code, 2) << testing::PrintToString(arguments);
    EXPECT_THAT(ran.err, HasSubstr("needed a value, found an empty one"));
  }
  for (const char* list : {",", "1,", ",1", "1,,2"}) {
    EXPECT_THAT(Flatline({"list", "--group", list}).err, HasSubstr("remove the comma")) << list;
    EXPECT_THAT(Flatline({"list", "--odd", list}).err, HasSubstr("remove the comma")) << list;
  }
  EXPECT_THAT(Flatline({"agent", "--to", "[::1]:9", "--for", "1ms", "--id", "1", "--text", ""}).out,
              HasSubstr("agents 1 to 1"))
      << "a text may be empty";
}

TEST(CommandLine, BadConfigurationIsUsageForEveryVerb) {
  const File file("workers = 1\n");
  for (const char* verb : {"status", "top", "list", "watch"}) {
    const Ran ran = Flatline({verb, "--config", file.path()});
    EXPECT_EQ(ran.code, 2) << verb;
    EXPECT_THAT(ran.err, HasSubstr("unknown key workers")) << verb;
  }
}

TEST(CheckConfig, SaysNoErrorsOrAllOfThem) {
  const File good("[dataplane]\nworkers = 2\n");
  EXPECT_EQ(Flatline({"check-config", good.path()}).out, good.path() + ": no errors\n");
  EXPECT_EQ(Flatline({"check-config", "--config", good.path()}).code, 0);
  const File bad("[dataplane]\nworkers = 0\nstal = 1\n");
  const Ran ran = Flatline({"check-config", bad.path()});
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.err, HasSubstr(bad.path() + ":2:11: "));
  EXPECT_THAT(ran.err, HasSubstr(bad.path() + ":3:1: "));
  const Ran as_json = Flatline({"check-config", bad.path(), "--json"});
  EXPECT_EQ(as_json.code, 2);
  EXPECT_EQ(json::parse(as_json.out)["errors"].size(), 2U);
}

TEST(CheckConfig, APathThatIsNoUtf8IsJsonToo) {
  const Ran ran = Flatline({"check-config", "/nowhere/\xFF.toml", "--json"});
  EXPECT_EQ(ran.code, 2) << ran.err;
  EXPECT_THAT(json::parse(ran.out)["errors"][0], HasSubstr("/nowhere/"));
}

TEST(CheckConfig, WhatHasNoEndIsNotRead) {
  const std::string pipe = "/tmp/flatline-cli-test-" + std::to_string(::getpid()) + ".pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string& path : {std::string("/dev/zero"), std::string("/"), pipe}) {
    const Ran ran = Flatline({"check-config", path});
    EXPECT_EQ(ran.code, 2) << path;
    EXPECT_THAT(ran.err, HasSubstr(path + ": needed a plain file, found a d"));
  }
  ::unlink(pipe.c_str());
}

TEST(CheckConfig, PrintsWhatIsInEffect) {
  const File file("[dataplane]\nworkers = 2\n");
  const Ran ran = Flatline({"check-config", file.path(), "--print-effective"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.out, HasSubstr("workers = 2\n"));
  EXPECT_THAT(ran.out, HasSubstr("endpoints = 1000000\n"));
  const File again(ran.out);
  EXPECT_EQ(Flatline({"check-config", again.path(), "--print-effective"}).out, ran.out);
}

}  // namespace
}  // namespace flatline::cli
