// key make, derive, rotate and retire, run in this process over a directory of their own.
#include "tests/cli/in_process.h"
#include "tests/temporary_directory.h"

#include <fstream>
#include <string>

#include <gmock/gmock.h>

namespace flatline::cli {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

class KeyVerb : public testing::Test {
 protected:
  KeyVerb() {
    std::ofstream(config_) << "[authentication]\nmode = \"required\"\nkey = \""
                           << directory_.Path("key") << "\"\n";
  }

  [[nodiscard]] Ran Run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "key");
    arguments.insert(arguments.end(), {"--config", config_});
    return Flatline(arguments);
  }

  TemporaryDirectory directory_;
  std::string config_ = directory_.Path("config.toml");
};

TEST_F(KeyVerb, MakesDerivesRotatesAndRetires) {
  EXPECT_EQ(Run({"make"}).code, 0);
  const Ran old = Run({"derive", "41-42", "0x2b"});
  EXPECT_EQ(old.code, 0) << old.err;
  EXPECT_THAT(old.out, MatchesRegex("41 [0-9a-f]{32}\n42 [0-9a-f]{32}\n43 [0-9a-f]{32}\n"));
  EXPECT_EQ(Run({"rotate"}).code, 0);
  EXPECT_NE(Run({"derive", "41-43"}).out, old.out);
  EXPECT_EQ(Run({"derive", "41-43", "--previous"}).out, old.out);
  EXPECT_EQ(Run({"retire"}).code, 0);
  EXPECT_EQ(Run({"derive", "41", "--previous"}).code, 1);
  EXPECT_THAT(Run({"derive", "41", "--json"}).out, HasSubstr("{\"id\":41,\"key\":\""));
}

TEST_F(KeyVerb, TakesTheFileByItsPlace) {
  const std::string path = directory_.Path("other");
  EXPECT_EQ(Run({"make", path}).code, 0);
  EXPECT_EQ(Run({"derive", "41", "--file", path}).code, 0);
  EXPECT_EQ(Run({"derive", "41"}).code, 1) << "the configuration's was not made";
  EXPECT_EQ(Run({"rotate", path}).code, 0);
  EXPECT_EQ(Run({"retire", path}).code, 0);
}

TEST_F(KeyVerb, SaysWhatIsInTheWay) {
  EXPECT_THAT(Run({"derive", "41"}).err, HasSubstr("flatline key make"));
  EXPECT_EQ(Run({"make"}).code, 0);
  const Ran again = Run({"make"});
  EXPECT_EQ(again.code, 1);
  EXPECT_THAT(again.err, HasSubstr("never overwritten"));
  EXPECT_EQ(Run({"derive", "x"}).code, 2);
  EXPECT_EQ(Run({"retire"}).code, 1);
  std::ofstream(config_) << "";
  const Ran nowhere = Run({"make"});
  EXPECT_EQ(nowhere.code, 2);
  EXPECT_THAT(nowhere.err, HasSubstr("authentication.key"));
}

}  // namespace
}  // namespace flatline::cli
