// token new, list and revoke, run in this process over a file and a configuration of their own.
#include "control/delivery/tokens.h"
#include "tests/cli/in_process.h"

#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <grp.h>
#include <string>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace flatline::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): gtest deletes it as its base
class TokenVerb : public testing::Test {
 protected:
  TokenVerb() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "flatline-token-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    // A socket of the test's own: another control on this machine is none of its business.
    std::ofstream(directory_ + "/config.toml")
        << "[control]\ntokens = \"" << path() << "\"\nsocket = \"" << socket() << "\"\n";
  }

  ~TokenVerb() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string path() const { return directory_ + "/tokens"; }

  [[nodiscard]] std::string socket() const { return directory_ + "/control.sock"; }

  [[nodiscard]] Ran Run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "token");
    arguments.insert(arguments.end(), {"--config", directory_ + "/config.toml"});
    return Flatline(arguments);
  }

  [[nodiscard]] std::string Text() const {
    std::ifstream file(path());
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string directory_;
};

TEST_F(TokenVerb, MakesWhatControlLetsIn) {
  const Ran made =
      Run({"new", "hall-b", "--groups", "7,5", "--filter", "rack=r7 and not profile:5", "--admin"});
  EXPECT_EQ(made.code, 0) << made.err;
  EXPECT_THAT(made.err, HasSubstr("systemctl reload flatline-control"));
  const std::string token = made.out.substr(0, made.out.find('\n'));
  const auto tokens = ReadTokens(path());
  ASSERT_TRUE(tokens) << tokens.error();
  EXPECT_THAT(*tokens,
              ElementsAre(Token{.name = "hall-b",
                                .hash = HashOf(token),
                                .groups = {5, 7},
                                .filter = "rack=r7 and not profile:5",
                                .may_administer = true}));
  EXPECT_THAT(Text(), Not(HasSubstr(token.substr(4)))) << "it is kept nowhere";
}

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): all that a handler can reach
std::atomic<int> told{0};

TEST_F(TokenVerb, TellsWhoeverListensOnControlsSocket) {
  EXPECT_THAT(Run({"new", "a"}).err, HasSubstr("could not be told: No such file or directory"));
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = [](int) { told.fetch_add(1); };
  ::sigaction(SIGHUP, &action, &before);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(socket().size(), sizeof(address.sun_path));
  std::memcpy(address.sun_path, socket().c_str(), socket().size());
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(::listen(listener, 9), 0);
  EXPECT_THAT(Run({"new", "c"}).err, HasSubstr("who listens there is process "));
  EXPECT_EQ(told.load(), 0) << "another program would die of it";
  std::array<char, 16> own{};
  ::prctl(PR_GET_NAME, own.data());
  ::prctl(PR_SET_NAME, "flatline-control");
  const Ran revoked = Run({"revoke", "a"});
  EXPECT_EQ(revoked.code, 0) << revoked.err;
  EXPECT_THAT(revoked.err, HasSubstr("flatline-control was told"));
  EXPECT_EQ(told.load(), 1) << "a signal to oneself comes before kill returns";
  EXPECT_THAT(Run({"new", "b", "--file", path()}).err, HasSubstr("systemctl reload"))
      << "a file that control may know nothing of";
  EXPECT_EQ(told.load(), 1);
  ::close(listener);
  EXPECT_THAT(Run({"revoke", "b"}).err, HasSubstr("could not be told: Connection refused"));
  EXPECT_EQ(told.load(), 1);
  ::sigaction(SIGHUP, &before, nullptr);
  ::prctl(PR_SET_NAME, own.data());
}

TEST_F(TokenVerb, ListsAndRevokes) {
  ASSERT_EQ(Run({"new", "a"}).code, 0);
  ASSERT_EQ(Run({"new", "b", "--filter", "group:7", "--groups", "7"}).code, 0);
  EXPECT_EQ(Run({"list"}).out, "a sees every group\nb sees groups 7 where group:7\n");
  EXPECT_THAT(Run({"list", "--json"}).out,
              HasSubstr("{\"name\":\"b\",\"groups\":[7],\"filter\":\"group:7\","
                        "\"administers\":false}\n"));
  EXPECT_EQ(Run({"revoke", "a"}).code, 0);
  EXPECT_EQ(Run({"revoke", "a"}).code, 3) << "it is gone";
  EXPECT_EQ(Run({"list"}).out, "b sees groups 7 where group:7\n");
}

