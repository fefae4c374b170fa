// Tokens as they stand in their file: what is read, what is refused and in which words.
#include "control/delivery/tokens.h"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline {
namespace {

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

  std::string directory_;
};

TEST_F(TokensTest, ReadsWhatItWrote) {
  const Tokens tokens{
      {.name = "billing", .hash = HashOf("a"), .groups = {1, 2, 17}},
      {.name = "ops", .hash = HashOf("b"), .may_administer = true},
      {.name = "hall-b", .hash = HashOf("d"), .filter = "rack = r7 and not (name:\"admin \")"},
      {.name = "both", .hash = HashOf("e"), .filter = "profile:5", .may_administer = true}};
  ASSERT_TRUE(WriteTokens(path(), tokens));
  EXPECT_EQ(ReadTokens(path()), tokens);
  EXPECT_EQ(FindToken(tokens, HashOf("b"))->name, "ops");
  EXPECT_EQ(FindToken(tokens, HashOf("c")), nullptr);
}

TEST_F(TokensTest, KeepsNoTokenInItsFile) {
  const std::string text = MakeTokenText();
  EXPECT_EQ(text.size(), 47U);
  EXPECT_NE(text, MakeTokenText());
  EXPECT_THAT(PrintTokens({{.name = "x", .hash = HashOf(text)}}), Not(HasSubstr(text.substr(4))));
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
  EXPECT_THAT(ParseTokens("a " + hash + " *\n\nb " + hash + " 1\n").error(),
              HasSubstr("line 3: b has the hash of a"));
  EXPECT_THAT(ParseTokens("a " + hash + " * filter liveness:deda\n").error(),
              HasSubstr("line 1: filter: column 10: no such liveness"));
  for (const std::string& wrong : {"a" + hash + " x *",
                                   "a/b " + hash + " *",
                                   "a " + hash + "0 *",
                                   "a " + hash + " 1,",
                                   "a " + hash + " 1;2",
                                   "a " + hash + " 4294967296",
                                   "a " + hash + " * more",
                                   "a " + hash + " * admin more",
                                   "a " + hash + " * filter",
                                   "a " + hash + " * filter profile:5 admin",
                                   "a " + hash + " * filter (profile:5",
                                   "a " + hash + " * filter reason:silence",
                                   "a " + hash + " * filter not change:health"}) {
    const auto parsed = ParseTokens(wrong);
    EXPECT_THAT(parsed ? "no error" : parsed.error(), HasSubstr("line 1: ")) << wrong;
  }
}

TEST_F(TokensTest, APipeIsNotWaitedFor) {
  ASSERT_EQ(::mkfifo(path().c_str(), 0640), 0);
  EXPECT_THAT(ReadTokens(path()).error(), HasSubstr("needed a plain file"));
}

TEST_F(TokensTest, KnowsWhenLessIsGranted) {
  const Token was{.name = "a", .groups = {2, 5}, .filter = "profile:5"};
  const auto with = [&was](const auto& change) {
    Token out = was;
    change(out);
    return GrantsAsMuch(out, was);
  };
  EXPECT_TRUE(with([](Token&) {}));
  EXPECT_TRUE(with([](Token& now) { now.groups = {2, 3, 5}; }));
  EXPECT_TRUE(with([](Token& now) { now.groups.clear(); }));
  EXPECT_TRUE(with([](Token& now) { now.filter.clear(); }));
  EXPECT_TRUE(with([](Token& now) { now.may_administer = true; }));
  EXPECT_FALSE(with([](Token& now) { now.groups = {2}; }));
  EXPECT_FALSE(with([](Token& now) { now.filter = "profile:6"; }));
  EXPECT_FALSE(with([](Token& now) { now.name = "b"; })) << "its cursors are others";
  EXPECT_FALSE(GrantsAsMuch({.name = "a", .groups = {1}}, {.name = "a"}));
  EXPECT_FALSE(GrantsAsMuch({.name = "a"}, {.name = "a", .may_administer = true}));
}

}  // namespace
}  // namespace flatline
