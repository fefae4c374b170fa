// roster load, show and export, run in this process over a configuration of their own.
#include "tests/cli/in_process.h"
#include "tests/client/scripted_server.h"
#include "tests/control/roster/roster_on_disk.h"

#include <flatline/command_ring.h>

#include <fstream>
#include <map>
#include <string>
#include <utility>

#include <gmock/gmock.h>

namespace flatline::cli {
namespace {

using testing::HasSubstr;

class RosterVerb : public testing::Test {
 protected:
  RosterVerb() : config_((disk_.directory() / "config.toml").string()) {
    std::ofstream(config_) << "[control]\nroster = \"" << disk_.path() << "\"\n";
  }

  [[nodiscard]] Ran Run(std::vector<std::string> arguments, const std::string& input = "") const {
    arguments.insert(arguments.end(), {"--config", config_});
    return Flatline(arguments, input);
  }

  RosterOnDisk disk_;
  std::string config_;
};

TEST_F(RosterVerb, LoadsShowsAndExports) {
  const Ran loaded =
      Run({"roster", "load", "-"}, "id,name,group,profile,rack\n42,web-1,hall,node,r7\n");
  EXPECT_EQ(loaded.code, 0) << loaded.err;
  EXPECT_THAT(loaded.out, HasSubstr("1 endpoints, 1 with a name, 1 labels (1 distinct)"));
  const std::string entry =
      "{\"id\":42,\"name\":\"web-1\",\"group\":\"hall\",\"profile\":\"5\",\"labels\":"
      "{\"rack\":\"r7\"}}\n";
  EXPECT_EQ(Run({"roster", "show", "web-1"}).out, entry);
  EXPECT_EQ(Run({"roster", "show", "0x2a"}).out, entry);
  EXPECT_EQ(Run({"roster", "show", "web-2"}).code, 3);
  EXPECT_EQ(Run({"roster", "export"}).out, entry);
  EXPECT_EQ(Run({"roster", "load", "-"}, entry).code, 0) << "what is exported can be loaded";
  EXPECT_EQ(Run({"roster", "export"}).out, entry);
}

TEST_F(RosterVerb, TellsEachBadLineAndLoadsNothing) {
  const Ran ran = Run({"roster", "load", "-"}, "id,rack\n1,r1\nx,r1\n");
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.err, HasSubstr("stdin:3:1: id: \"x\" is not a whole number"));
  EXPECT_THAT(ran.err, HasSubstr("nothing was loaded"));
  EXPECT_EQ(Run({"roster", "show"}).code, 3);
  const Ran skipping =
      Run({"roster", "load", "-", "--skip-bad", "--json"}, "id,rack\n1,r1\nx,r1\n");
  EXPECT_EQ(skipping.code, 0);
  EXPECT_THAT(skipping.out, HasSubstr("\"endpoints\":1"));
  EXPECT_THAT(skipping.out, HasSubstr("\"bad_lines\":1"));
}

// Group and profile are the roster's, and where it has none those of the command line.
TEST_F(RosterVerb, EnrolsAllOfIt) {
  ASSERT_EQ(Run({"enrol", "--roster", "--socket", "/nonexistent"}).code, 2) << "there is none yet";
  ASSERT_EQ(Run({"roster", "load", "-"}, "id,name,group,profile\n42,web,7,node\n43,db,,\n").code,
            0);
  const std::string path = (disk_.directory() / "control.sock").string();
  const ScriptedServer server({Script{}, Script{}}, path);
  const Ran ran = Run({"enrol", "--roster", "--socket", path, "--group", "9", "1000-1001"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("4 asked for, 4 done"));
  std::map<EndpointId, std::pair<Group, ProfileId>> sent;
  for (const AdminEntry& entry : server.entries()) {
    EXPECT_EQ(entry.command, static_cast<std::uint8_t>(CommandKind::kEnrol));
    sent[entry.id] = {entry.group, entry.profile};
  }
  using Sent = std::pair<Group, ProfileId>;
  EXPECT_THAT(sent,
              testing::ElementsAre(testing::Pair(42, Sent{7, 5}),
                                   testing::Pair(43, Sent{9, kDefaultProfile}),
                                   testing::Pair(1000, Sent{9, kDefaultProfile}),
                                   testing::Pair(1001, Sent{9, kDefaultProfile})));
}

TEST_F(RosterVerb, RefusesAFilterBeforeItConnects) {
  const Ran ran = Run({"watch", "--filter", "liveness:deda"});
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.err,
              HasSubstr("--filter: column 10: no such liveness: deda; did you mean dead?"));
}

}  // namespace
}  // namespace flatline::cli
