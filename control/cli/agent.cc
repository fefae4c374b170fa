#include "control/cli/agent.h"

#include "control/cli/agent_run.h"
#include "control/cli/agent_socket.h"
#include "control/cli/lease_text.h"
#include "control/cli/option_values.h"

#include <flatline/liveness.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <fmt/ostream.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <random>
#include <string>

namespace flatline::cli {
namespace {

constexpr std::size_t kMostAgents = 1'000'000;
constexpr std::size_t kMostKeepers = 1'000;  // agents that ask for leases

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
  std::string lease;  // empty: none
  std::string term = "10s";
  std::string keys;
  unsigned tag_bits = 64;
  bool acknowledge = false;
  bool leave = false;
  bool answer_only = false;
  std::uint16_t bind_port = 0;
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

// The lease that the options ask for, where they do: of the group, or of each agent itself, it need
// not be said of which.
std::expected<void, std::string> PlanLease(const Options& options, AgentPlan& plan) {
  if (options.lease.empty()) {
    return {};
  }
  if (options.lease == "own") {
    plan.lease = LeaseName{.space = LeaseSpace::kOwn, .number = 0};
  } else if (options.lease == "leader") {
    plan.lease = LeaseName{.space = LeaseSpace::kLeader, .number = options.group};
  } else {
    const auto name = ParseLeaseName(options.lease);
    if (!name) {
      return std::unexpected("--lease: " + name.error());
    }
    const bool is_its_own = options.count == 1 && name->number == options.id;
    if (name->space == LeaseSpace::kOwn && !is_its_own) {
      return std::unexpected("--lease: needed a lease of the agent's own id, found " +
                             options.lease + "; write own");
    }
    plan.lease = *name;
  }
  const std::int64_t ms = ParseDuration(options.term).value_or(Duration{}).count() / 1'000'000;
  if (ms < 1 || ms > 86'400'000) {
    return std::unexpected("--term: needed 1ms to 24h, found " + options.term);
  }
  if (options.count > kMostKeepers || options.answer_only) {
    return std::unexpected("--lease: needed at most 1000 agents that beat; lower --count");
  }
  plan.term_ms = static_cast<std::uint32_t>(ms);
  return {};
}

std::expected<AgentPlan, std::string> MakePlan(const Options& options,
                                               const Invocation& invocation) {
  const auto profile = FindProfile(options.profile, invocation);
  if (!profile) {
    return std::unexpected(profile.error());
  }
  AgentPlan plan;
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
    if (plan.duration <= Duration{}) {
      return std::unexpected("--for: needed a time above 0, found " + options.duration +
                             "; leave it out to go on until a signal");
    }
  }
  if (const auto lease = PlanLease(options, plan); !lease) {
    return std::unexpected(lease.error());
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
  AgentRun run{*plan, options.count, *socket, invocation};
  if (!options.keys.empty()) {
    if (const auto read = run.ReadKeys(options.keys, options.tag_bits); !read) {
      return invocation.Fail(ExitCode::kUsage, read.error());
    }
  }
  Announce(options, invocation);
  run.Beat();
  run.GiveUpLeases();
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
  verb.add_option("--lease",
                  options.lease,
                  "to take and to keep: name:42, or leader (of --group), or own; prints when one "
                  "may act and when not")
      ->type_name("LEASE");
  verb.add_option("--term", options.term, "of the lease")->check(duration)->capture_default_str();
  verb.add_option("--interval", options.interval, "between two heartbeats")
      ->check(duration)
      ->capture_default_str();
  verb.add_option("--jitter", options.jitter, "at most this part of the interval early or late")
      ->check(RealNumber(0.0, 0.9))
      ->capture_default_str();
  verb.add_option("--seed", options.seed, "of the jitter; drawn, and printed, if left out")
      ->transform(Number<std::uint64_t>("a seed"));
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
      ->type_name("ID")
      ->transform(Number<EndpointId>("an id", 1));
  verb->add_option("--count", options->count, "of endpoints, with ids from --id on")
      ->transform(WholeNumber("a count", 1, kMostAgents))
      ->capture_default_str();
  AddTiming(*verb, *options);
  verb->add_option("--profile", options->profile, "to ask for, by name")->type_name("NAME");
  verb->add_option("--group", options->group, "failure domain to enrol under")
      ->transform(Number<Group>("a group"));
  verb->add_option("--health", options->health, "to report")
      ->check(CLI::IsMember(std::vector<std::string>(kHealthNames.begin(), kHealthNames.end())))
      ->capture_default_str();
  verb->add_option("--load", options->load, "to tell, such as 1.25: work for each processor")
      ->check(RealNumber(0.0, kMostNumber));
  verb->add_option("--memory", options->memory, "to tell, the share in use: 0 to 1")
      ->check(RealNumber(0.0, 1.0));
  verb->add_option("--text", options->text, "to tell, of which 128 bytes are sent; may be empty");
  verb->add_option("--incarnation", options->incarnation, "which life it is; else the time in s")
      ->transform(Number<std::uint32_t>("an incarnation"));
  verb->add_option("--keys", options->keys, "file of `flatline key derive`: heartbeats have tags")
      ->type_name("PATH");
  verb->add_option("--tag-bits", options->tag_bits, "of the tags, as flatline's configuration says")
      ->check(CLI::IsMember(std::vector<std::string>{"64", "128"}))
      ->capture_default_str();
  verb->add_flag("--ack", options->acknowledge, "ask for acknowledgements, and carry the handle");
  verb->add_flag("--answer-only", options->answer_only, "send no heartbeats, only answer probes");
  verb->add_option("--bind-port", options->bind_port, "to be asked at; else the kernel's choice")
      ->type_name("PORT")
      ->transform(Number<std::uint16_t>("a port"));
  verb->add_flag("--leave", options->leave, "take leave at the end");
  verb->add_option("--bind-device", options->device, "network interface to send through");
  verb->callback([options, &invocation] {
    invocation.run = [options, &invocation] { return Run(*options, invocation); };
  });
}

}  // namespace flatline::cli
