#include "control/cli/contract.h"

#include "control/cli/measured_paths.h"
#include "control/cli/observation.h"
#include "control/cli/record_text.h"
#include "control/config/contract.h"
#include "control/config/units.h"
#include "control/region/region_file.h"

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <thread>

namespace flatline::cli {
namespace {

struct Options {
  std::string measure_for = "10s";
};

// What was seen of one profile, beside what it was made for.
struct Finding {
  const Profile& profile;
  const Contract& contract;
  const ProfilePaths& paths;
  double loss = 0;

  [[nodiscard]] Promise Promised() const {
    return QualityOf(profile.interval, contract.promise.detection, contract.path);
  }

  // On the path that half of its endpoints have, or a better one.
  [[nodiscard]] Promise Seen() const {
    return QualityOf(
        profile.interval, contract.promise.detection, {.loss = loss, .jitter = paths.jitter});
  }

  [[nodiscard]] bool is_kept() const { return paths.keep == paths.endpoints; }
};

std::string TextOf(const Finding& of) {
  std::string out = std::string(of.profile.name.data()) + ": dead is told within " +
                    PrintDuration(of.contract.promise.detection) + ", heartbeats every " +
                    PrintDuration(of.profile.interval) + "\n  promised  " +
                    PrintQuality(of.contract.promise) + "\n  made for  " +
                    PrintPath(of.contract.path) + ": " + PrintQuality(of.Promised()) + "\n";
  if (of.paths.endpoints == 0) {
    return out + "  measured  nothing: no endpoint of it is alive and known for eight heartbeats\n";
  }
  return out + "  measured  " + PrintPath({.loss = of.loss, .jitter = of.paths.jitter}) +
         " or less for half of them, " + PrintRoughly(of.paths.worst_jitter) +
         " for 99 of 100: " + PrintQuality(of.Seen()) + "\n  " +
         (of.is_kept() ? "kept      by all " : "BROKEN    kept by ") +
         std::to_string(of.paths.keep) +
         (of.is_kept() ? "" : " of " + std::to_string(of.paths.endpoints)) + "\n";
}

nlohmann::ordered_json JsonOf(const Promise& quality) {
  return {{"detection_ns", quality.detection.count()},
          {"mistake_every_ns", quality.recurrence.count()},
          {"mistake_lasts_ns", quality.mistake.count()}};
}

nlohmann::ordered_json JsonOf(const Finding& of) {
  nlohmann::ordered_json out{{"profile", of.profile.name.data()},
                             {"interval_ns", of.profile.interval.count()},
                             {"promised", JsonOf(of.contract.promise)},
                             {"made_for", JsonOf(of.Promised())},
                             {"endpoints", of.paths.endpoints},
                             {"kept_by", of.paths.keep}};
  if (of.paths.endpoints != 0) {
    out["loss"] = of.loss;
    out["jitter_ns"] = of.paths.jitter.count();
    out["jitter_p99_ns"] = of.paths.worst_jitter.count();
    out["measured"] = JsonOf(of.Seen());
  }
  return out;
}

bool IsInForce(const Profile& in_file, const Profile& in_region) {
  return std::memcmp(&in_file, &in_region, sizeof(Profile)) == 0;
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
  const SequencesSeen before(region->view());
  std::this_thread::sleep_for(ParseDuration(options.measure_for).value_or(Duration{}));
  const double loss = SequencesSeen(region->view()).LossSince(before);
  const auto paths = MeasurePaths(region->view(), config->contracts, loss);
  bool any = false;
  bool all_kept = true;
  for (std::size_t id = 0; id < kMaxProfiles; ++id) {
    if (config->contracts[id].is_made()) {
      if (!IsInForce(config->profiles[id], region->view().header().profiles[id])) {
        return invocation.Fail(ExitCode::kFailed,
                               std::string(config->profiles[id].name.data()) +
                                   ": the dataplane was started with other times than the file "
                                   "has; restart it, or name its file with --config");
      }
      const Finding finding{config->profiles[id], config->contracts[id], paths[id], loss};
      any = true;
      all_kept = all_kept && finding.is_kept();
      invocation.out << (invocation.json ? JsonLine(JsonOf(finding)) + "\n" : TextOf(finding));
    }
  }
  if (!any) {
    return invocation.Fail(ExitCode::kAbsent,
                           "no profile has a contract; write detect_within in a [[profile]]");
  }
  return all_kept ? ExitCode::kOk : ExitCode::kFailed;
}

}  // namespace

void AddContractVerb(CLI::App& app, Invocation& invocation) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand(
      "contract", "what profiles promise, and whether the paths let them keep it; 1 if one cannot");
  verb->add_option("--for", options->measure_for, "count lost heartbeats for so long")
      ->capture_default_str()
      ->type_name("DURATION")
      ->check(FaultInDuration);
  verb->callback([options, &invocation] {
    invocation.run = [options, &invocation] { return Run(*options, invocation); };
  });
}

}  // namespace flatline::cli
