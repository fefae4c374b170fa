#include "control/cli/contract.h"

#include "control/cli/contract_text.h"
#include "control/cli/contract_tracks.h"
#include "control/cli/measured_paths.h"
#include "control/cli/observation.h"
#include "control/cli/record_text.h"
#include "control/region/region_file.h"

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <string>
#include <thread>

namespace flatline::cli {
namespace {

struct Options {
  std::string measure_for = "10s";
};

bool IsInForce(const Profile& in_file, const Profile& in_region) {
  return std::memcmp(&in_file, &in_region, sizeof(Profile)) == 0;
}

// Why there is nothing to measure, or nothing.
std::optional<Failure> Obstacle(const Config& config, const RegionView& region) {
  bool any = false;
  for (std::size_t id = 0; id < kMaxProfiles; ++id) {
    if (!config.contracts.at(id).is_made()) {
      continue;
    }
    any = true;
    if (!IsInForce(config.profiles.at(id), region.header().profiles.at(id))) {
      return Failure{ExitCode::kFailed,
                     std::string(config.profiles.at(id).name.data()) +
                         ": the dataplane was started with other times than the file has; restart "
                         "it, or name its file with --config"};
    }
  }
  if (!any) {
    return Failure{ExitCode::kAbsent,
                   "no profile has a contract; write detect_within in a [[profile]]"};
  }
  return std::nullopt;
}

ExitCode Run(const Options& options, const Invocation& invocation) {
  const auto config = invocation.Load();
  if (!config) {
    return invocation.Fail(ExitCode::kUsage, config.error());
  }
  const auto region = invocation.JoinRegion();
  if (!region) {
    return invocation.Fail(region.error());
  }
  if (const auto obstacle = Obstacle(*config, region->view())) {
    return invocation.Fail(*obstacle);
  }
  const auto paths = MeasurePaths(region->view(),
                                  *config,
                                  ParseDuration(options.measure_for).value_or(Duration{}),
                                  [](Duration pause) {
                                    std::this_thread::sleep_for(pause);
                                    return MonotonicNow();
                                  });
  bool all_kept = true;
  for (ProfileId id = 0; id < kMaxProfiles; ++id) {
    if (config->contracts.at(id).is_made()) {
      const ContractFinding finding{
          config->profiles.at(id), config->contracts.at(id), paths.at(id), TrackOf(*config, id)};
      all_kept = all_kept && finding.is_kept();
      invocation.out << (invocation.json ? JsonLine(JsonOf(finding)) + "\n" : TextOf(finding));
    }
  }
  return all_kept ? ExitCode::kOk : ExitCode::kFailed;
}

}  // namespace

void AddContractVerb(CLI::App& app, Invocation& invocation) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand(
      "contract",
      "what profiles promise, whether the paths let them keep it, and what would do; 1 if one "
      "cannot");
  verb->add_option("--for", options->measure_for, "follow heartbeats for so long")
      ->capture_default_str()
      ->type_name("DURATION")
      ->check(FaultInDuration);
  verb->callback([options, &invocation] {
    invocation.run = [options, &invocation] { return Run(*options, invocation); };
  });
}

}  // namespace flatline::cli
