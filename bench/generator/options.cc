#include "bench/generator/options.h"

#include "bench/generator/scenario_file.h"

#include <flatline/config.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <span>
#include <unistd.h>
#include <vector>

namespace flatline::generator {

namespace {

constexpr int kBadUsage = 2;

// What the command line says, before it is understood.
struct Words {
  std::string scenario;
  std::uint64_t endpoints = 0;
  std::string profile;
  std::string interval;
  std::string jitter;
  std::uint64_t racks = 0;
  std::optional<std::uint64_t> seed;
  std::string run_for;
  std::string port;
  std::string udp;
  std::string capture;
  std::string source_mac;
  std::string target_mac;
  std::string source_ip;
  std::string target_ip = "10.255.255.254";
  std::uint16_t target_port = kHeartbeatPort;
  std::uint32_t incarnation = 0;
  std::string link_timeout;
  std::string patience;
  std::string slack;
  std::string early;
};

void Declare(CLI::App& app, Words& words, Options& options) {
  app.add_option("--scenario", words.scenario, "TOML file: who dies, leaves, flaps, when; losses");
  app.add_option("--endpoints", words.endpoints, "how many endpoints [1000]")->group("Fleet");
  app.add_option("--profile", words.profile, "their built-in profile [database]")->group("Fleet");
  app.add_option("--interval", words.interval, "between heartbeats [the profile's]")
      ->group("Fleet");
  app.add_option("--jitter", words.jitter, "each is late by up to this [interval / 10]")
      ->group("Fleet");
  app.add_option("--racks", words.racks, "groups [one for every 1,000 endpoints]")->group("Fleet");
  app.add_option("--seed", words.seed, "of ids, phases, jitter and choices [1]")->group("Fleet");
  app.add_option("--incarnation", words.incarnation, "of each first life [seconds since 1970]")
      ->group("Fleet");

  auto* outlet = app.add_option_group("Outlet", "where heartbeats go");
  outlet->add_option("--port", words.port, "DPDK device, e.g. net_memif0,role=client,socket=PATH");
  outlet->add_option("--udp", words.udp, "kernel socket to ADDRESS:PORT or [ADDRESS]:PORT");
  outlet->add_option("--capture", words.capture, "pcap file, written as fast as the disk takes it");
  outlet->require_option(1);
  app.add_option("--dst-mac", words.target_mac, "of the dataplane's port (or it is promiscuous)")
      ->group("Frames");
  app.add_option("--src-mac", words.source_mac, "ours")->group("Frames");
  app.add_option("--dst-ip", words.target_ip, "IPv4 or IPv6")
      ->group("Frames")
      ->capture_default_str();
  app.add_option("--src-ip", words.source_ip, "of the endpoints [10.0.0.0/9 or fd00::/104]")
      ->group("Frames");
  app.add_option("--dst-port", words.target_port, "UDP")->group("Frames")->capture_default_str();
  app.add_option("--link-timeout", words.link_timeout, "for the port's link to come up [10s]")
      ->group("Frames");

  app.add_option("--run-for", words.run_for, "how long [the scenario's, else 60s]");
  app.add_option("--rate-limit", options.traffic.rate_limit, "heartbeats a second at most")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--patience", words.patience, "for a port that takes nothing [100ms]");
  app.add_flag("--handles", options.traffic.wants_handles, "ask for handles and send them");
  app.add_flag("--flood", options.flood, "as fast as the port takes; no schedule, no judge");
  app.add_option("--replay", options.replay, "flood with the frames of a pcap file, over and over");

  app.add_option("--judge", options.judge, "control's address; check every verdict against truth");
  app.add_option("--slack", words.slack, "how late a death may be told [1s]");
  app.add_option("--early", words.early, "how much before its deadline a verdict may be [200us]");
  app.add_flag("--json", options.json, "the summary as one JSON document on stdout, nothing else");
  app.add_flag("--quiet", options.quiet, "no line a second");
}

std::expected<void, std::string> SetTime(const std::string& text, Duration& out) {
  if (text.empty()) {
    return {};
  }
  const auto time = ParseDuration(text);
  if (!time) {
    return std::unexpected(time.error());
  }
  out = *time;
  return {};
}

// The fleet's options speak of the one cohort that there is.
std::expected<void, std::string> LayFleet(const Words& words, Scenario& scenario) {
  const bool speaks = words.endpoints != 0 || !words.profile.empty() || !words.interval.empty() ||
                      !words.jitter.empty();
  if (scenario.cohorts.size() > 1 && speaks) {
    return std::unexpected(
        "needed a scenario of one cohort with --endpoints, --profile, --interval or --jitter, "
        "found several; change the file");
  }
  if (scenario.cohorts.empty() || !words.profile.empty()) {
    const auto cohort = CohortOfProfile(words.profile.empty() ? "database" : words.profile);
    if (!cohort) {
      return std::unexpected(cohort.error());
    }
    const Index endpoints = scenario.cohorts.empty() ? 1000 : scenario.cohorts[0].endpoints;
    scenario.cohorts = {*cohort};
    scenario.cohorts[0].endpoints = endpoints;
  }
  Cohort& cohort = scenario.cohorts[0];
  if (words.endpoints != 0) {
    cohort.endpoints = static_cast<Index>(std::min(words.endpoints, kMostEndpoints + 1));
  }
  if (auto set = SetTime(words.interval, cohort.interval); !set) {
    return set;
  }
  return SetTime(words.jitter, cohort.jitter);
}

std::expected<void, std::string> LayRun(const Words& words, Options& options) {
  Scenario& scenario = options.scenario;
  if (words.racks != 0) {
    scenario.racks = words.racks;
  }
  if (words.seed) {
    scenario.seed = *words.seed;
  }
  if (scenario.run_for.count() == 0) {
    scenario.run_for = std::chrono::seconds(60);
  }
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  options.traffic.incarnation =
      words.incarnation != 0
          ? words.incarnation
          : static_cast<std::uint32_t>(
                std::chrono::duration_cast<std::chrono::seconds>(since_1970).count());
  for (const auto& [text, out] : {std::pair{&words.run_for, &scenario.run_for},
                                  std::pair{&words.patience, &options.traffic.patience},
                                  std::pair{&words.slack, &options.slack},
                                  std::pair{&words.early, &options.early},
                                  std::pair{&words.link_timeout, &options.port.link_timeout}}) {
    if (auto set = SetTime(*text, *out); !set) {
      return set;
    }
  }
  return {};
}

std::expected<void, std::string> LayAddresses(const Words& words, Options& options) {
  if (!words.udp.empty()) {
    options.outlet = Outlet::kSocket;
    options.socket_target = words.udp;
    return {};
  }
  options.outlet = words.capture.empty() ? Outlet::kPort : Outlet::kCapture;
  options.capture_path = words.capture;
  options.port.device = words.port;
  const bool is_ipv6 = words.target_ip.contains(':');
  const std::string source =
      !words.source_ip.empty() ? words.source_ip : (is_ipv6 ? "fd00::/104" : "10.0.0.0/9");
  auto addresses = ParseFrameAddresses(source, words.target_ip);
  if (!addresses) {
    return std::unexpected(addresses.error());
  }
  addresses->target_port = words.target_port;
  for (const auto& [text, out] : {std::pair{&words.source_mac, &addresses->source_mac},
                                  std::pair{&words.target_mac, &addresses->target_mac}}) {
    if (text->empty()) {
      continue;
    }
    const auto mac = ParseMac(*text);
    if (!mac) {
      return std::unexpected(mac.error());
    }
    *out = *mac;
  }
  options.traffic.addresses = *addresses;
  return {};
}

std::expected<void, std::string> Understand(const Words& words, Options& options) {
  if (!words.scenario.empty()) {
    auto scenario = ReadScenario(words.scenario);
    if (!scenario) {
      return std::unexpected(scenario.error());
    }
    options.scenario = std::move(*scenario);
  }
  options.flood = options.flood || !options.replay.empty();
  if (!options.judge.empty() && (options.flood || !words.capture.empty())) {
    return std::unexpected(
        "needed heartbeats in real time for --judge, found --flood or --capture; drop one");
  }
  auto laid = LayFleet(words, options.scenario);
  if (laid) {
    laid = LayRun(words, options);
  }
  if (laid) {
    laid = LayAddresses(words, options);
  }
  return laid ? ValidateScenario(options.scenario) : laid;
}

}  // namespace

Instruction ParseOptions(int argc, char** argv) {
  const std::span<char*> arguments(argv, static_cast<std::size_t>(argc));
  const auto dashes = std::ranges::find(
      arguments, std::string_view("--"), [](const char* word) { return std::string_view(word); });
  Words words;
  Options options;
  if (dashes != arguments.end()) {
    options.port.eal_arguments.assign(dashes + 1, arguments.end());
  }
  CLI::App app{
      "flatline-generator: a fleet of simulated endpoints, and the judge of what is said "
      "of them"};
  app.footer(
      "What follows -- is given to DPDK's EAL. Exit status: 0 passed, 1 failed, 2 bad usage, "
      "3 something needed is not there.");
  Declare(app, words, options);
  try {
    app.parse(static_cast<int>(dashes - arguments.begin()), argv);
  } catch (const CLI::CallForHelp&) {
    return {std::nullopt, app.help(), 0};
  } catch (const CLI::ParseError& error) {
    return {
        std::nullopt, fmt::format("flatline-generator: {}; see --help\n", error.what()), kBadUsage};
  }
  if (auto understood = Understand(words, options); !understood) {
    return {std::nullopt, fmt::format("flatline-generator: {}\n", understood.error()), kBadUsage};
  }
  return {std::move(options), {}, 0};
}

}  // namespace flatline::generator
