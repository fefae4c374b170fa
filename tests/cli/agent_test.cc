// `flatline agent` as it is called, over loopback, against a listener that acknowledges.
#include "control/cli/agent_socket.h"
#include "control/cli/command_line.h"
#include "tests/temporary_directory.h"

#include <flatline/check.h>
#include <flatline/heartbeat.h>

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <csignal>
#include <cstddef>
#include <fstream>
#include <netinet/in.h>
#include <pthread.h>
#include <sstream>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

namespace flatline::cli {
namespace {

// Acknowledges what it hears on a free port of [::1], until an empty datagram ends it.
class Listener {
 public:
  explicit Listener(bool stops_agent = false) : stops_agent_(stops_agent) {
    sockaddr_in6 at{};
    at.sin6_family = AF_INET6;
    at.sin6_addr = in6addr_loopback;
    socklen_t size = sizeof at;
    descriptor_ = ::socket(AF_INET6, SOCK_DGRAM, 0);
    FLATLINE_CHECK(::bind(descriptor_, reinterpret_cast<sockaddr*>(&at), size) == 0);
    FLATLINE_CHECK(::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&at), &size) == 0);
    port_ = ntohs(at.sin6_port);
    thread_ = std::thread{[this] { Listen(); }};
  }

  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  ~Listener() { Finish(); }

  // What it heard in all.
  const std::vector<Heartbeat>& Finish() {
    if (thread_.joinable()) {
      sockaddr_in6 at{};
      at.sin6_family = AF_INET6;
      at.sin6_addr = in6addr_loopback;
      at.sin6_port = htons(port_);
      FLATLINE_CHECK(
          ::sendto(descriptor_, nullptr, 0, 0, reinterpret_cast<const sockaddr*>(&at), sizeof at) ==
          0);
      thread_.join();
      ::close(descriptor_);
    }
    return heard_;
  }

  [[nodiscard]] std::string address() const { return "[::1]:" + std::to_string(port_); }

 private:
  void Listen() {
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &stop, nullptr);  // it is for the agent's thread
    std::array<std::byte, 2048> datagram{};
    for (;;) {
      sockaddr_in6 from{};
      socklen_t size = sizeof from;
      const auto length = ::recvfrom(descriptor_,
                                     datagram.data(),
                                     datagram.size(),
                                     0,
                                     reinterpret_cast<sockaddr*>(&from),
                                     &size);
      if (length <= 0) {
        return;
      }
      Heartbeat heartbeat =
          DecodeHeartbeat(std::span{datagram}.first(static_cast<std::size_t>(length))).value();
      heard_.push_back(heartbeat);
      if (heartbeat.wants_acknowledgement) {
        heartbeat.kind = HeartbeatKind::kAcknowledgement;
        heartbeat.handle = 4711;
        heartbeat.payload_length = 0;
        EncodeHeartbeat(heartbeat, std::span{datagram}.first<kHeartbeatSize>());
        ::sendto(descriptor_,
                 datagram.data(),
                 kHeartbeatSize,
                 0,
                 reinterpret_cast<const sockaddr*>(&from),
                 size);
      }
      if (stops_agent_ && heard_.size() == 3) {
        ::kill(::getpid(), SIGTERM);
      }
    }
  }

  bool stops_agent_;
  int descriptor_ = -1;
  std::uint16_t port_ = 0;
  std::vector<Heartbeat> heard_;
  std::thread thread_;
};

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

Outcome Flatline(const std::vector<std::string>& arguments) {
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  const int code = RunCommandLine(arguments, {in, out, err});
  return {code, out.str(), err.str()};
}

std::size_t Leaves(const std::vector<Heartbeat>& heard) {
  return static_cast<std::size_t>(
      std::ranges::count(heard, HeartbeatKind::kLeave, &Heartbeat::kind));
}