TEST_F(TokenVerb, KeepsTheFileToItsOwnerAndGroup) {
  ASSERT_EQ(Run({"new", "a"}).code, 0);
  struct stat about{};
  ASSERT_EQ(::stat(path().c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777U, 0640U);
}

// Another user's control reads the file as a member of region_group.
TEST_F(TokenVerb, AFileThatIsNewGoesToTheGroupOfTheConfiguration) {
  std::array<gid_t, 1024> groups{};
  const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
  const gid_t mine =
      ::geteuid() == 0 ? 1 : groups.at(count > 0 ? static_cast<std::size_t>(count) - 1 : 0);
  const ::group* const group = ::getgrgid(mine);
  if (group == nullptr || (::geteuid() != 0 && count <= 0)) {
    GTEST_SKIP() << "there is no group to give it to";
  }
  const auto configure = [&](const std::string& name) {
    std::ofstream(directory_ + "/config.toml")
        << "region_group = \"" << name << "\"\n[control]\ntokens = \"" << path()
        << "\"\nsocket = \"" << socket() << "\"\n";
  };
  configure(group->gr_name);
  EXPECT_EQ(Run({"new", "a"}).code, 0);
  struct stat about{};
  ASSERT_EQ(::stat(path().c_str(), &about), 0);
  EXPECT_EQ(about.st_gid, mine);
  EXPECT_EQ(about.st_mode & 0777U, 0640U);
  std::filesystem::remove(path());
  configure("no-such-group");
  const Ran by_hand = Run({"new", "a"});
  EXPECT_EQ(by_hand.code, 0) << "it is made";
  EXPECT_THAT(by_hand.err, HasSubstr("chgrp no-such-group " + path()));
  EXPECT_THAT(by_hand.err, Not(HasSubstr("in a moment")));
}

TEST_F(TokenVerb, WritesNothingWhereSomethingIsWrong) {
  ASSERT_EQ(Run({"new", "a"}).code, 0);
  const std::string before = Text();
  const Ran twice = Run({"new", "a"});
  EXPECT_EQ(twice.code, 1);
  EXPECT_THAT(twice.err, HasSubstr("revoke it first"));
  EXPECT_EQ(Run({"new", "a b"}).code, 2);
  EXPECT_EQ(Run({"new", "b", "--groups", "1,,2"}).code, 2);
  const Ran filter = Run({"new", "b", "--filter", "rack=r7\nc * *"});
  EXPECT_EQ(filter.code, 2);
  EXPECT_THAT(filter.err, HasSubstr("--filter: an expression is one line"));
  EXPECT_THAT(Run({"new", "b", "--filter", "liveness:deda"}).err, HasSubstr("column 10"));
  EXPECT_THAT(Run({"new", "b", "--filter", "reason:silence"}).err, HasSubstr("--filter: "));
  EXPECT_EQ(Text(), before);
  EXPECT_THAT(filter.out, IsEmpty()) << "no token that does not hold is shown";
}

TEST_F(TokenVerb, RefusesABadFileByItsLine) {
  ASSERT_EQ(Run({"new", "a"}).code, 0);
  std::ofstream(path(), std::ios::app) << "b nonsense *\n";
  const std::string before = Text();
  for (const auto& arguments : {std::vector<std::string>{"new", "c"}, {"list"}, {"revoke", "a"}}) {
    const Ran ran = Run(arguments);
    EXPECT_EQ(ran.code, 1);
    EXPECT_THAT(ran.err, HasSubstr("line 3: a hash has 64 hexadecimal digits"));
  }
  EXPECT_EQ(Text(), before);
}

TEST_F(TokenVerb, NeedsAFile) {
  std::ofstream(directory_ + "/config.toml") << "[control]\n";
  EXPECT_EQ(Run({"list"}).code, 2);
  EXPECT_EQ(Run({"list", "--file", path()}).code, 0) << "there are none yet";
}

}  // namespace
}  // namespace flatline::cli
