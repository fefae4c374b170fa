#include "control/cli/agent.h"

#include "control/cli/agent_fleet.h"
#include "control/cli/agent_socket.h"
#include "control/cli/beat_schedule.h"

#include <flatline/liveness.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <csignal>
#include <ctime>
#include <fmt/ostream.h>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <poll.h>
#include <pthread.h>
#include <random>
#include <string>
#include <sys/signalfd.h>
#include <unistd.h>

namespace flatline::cli {
namespace {

constexpr Duration kReport{1'000'000'000};
constexpr Duration kLinger{250'000'000};  // for the last acknowledgements
constexpr int kLeaves = 3;                // each: UDP may lose one
constexpr std::size_t kMostAgents = 1'000'000;

struct Options {
  std::string to;
  std::string device;
  EndpointId id = kNoEndpoint;
  std::size_t count = 1;
  std::string interval = "1s";
  double jitter = 0.1;
  std::uint64_t seed = 0;
  std::uint32_t incarnation = 0;
  std::string profile;
  Group group = kNoGroup;
  std::string health = "unknown";
  std::optional<double> load;
  std::optional<double> memory;
  std::optional<std::string> text;
  std::string duration;
  std::string keys;
  unsigned tag_bits = 64;
  bool acknowledge = false;
  bool leave = false;
  bool answer_only = false;
  std::uint16_t bind_port = 0;
};

// What the options come to. `first.text` is that of the options.
struct Plan {
  FlatlineAgent first{};
  BeatTiming timing;
  Duration duration{};  // 0: until a signal
  bool answer_only = false;
};

std::int64_t ReadClock(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

Instant Now() {
  return Instant{Duration{ReadClock(CLOCK_MONOTONIC)}};
}

std::uint64_t WallNanoseconds() {
  return static_cast<std::uint64_t>(ReadClock(CLOCK_REALTIME));
}

// SIGINT and SIGTERM as something to poll, while this lives.
class StopSignals {
 public:
  StopSignals() {
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &stop, &before_);
    descriptor_ = ::signalfd(-1, &stop, SFD_NONBLOCK | SFD_CLOEXEC);
  }

  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  ~StopSignals() {
    signalfd_siginfo taken{};  // else it would end us when it is unblocked
    while (::read(descriptor_, &taken, sizeof taken) > 0) {
    }
    ::close(descriptor_);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  sigset_t before_{};
  int descriptor_ = -1;
};

// The agents at work on one socket.
class AgentRun {
 public:
  AgentRun(const Plan& plan, std::size_t count, AgentSocket& socket, const Invocation& invocation)
      : plan_(plan),
        fleet_(plan.first, count),
        schedule_(count, plan.timing, Now()),
        socket_(socket),
        invocation_(invocation) {}

  // Lines of `flatline key derive`: for which of ours there is none.
  [[nodiscard]] std::expected<void, std::string> ReadKeys(const std::string& path,
                                                          unsigned tag_bits) {
    std::ifstream file(path);
    std::size_t given = 0;
    EndpointId id = kNoEndpoint;
    std::string text;
    while (file >> id >> text) {
      std::array<std::uint8_t, 16> key{};
      if (!FlatlineReadKey(text.c_str(), key.data())) {
        break;
      }
      given += fleet_.GiveKey(id, key, static_cast<std::uint8_t>(tag_bits / 8)) ? 1U : 0U;
    }
    if (!file.eof() || given < fleet_.size()) {
      return std::unexpected(
          fmt::format("{}: needed a line `id key` for each of {} agents, as `flatline key derive` "
                      "prints them, found {} of them",
                      path,
                      fleet_.size(),
                      given));
    }
    return {};
  }

  void Beat() {
    const Instant start = Now();
    Instant report = start + kReport;
    for (Instant now = start; !stopped_ && !IsOver(start, now); now = Now()) {
      while (const auto agent = schedule_.TakeDue(now)) {
        if (!plan_.answer_only) {
          Send(*agent, Message::kHeartbeat);
        }
      }
      if (now >= report) {
        Report("running");
        report = now + kReport;
      }
      Instant until = std::min(schedule_.next(), report);
      if (plan_.duration > Duration{}) {
        until = std::min(until, start + plan_.duration);
      }
      WaitUntil(until);
    }
  }

  void Leave() {
    for (int round = 0; round < kLeaves; ++round) {
      for (std::size_t agent = 0; agent < fleet_.size(); ++agent) {
        Send(agent, Message::kLeave);
      }
    }
  }

  void Linger() {
    stopped_ = false;
    const Instant until = Now() + kLinger;
    while (!stopped_ && Now() < until && totals().acknowledged < totals().sent) {
      WaitUntil(until);
    }
  }

  void Report(std::string_view event) const {
    const AgentTotals& sums = totals();
    const RoundTrips& trips = sums.round_trips;
    if (invocation_.json) {
      const nlohmann::ordered_json line{{"event", event},
                                        {"sent", sums.sent},
                                        {"failed", sums.failed},
                                        {"acknowledged", sums.acknowledged},
                                        {"answered", sums.answered},
                                        {"strange", sums.strange},
                                        {"round_trip_min_ns", trips.least_ns},
                                        {"round_trip_mean_ns", trips.mean_ns()},
                                        {"round_trip_max_ns", trips.most_ns}};
      invocation_.out << line.dump() << "\n" << std::flush;
      return;
    }
    fmt::print(invocation_.out,
               "{}: sent {} ({} failed), acknowledged {}, answered {}, strange {}, round trip "
               "min/mean/max "
               "{:.1f}/{:.1f}/{:.1f} us\n",
               event,
               sums.sent,
               sums.failed,
               sums.acknowledged,
               sums.answered,
               sums.strange,
               static_cast<double>(trips.least_ns) / 1e3,
               static_cast<double>(trips.mean_ns()) / 1e3,
               static_cast<double>(trips.most_ns) / 1e3);
    invocation_.out.flush();
  }

  [[nodiscard]] const AgentTotals& totals() const { return fleet_.totals(); }

 private:
  [[nodiscard]] bool IsOver(Instant start, Instant now) const {
    return plan_.duration > Duration{} && now - start >= plan_.duration;
  }

  void Send(std::size_t agent, Message message) {
    fleet_.CountSent(socket_.Send(fleet_.Encode(agent, message, WallNanoseconds())));
  }

  void WaitUntil(Instant until) {
    const Duration left = std::max(Duration{}, until - Now());
    const timespec timeout{.tv_sec = left.count() / 1'000'000'000,
                           .tv_nsec = left.count() % 1'000'000'000};
    std::array<pollfd, 2> waiting{{{.fd = socket_.descriptor(), .events = POLLIN, .revents = 0},
                                   {.fd = signals_.descriptor(), .events = POLLIN, .revents = 0}}};
    ::ppoll(waiting.data(), waiting.size(), &timeout, nullptr);
    stopped_ = waiting[1].revents != 0;
    std::array<std::uint8_t, 2048> datagram{};
    while (const auto size = socket_.Receive(datagram)) {
      const auto answer = fleet_.Receive(std::span{datagram}.first(*size), WallNanoseconds());
      if (!answer.empty()) {
        static_cast<void>(socket_.Send(answer));  // lost, it is as if the network had lost it
      }
    }
  }

  const Plan& plan_;
  AgentFleet fleet_;
  BeatSchedule schedule_;
  AgentSocket& socket_;
  const Invocation& invocation_;
  StopSignals signals_;
  bool stopped_ = false;
};

std::expected<ProfileId, std::string> FindProfile(const std::string& name,
                                                  const Invocation& invocation) {
  if (name.empty()) {
    return kDefaultProfile;
  }
  const auto config = invocation.Load();
  if (!config) {
    return std::unexpected(config.error());
  }
  const auto& profiles = config->profiles;
  const auto found = std::ranges::find_if(profiles, [&](const Profile& profile) {
    return profile.in_use() && name == profile.name.data();
  });
  if (found == profiles.end()) {
    return std::unexpected("needed a profile of the configuration, found \"" + name +
                           "\"; `flatline check-config --print-effective` lists them");
  }
  return static_cast<ProfileId>(found - profiles.begin());
}

constexpr double kMostNumber = 4'000'000;  // in thousandths it fits 32 bits

void Say(const Options& options, FlatlineAgent& agent) {
  const auto thousandths = [](double number) {
    return static_cast<std::uint32_t>(std::lround(number * 1000));
  };
  if (options.load) {
    agent.says |= kFlatlineSaysLoad;
    agent.load = thousandths(*options.load);
  }
  if (options.memory) {
    agent.says |= kFlatlineSaysMemory;
    agent.memory = thousandths(*options.memory);
  }
  agent.text = options.text ? options.text->c_str() : nullptr;
}

std::expected<Plan, std::string> MakePlan(const Options& options, const Invocation& invocation) {
  const auto profile = FindProfile(options.profile, invocation);
  if (!profile) {
    return std::unexpected(profile.error());
  }
  Plan plan;
  plan.first.id = options.id;
  plan.first.incarnation = options.incarnation;
  plan.first.group = options.group;
  plan.first.profile = *profile;
  plan.first.health = static_cast<std::uint8_t>(std::ranges::find(kHealthNames, options.health) -
                                                kHealthNames.begin());
  plan.first.wants_acknowledgement = options.acknowledge;
  plan.answer_only = options.answer_only;
  Say(options, plan.first);
  plan.timing = {.interval = ParseDuration(options.interval).value(),
                 .jitter = options.jitter,
                 .seed = options.seed};
  if (!options.duration.empty()) {
    plan.duration = ParseDuration(options.duration).value();
  }
  if (plan.timing.interval <= Duration{}) {
    return std::unexpected("needed an interval above 0, found " + options.interval);
  }
  if (options.id + (options.count - 1) < options.id) {
    return std::unexpected("the ids run over the end; lower --id or --count");
  }
  return plan;
}

void Announce(const Options& options, const Invocation& invocation) {
  if (invocation.json) {
    const nlohmann::ordered_json line{{"event", "started"},
                                      {"to", options.to},
                                      {"first_id", options.id},
                                      {"agents", options.count},
                                      {"incarnation", options.incarnation},
                                      {"seed", options.seed}};
    invocation.out << line.dump() << "\n" << std::flush;
  } else {
    fmt::print(invocation.out,
               "agents {} to {} beat to {} every {}, incarnation {}, seed {}\n",
               options.id,
               options.id + (options.count - 1),
               options.to,
               options.interval,
               options.incarnation,
               options.seed);
    invocation.out.flush();
  }
}

ExitCode Run(const Options& options, const Invocation& invocation) {
  const auto plan = MakePlan(options, invocation);
  if (!plan) {
    return invocation.Fail(ExitCode::kUsage, plan.error());
  }
  auto socket = AgentSocket::Connect(options.to, options.device, options.bind_port);
  if (!socket) {
    return invocation.Fail(ExitCode::kFailed, socket.error());
  }
  Announce(options, invocation);
  AgentRun run{*plan, options.count, *socket, invocation};
  if (!options.keys.empty()) {
    if (const auto read = run.ReadKeys(options.keys, options.tag_bits); !read) {
      return invocation.Fail(ExitCode::kUsage, read.error());
    }
  }
  run.Beat();
  if (options.leave) {
    run.Leave();
  }
  if (options.acknowledge) {
    run.Linger();
  }
  run.Report("ended");
  const AgentTotals& totals = run.totals();
  if (options.answer_only) {
    return totals.answered != 0
               ? ExitCode::kOk
               : invocation.Fail(ExitCode::kFailed, "nothing was asked; does flatline probe?");
  }
  if (totals.sent == 0 || (options.acknowledge && totals.acknowledged == 0)) {
    return invocation.Fail(ExitCode::kFailed,
                           totals.sent == 0 ? "nothing could be sent"
                                            : "nothing was acknowledged; does flatline listen?");
  }
  return ExitCode::kOk;
}

void AddTiming(CLI::App& verb, Options& options) {
  const auto duration = CLI::Validator(
      [](const std::string& text) { return FaultInDuration(text); }, "DURATION", "duration");
  verb.add_option("--interval", options.interval, "between two heartbeats")
      ->check(duration)
      ->capture_default_str();
  verb.add_option("--jitter", options.jitter, "at most this part of the interval early or late")
      ->check(CLI::Range(0.0, 0.9))
      ->capture_default_str();
  verb.add_option("--seed", options.seed, "of the jitter; drawn, and printed, if left out");
  verb.add_option("--for", options.duration, "end after this time; else with SIGINT or SIGTERM")
      ->check(duration);
}

}  // namespace

void AddAgentVerb(CLI::App& app, Invocation& invocation) {
  const auto options = std::make_shared<Options>();
  options->seed = std::random_device{}();
  options->incarnation = static_cast<std::uint32_t>(WallNanoseconds() / 1'000'000'000);
  CLI::App* verb = app.add_subcommand("agent", "beat for endpoints over a kernel socket");
  verb->add_option("--to", options->to, "where flatline listens: 10.0.0.1:17996, [fd00::1]:17996")
      ->required()
      ->type_name("ADDRESS:PORT");
  verb->add_option("--id", options->id, "of the endpoint")
      ->required()
      ->check(CLI::Validator(
          [](const std::string& text) {
            return text == "0" ? std::string{"0 is no id"} : std::string{};
          },
          "ID",
          "id"));
  verb->add_option("--count", options->count, "of endpoints, with ids from --id on")
      ->check(CLI::Range(std::size_t{1}, kMostAgents))
      ->capture_default_str();
  AddTiming(*verb, *options);
  verb->add_option("--profile", options->profile, "to ask for, by name")->type_name("NAME");
  verb->add_option("--group", options->group, "failure domain to enrol under");
  verb->add_option("--health", options->health, "to report")
      ->check(CLI::IsMember(std::vector<std::string>(kHealthNames.begin(), kHealthNames.end())))
      ->capture_default_str();
  verb->add_option("--load", options->load, "to tell, such as 1.25: work for each processor")
      ->check(CLI::Range(0.0, kMostNumber));
  verb->add_option("--memory", options->memory, "to tell, the share in use: 0 to 1")
      ->check(CLI::Range(0.0, 1.0));
  verb->add_option("--text", options->text, "to tell, of which 128 bytes are sent; may be empty");
  verb->add_option("--incarnation", options->incarnation, "which life it is; else the time in s");
  verb->add_option("--keys", options->keys, "file of `flatline key derive`: heartbeats have tags")
      ->type_name("PATH");
  verb->add_option("--tag-bits", options->tag_bits, "of the tags, as flatline's configuration says")
      ->check(CLI::IsMember(std::vector<unsigned>{64, 128}))
      ->capture_default_str();
  verb->add_flag("--ack", options->acknowledge, "ask for acknowledgements, and carry the handle");
  verb->add_flag("--answer-only", options->answer_only, "send no heartbeats, only answer probes");
  verb->add_option("--bind-port", options->bind_port, "to be asked at; else the kernel's choice")
      ->type_name("PORT");
  verb->add_flag("--leave", options->leave, "take leave at the end");
  verb->add_option("--bind-device", options->device, "network interface to send through");
  verb->callback([options, &invocation] {
    invocation.run = [options, &invocation] { return Run(*options, invocation); };
  });
}

}  // namespace flatline::cli
