#include "control/cli/metrics.h"

#include "control/cli/contract_tracks.h"
#include "control/cli/metrics_text.h"
#include "control/cli/observation.h"
#include "control/cli/verb.h"

#include <CLI/CLI.hpp>
#include <ostream>

namespace flatline::cli {
namespace {

// Whether it is well is in the text, for who reads it: that it could be told is a success.
ExitCode Run(const Invocation& invocation) {
  const auto config = invocation.Load();
  if (!config) {
    return invocation.Fail(ExitCode::kUsage, config.error());
  }
  const auto region = invocation.JoinRegion();
  if (!region) {
    return invocation.Fail(region.error());
  }
  const Observation seen = Observe(region->view(), region->path(), MonotonicNow());
  invocation.out << MetricsText(seen, TracksOf(*config));
  return ExitCode::kOk;
}

}  // namespace

void AddMetricsVerb(CLI::App& app, Invocation& invocation) {
  CLI::App* verb = app.add_subcommand(
      "metrics",
      "counters, and what became of contracts, in the text format of Prometheus, for a collector "
      "of files or a command that it runs");
  verb->callback([&invocation] { invocation.run = [&invocation] { return Run(invocation); }; });
}

}  // namespace flatline::cli
