#include "control/cli/command_line.h"

#include "control/cli/agent.h"
#include "control/cli/check_config.h"
#include "control/cli/contract.h"
#include "control/cli/enrol.h"
#include "control/cli/get.h"
#include "control/cli/guard.h"
#include "control/cli/key.h"
#include "control/cli/lease.h"
#include "control/cli/list.h"
#include "control/cli/maintain.h"
#include "control/cli/metrics.h"
#include "control/cli/option_values.h"
#include "control/cli/roster.h"
#include "control/cli/status.h"
#include "control/cli/token.h"
#include "control/cli/top.h"
#include "control/cli/verb.h"
#include "control/cli/watch.h"

#include <flatline/config.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <expected>
#include <filesystem>
#include <ostream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace flatline::cli {
namespace {

constexpr const char* kFooter =
    "Exit codes: 0 done; 1 failed; 2 wrong usage or configuration; 3 not there (no region, no\n"
    "control, no such endpoint). `flatline VERB --help` tells the rest.";

void AddVerbs(CLI::App& app, Invocation& invocation) {
  AddStatusVerb(app, invocation);
  AddTopVerb(app, invocation);
  AddGetVerb(app, invocation);
  AddListVerb(app, invocation);
  AddWatchVerb(app, invocation);
  AddEnrolVerb(app, invocation);
  AddRetireVerb(app, invocation);
  AddGuardVerb(app, invocation);
  AddMaintainVerb(app, invocation);
  AddLeaseVerb(app, invocation);
  AddRosterVerb(app, invocation);
  AddAgentVerb(app, invocation);
  AddKeyVerb(app, invocation);
  AddTokenVerb(app, invocation);
  AddCheckConfigVerb(app, invocation);
  AddContractVerb(app, invocation);
  AddMetricsVerb(app, invocation);
}

// The word in the place of a verb where none is, or nothing.
std::string StrangeWord(const CLI::App& app) {
  const auto words = app.remaining(true);
  const auto found =
      std::ranges::find_if(words, [](const std::string& word) { return !word.starts_with('-'); });
  return found == words.end() ? "" : *found;
}

// What CLI11 calls no more than a subcommand that is required; or empty.
std::string FaultInVerb(const CLI::App& app) {
  const CLI::App* at = &app;
  std::string path = "flatline";
  for (auto chosen = at->get_subcommands(); !chosen.empty(); chosen = at->get_subcommands()) {
    at = chosen.front();
    path += " " + at->get_name();
  }
  const std::string word = StrangeWord(app);
  return word.empty() || at->get_require_subcommand_min() == 0
             ? ""
             : "\"" + word + "\" is no verb of `" + path + "`; `" + path + " --help` lists them";
}

}  // namespace

std::expected<Config, std::string> Invocation::Load() const {
  std::error_code ignored;
  if (config_path == kDefaultConfigPath && !std::filesystem::exists(config_path, ignored)) {
    return DefaultConfig();
  }
  return LoadConfig(config_path);
}

std::expected<MappedRegion, Failure> Invocation::JoinRegion() const {
  const auto config = Load();
  if (!config) {
    return std::unexpected(Failure{ExitCode::kUsage, config.error()});
  }
  auto region = MappedRegion::Open(RegionPath(*config), MappedRegion::Access::kRead);
  if (!region) {
    return std::unexpected(Failure{ExitCode::kAbsent, region.error()});
  }
  return std::move(*region);
}

ExitCode Invocation::Fail(ExitCode code, const std::string& message) const {
  err << "flatline: " << message << "\n";
  return code;
}

std::string FaultInDuration(const std::string& text) {
  const auto parsed = ParseDuration(text);
  return parsed ? "" : parsed.error();
}

int RunCommandLine(std::span<const std::string> arguments, const Streams& streams) {
  Invocation invocation{.in = streams.in, .out = streams.out, .err = streams.err, .run = nullptr};
  CLI::App app("flatline: who is alive, who has gone silent, and since when", "flatline");
  app.set_version_flag("--version", "flatline " FLATLINE_VERSION);
  app.footer(kFooter);
  app.fallthrough();
  app.require_subcommand(1);
  app.add_option("--config", invocation.config_path, "the configuration")
      ->capture_default_str()
      ->type_name("FILE");
  app.add_flag("--json", invocation.json, "JSON; streams and lists have one object a line");
  AddVerbs(app, invocation);
  RefuseEmpty(app);
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::ParseError& error) {
    if (const std::string fault = FaultInVerb(app); error.get_exit_code() != 0 && !fault.empty()) {
      return static_cast<int>(invocation.Fail(ExitCode::kUsage, fault));
    }
    const int code = app.exit(error, streams.out, streams.err);
    return code == 0 ? 0 : static_cast<int>(ExitCode::kUsage);
  }
  return static_cast<int>(invocation.run());
}

}  // namespace flatline::cli
