// Tokens as they stand in their file, and who is let in by them.
#include "control/tokens.h"

#include "control/gatekeeper.h"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): gtest deletes it as its base
class TokensTest : public testing::Test {
 protected:
  TokensTest() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "flatline-edge-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }

  ~TokensTest() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string path() const { return directory_ + "/tokens"; }

  static Request Showing(const std::string& token, std::vector<Group> groups = {}) {
    Request out;
    out.text.token = token;
    out.groups = std::move(groups);
    return out;
  }

  std::string directory_;
};

TEST_F(TokensTest, ReadsWhatItWrote) {
  const Tokens tokens{{"billing", HashOf("a"), {1, 2, 17}}, {"ops", HashOf("b"), {}}};
  ASSERT_TRUE(WriteTokens(path(), tokens));
  EXPECT_EQ(ReadTokens(path()), tokens);
  EXPECT_EQ(FindToken(tokens, HashOf("b"))->name, "ops");
  EXPECT_EQ(FindToken(tokens, HashOf("c")), nullptr);
}

TEST_F(TokensTest, KeepsNoTokenInItsFile) {
  const std::string text = MakeTokenText();
  EXPECT_EQ(text.size(), 47U);
  EXPECT_NE(text, MakeTokenText());
  EXPECT_THAT(PrintTokens({{"x", HashOf(text), {}}}), Not(HasSubstr(text.substr(4))));
}

TEST_F(TokensTest, RefusesAFileThatOthersCanReadOrWrite) {
  ASSERT_TRUE(WriteTokens(path(), {}));
  for (const mode_t mode : {0644U, 0660U, 0602U}) {
    ASSERT_EQ(::chmod(path().c_str(), mode), 0);
    EXPECT_THAT(ReadTokens(path()).error(), HasSubstr("chmod 0640")) << mode;
  }
  ASSERT_EQ(::chmod(path().c_str(), 0600), 0);
  EXPECT_TRUE(ReadTokens(path()));
}

TEST_F(TokensTest, SaysWhichLineIsWrong) {
  const std::string hash(64, 'a');
  EXPECT_THAT(ParseTokens("# x\n\na " + hash + " *\nb " + hash + "\n").error(),
              HasSubstr("line 4: needed a name"));
  EXPECT_THAT(ParseTokens("a " + hash + " *\na " + hash + " 1\n").error(), HasSubstr("twice"));
  for (const std::string& wrong : {"a" + hash + " x *",
                                   "a/b " + hash + " *",
                                   "a " + hash + "0 *",
                                   "a " + hash + " 1,",
                                   "a " + hash + " 1;2",
                                   "a " + hash + " 4294967296",
                                   "a " + hash + " * more"}) {
    EXPECT_FALSE(ParseTokens(wrong)) << wrong;
  }
}

TEST_F(TokensTest, LetsInWhoShowsAKnownToken) {
  const std::string text = MakeTokenText();
  ASSERT_TRUE(WriteTokens(path(), {{"billing", HashOf(text), {2, 5}}}));
  Gatekeeper gatekeeper(path());
  Request all = Showing(text);
  ASSERT_TRUE(gatekeeper.Admit(all, false));
  EXPECT_THAT(all.groups, ElementsAre(2, 5));
  Request some = Showing(text, {1, 5, 9});
  ASSERT_TRUE(gatekeeper.Admit(some, true)) << "on the Unix socket a token counts, too";
  EXPECT_THAT(some.groups, ElementsAre(5));
  Request others = Showing(text, {1, 9});
  EXPECT_EQ(gatekeeper.Admit(others, false).error().error, DeliveryError::kNotPermitted);
  for (const std::string& wrong : {std::string(), text + "x", std::string("flt_")}) {
    Request request = Showing(wrong);
    EXPECT_EQ(gatekeeper.Admit(request, false).error().error, DeliveryError::kBadToken) << wrong;
  }
  Request local = Showing("");
  EXPECT_TRUE(gatekeeper.Admit(local, true));
  EXPECT_TRUE(local.groups.empty());
}

TEST_F(TokensTest, SeesThatATokenWasRevokedAndThatItsFileIsOpenToAll) {
  const std::string text = MakeTokenText();
  Gatekeeper gatekeeper(path());
  const auto admits = [&] {
    Request request = Showing(text);
    return gatekeeper.Admit(request, false).has_value();
  };
  EXPECT_FALSE(admits()) << "there is no file";
  ASSERT_TRUE(WriteTokens(path(), {{"ops", HashOf(text), {}}}));
  EXPECT_TRUE(admits());
  ASSERT_EQ(::chmod(path().c_str(), 0644), 0);
  EXPECT_FALSE(admits());
  ASSERT_EQ(::chmod(path().c_str(), 0640), 0);
  EXPECT_TRUE(admits());
  ASSERT_TRUE(WriteTokens(path(), {}));
  EXPECT_FALSE(admits());
}

TEST_F(TokensTest, TakesNoTokenWhereThereAreNone) {
  Gatekeeper gatekeeper("");
  Request with = Showing("flt_x");
  EXPECT_EQ(gatekeeper.Admit(with, false).error().error, DeliveryError::kBadToken);
  Request without = Showing("");
  EXPECT_TRUE(gatekeeper.Admit(without, false));
}

}  // namespace
}  // namespace flatline
