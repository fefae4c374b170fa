#include "control/cli/status.h"

#include "control/cli/contract_tracks.h"
#include "control/cli/observation.h"
#include "control/cli/oddities.h"
#include "control/cli/status_text.h"
#include "control/region/region_file.h"

#include <flatline/config.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

namespace flatline::cli {
namespace {

struct Options {
  std::string rate;  // a duration; empty: no rates
  bool odd = false;  // look through the whole table
};

WallInstant WallNow() {
  return WallInstant{std::chrono::system_clock::now().time_since_epoch()};
}

void Print(const RegionView& region,
           const Observation& now,
           const std::optional<Observation>& before,
           const Options& options,
           const Invocation& invocation) {
  const auto config = invocation.Load();
  const auto tracks = config ? TracksOf(*config) : std::vector<NamedTrack>{};
  std::optional<OddityCounts> odd;
  if (options.odd) {
    odd = CountOddities(region, ReadClocks());
  }
  if (!invocation.json) {
    invocation.out << (odd ? OddityCountsText(*odd) : "") << TrackLines(tracks, WallNow())
                   << StatusText(now, before);
    return;
  }
  auto json = StatusJson(now, before);
  if (odd) {
    json["odd"] = OddityCountsJson(*odd);
  }
  json["contracts"] = TracksJson(tracks);
  invocation.out << json.dump() << "\n";
}

ExitCode Run(const Options& options, const Invocation& invocation) {
  const auto region = invocation.JoinRegion();
  if (!region) {
    return invocation.Fail(region.error());
  }
  const auto look = [&] { return Observe(region->view(), region->path(), MonotonicNow()); };
  std::optional<Observation> before;
  if (!options.rate.empty()) {
    before = look();
    std::this_thread::sleep_for(ParseDuration(options.rate).value_or(Duration{}));
  }
  const Observation now = look();
  Print(region->view(), now, before, options, invocation);
  const bool is_well = now.pulse == Pulse::kRunning && !now.control_hangs;
  return is_well ? ExitCode::kOk : ExitCode::kFailed;
}

}  // namespace

void AddStatusVerb(CLI::App& app, Invocation& invocation) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("status",
                                      "is it alive, does it hear, what has it counted; 1 unless "
                                      "the dataplane runs and nothing hangs");
  verb->add_option("--rate", options->rate, "look twice, so far apart, and print rates")
      ->type_name("DURATION")
      ->check(FaultInDuration);
  verb->add_flag("--odd", options->odd, "count what is odd and no death: reads the whole table");
  verb->callback([options, &invocation] {
    invocation.run = [options, &invocation] { return Run(*options, invocation); };
  });
}

}  // namespace flatline::cli