TEST(AgentVerb, BeatsIsAcknowledgedAndLeaves) {
  Listener listener;
  const Outcome outcome = Flatline({"agent",    "--to",      listener.address(),
                                    "--id",     "7",         "--count",
                                    "2",        "--ack",     "--interval",
                                    "20ms",     "--for",     "100ms",
                                    "--leave",  "--profile", "database",
                                    "--group",  "9",         "--health",
                                    "ready",    "--seed",    "5",
                                    "--jitter", "0"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("seed 5"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("ended: sent "), std::string::npos) << outcome.out;
  const auto& heard = listener.Finish();
  ASSERT_GE(heard.size(), 8U);
  EXPECT_EQ(Leaves(heard), 6U) << "three for each";
  EXPECT_EQ(heard.front().id, 7U);
  EXPECT_EQ(heard.front().profile, 2U);
  EXPECT_EQ(heard.front().health, Health::kReady);
  EXPECT_EQ(heard.front().payload_length, 6U) << "the group";
  EXPECT_EQ(heard.front().handle, kNoSlot);
  EXPECT_EQ(heard.back().handle, 4711U);
  EXPECT_TRUE(std::ranges::find(heard, 8U, &Heartbeat::id) != heard.end());
}

TEST(AgentVerb, ASignalEndsItWithALeave) {
  Listener listener{true};
  const Outcome outcome = Flatline(
      {"--json", "agent", "--to", listener.address(), "--id", "7", "--interval", "5ms", "--leave"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find(R"({"event":"ended","sent":)"), std::string::npos) << outcome.out;
  EXPECT_EQ(Leaves(listener.Finish()), 3U);
}

// The acknowledgement of the only heartbeat comes after the signal.
TEST(AgentVerb, ASignalLeavesItTimeToHearWhatIsOnItsWay) {
  const int descriptor = ::socket(AF_INET6, SOCK_DGRAM, 0);
  sockaddr_in6 at{};
  at.sin6_family = AF_INET6;
  at.sin6_addr = in6addr_loopback;
  socklen_t size = sizeof at;
  ASSERT_EQ(::bind(descriptor, reinterpret_cast<sockaddr*>(&at), size), 0);
  ASSERT_EQ(::getsockname(descriptor, reinterpret_cast<sockaddr*>(&at), &size), 0);
  std::thread late([descriptor] {
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &stop, nullptr);  // it is for the agent's thread
    std::array<std::byte, kHeartbeatSize> datagram{};
    sockaddr_in6 from{};
    socklen_t length = sizeof from;
    const auto receive = [&] {
      ::recvfrom(descriptor,
                 datagram.data(),
                 datagram.size(),
                 0,
                 reinterpret_cast<sockaddr*>(&from),
                 &length);
    };
    receive();
    const auto only = datagram;
    ::kill(::getpid(), SIGTERM);
    receive();  // a leave: it has taken the signal
    Heartbeat answer = DecodeHeartbeat(only).value();
    answer.kind = HeartbeatKind::kAcknowledgement;
    EncodeHeartbeat(answer, std::span{datagram});
    ::sendto(descriptor,
             datagram.data(),
             datagram.size(),
             0,
             reinterpret_cast<const sockaddr*>(&from),
             length);
  });
  const Outcome outcome = Flatline({"agent",
                                    "--to",
                                    "[::1]:" + std::to_string(ntohs(at.sin6_port)),
                                    "--id",
                                    "7",
                                    "--ack",
                                    "--leave",
                                    "--interval",
                                    "1h"});
  late.join();
  ::close(descriptor);
  EXPECT_EQ(outcome.code, 0) << outcome.err << outcome.out;
}

TEST(AgentVerb, EachAgentNeedsAKeyOfItsOwn) {
  const TemporaryDirectory directory;
  const std::string key(32, 'a');
  const auto run = [&](const std::string& lines) {
    std::ofstream(directory.Path("keys")) << lines;
    return Flatline({"agent",
                     "--to",
                     "[::1]:9",
                     "--id",
                     "1",
                     "--count",
                     "2",
                     "--keys",
                     directory.Path("keys"),
                     "--for",
                     "1ms"});
  };
  const Outcome twice = run("1 " + key + "\n1 " + key + "\n");
  EXPECT_NE(twice.code, 0);
  EXPECT_NE(twice.err.find("for each of 2 agents"), std::string::npos) << twice.err;
  EXPECT_NE(twice.err.find("found 1 of them"), std::string::npos) << twice.err;
  EXPECT_NE(run("1 " + key + "\n2 nonsense\n").code, 0);
  EXPECT_EQ(run("1 " + key + "\n2 " + key + "\n").err.find("needed a line"), std::string::npos);
}

TEST(AgentVerb, SaysThatThereIsNoFileOfKeys) {
  const TemporaryDirectory directory;
  const auto run = [&](const std::string& path) {
    return Flatline({"agent", "--to", "[::1]:9", "--id", "1", "--for", "1ms", "--keys", path});
  };
  const Outcome missing = run(directory.Path("nope"));
  EXPECT_EQ(missing.code, 2);
  EXPECT_EQ(missing.out, "") << "nothing beats";
  EXPECT_NE(missing.err.find("nope: needed a readable file, found No such file"), std::string::npos)
      << missing.err;
  EXPECT_NE(run(directory.Path("")).err.find("found Is a directory"), std::string::npos);
}

TEST(AgentVerb, KeepsTheLeaseOfItsOwnIdByEitherName) {
  for (const char* lease : {"own", "own:7"}) {
    Listener listener;
    const Outcome outcome = Flatline(
        {"agent", "--to", listener.address(), "--id", "7", "--for", "1ms", "--lease", lease});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
  }
}

TEST(AgentVerb, FailsWhereNobodyListens) {
  Listener listener;
  const std::string address = listener.address();
  listener.Finish();
  const Outcome outcome = Flatline(
      {"agent", "--to", address, "--id", "7", "--ack", "--interval", "10ms", "--for", "30ms"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("nothing was acknowledged"), std::string::npos) << outcome.err;
}

TEST(AgentVerb, RefusesWhatMakesNoSense) {
  const std::vector<std::vector<std::string>> senseless{
      {"agent", "--id", "7"},
      {"agent", "--to", "127.0.0.1"},
      {"agent", "--to", "127.0.0.1", "--id", "0"},
      {"agent", "--to", "127.0.0.1", "--id", "7", "--health", "splendid"},
      {"agent", "--to", "127.0.0.1", "--id", "7", "--interval", "1 fortnight"},
      {"agent", "--to", "127.0.0.1", "--id", "7", "--interval", "0s"},
      {"agent", "--to", "127.0.0.1", "--id", "7", "--for", "0s"},
      {"agent", "--to", "127.0.0.1", "--id", "7", "--for", "1ms", "--lease", "own:99"},
      {"agent",
       "--to",
       "127.0.0.1",
       "--id",
       "7",
       "--for",
       "1ms",
       "--lease",
       "own:7",
       "--count",
       "2"},
      {"agent", "--to", "127.0.0.1", "--id", "7", "--jitter", "1"},
      {"agent", "--to", "127.0.0.1", "--id", "7", "--profile", "unheard-of"},
      {"agent", "--to", "127.0.0.1", "--id", "18446744073709551615", "--count", "2"},
  };
  for (const auto& arguments : senseless) {
    const Outcome outcome = Flatline(arguments);
    EXPECT_EQ(outcome.code, 2) << outcome.err;
    EXPECT_FALSE(outcome.err.empty());
  }
}

TEST(AgentSocket, ReadsDestinations) {
  const auto is = [](const char* host, const char* port) { return HostAndPort{host, port}; };
  EXPECT_EQ(ParseDestination("10.0.0.1:1234"), is("10.0.0.1", "1234"));
  EXPECT_EQ(ParseDestination("10.0.0.1"), is("10.0.0.1", "17996"));
  EXPECT_EQ(ParseDestination("[fd00::1]:1234"), is("fd00::1", "1234"));
  EXPECT_EQ(ParseDestination("[fd00::1]"), is("fd00::1", "17996"));
  EXPECT_EQ(ParseDestination("fd00::1"), is("fd00::1", "17996"));
  for (const char* wrong : {"",
                            ":1234",
                            "host:",
                            "host:0",
                            "host:65536",
                            "host:x",
                            "[fd00::1",
                            "[fd00::1]1234",
                            "[]:1"}) {
    EXPECT_EQ(ParseDestination(wrong), std::nullopt) << wrong;
  }
}

}  // namespace
}  // namespace flatline::cli
