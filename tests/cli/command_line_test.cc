// The command line itself: verbs, versions, exit codes, check-config.
#include "tests/cli/in_process.h"

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <unistd.h>

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
