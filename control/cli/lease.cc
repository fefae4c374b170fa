#include "control/cli/lease.h"

#include "control/cli/lease_text.h"
#include "control/cli/observation.h"
#include "control/cli/option_values.h"
#include "control/cli/record_text.h"
#include "control/cli/status_text.h"
#include "control/region/region_file.h"

#include <flatline/lease.h>
#include <flatline/lease_epoch.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace flatline::cli {
namespace {

struct BeginOptions {
  std::string file;  // empty: the configuration's
  std::optional<FencingToken> above;
};

// Hearing time of now, as far as the region says.
std::int64_t HearingNow(const RegionView& region) {
  return MonotonicNow().time_since_epoch().count() -
         region.header().blind_total_ns.load(std::memory_order_acquire);
}

// By name; one that is being written at every look is left out.
std::vector<Lease> LeasesIn(const RegionView& region) {
  std::vector<Lease> out;
  for (unsigned worker = 0; worker < region.shape().workers; ++worker) {
    for (const LeaseEntry& entry : region.leases(worker)) {
      const std::optional<Lease> lease = entry.Read();
      if (lease && lease->holder != kNoEndpoint) {
        out.push_back(*lease);
      }
    }
  }
  std::ranges::sort(out, {}, [](const Lease& one) { return std::pair(one.space, one.number); });
  return out;
}

std::string LineOf(const Lease& lease, std::int64_t left_ns, bool json) {
  const std::string name = LeaseNameText(lease.name());
  if (json) {
    return JsonLine({{"lease", name},
                     {"holder", lease.holder},
                     {"incarnation", lease.incarnation},
                     {"group", lease.group},
                     {"token", lease.token},
                     {"term_ms", lease.term_ms},
                     {"left_ns", left_ns}});
  }
  return fmt::format("{:<24} {:>20} {:>12} {:>20} {:>9}",
                     name,
                     lease.holder,
                     lease.incarnation,
                     lease.token,
                     ShortDuration(Duration{left_ns}));
}

// Why nothing new is granted, if so: the longest wait of any worker, or what stands in the log.
std::string HindranceIn(const RegionView& region, std::int64_t now) {
  std::int64_t wait = 0;
  for (unsigned worker = 0; worker < region.shape().workers; ++worker) {
    const LeaseState& state = region.lease_state(worker);
    if (state.grants.load(std::memory_order_relaxed) == 0) {
      return "nothing new is granted: the file of the epoch is not usable, see the dataplane's log";
    }
    wait = std::max(wait, state.waits_until_ns.load(std::memory_order_relaxed) - now);
  }
  return wait <= 0 ? ""
                   : "nothing new is granted for " + ShortDuration(Duration{wait}) +
                         ": what was granted before the dataplane began cold may still be held";
}

ExitCode List(const Invocation& invocation) {
  const auto region = invocation.JoinRegion();
  if (!region) {
    return invocation.Fail(region.error());
  }
  const RegionView& view = region->view();
  if (view.shape().leases_per_worker == 0) {
    return invocation.Fail(ExitCode::kAbsent,
                           "needed room for leases, found none; set dataplane.leases, and start "
                           "the dataplane with --cold");
  }
  const std::int64_t now = HearingNow(view);
  if (!invocation.json) {
    invocation.out << fmt::format(
        "{:<24} {:>20} {:>12} {:>20} {:>9}\n", "lease", "holder", "incarnation", "token", "left");
  }
  for (const Lease& lease : LeasesIn(view)) {
    const std::int64_t left = std::max<std::int64_t>(0, lease.expires_ns - now);
    invocation.out << LineOf(lease, left, invocation.json) << "\n";
  }
  if (const std::string hindrance = HindranceIn(view, now); !hindrance.empty()) {
    invocation.err << "flatline: " << hindrance << "\n";
  }
  return ExitCode::kOk;
}

ExitCode Begin(const BeginOptions& options, const Invocation& invocation) {
  const auto config = invocation.Load();
  if (!config) {
    return invocation.Fail(ExitCode::kUsage, config.error());
  }
  const std::string path = options.file.empty() ? config->dataplane.lease_epoch : options.file;
  const LeaseEpoch epoch{.epoch = EpochOf(options.above.value_or(0)),
                         .longest = config->dataplane.lease_term_most};
  if (const auto begun = BeginLeaseEpoch(path, epoch); !begun) {
    return invocation.Fail(ExitCode::kFailed, begun.error());
  }
  invocation.out << path << ": leases are granted "
                 << (epoch.epoch == 0 ? "from the dataplane's next start on"
                                      : "once the dataplane has started, and the longest term "
                                        "has passed")
                 << "\n";
  return ExitCode::kOk;
}

}  // namespace

void AddLeaseVerb(CLI::App& app, Invocation& invocation) {
  CLI::App* verb = app.add_subcommand("lease", "who holds which lease, until when");
  verb->require_subcommand(0, 1);
  const auto options = std::make_shared<BeginOptions>();
  CLI::App* begin =
      verb->add_subcommand("begin", "the file of the epoch of fencing tokens, once for all");
  begin->add_option("--file", options->file, "the configuration's if left out")->type_name("PATH");
  begin
      ->add_option("--above",
                   options->above,
                   "the highest token that anybody has seen, where leases were granted before")
      ->type_name("TOKEN")
      ->transform(WholeNumber("a fencing token that leaves an epoch above it",
                              TokenOf(1, 0),
                              TokenOf(kMostLeaseEpoch, 0) - 1));
  verb->callback([options, verb, begin, &invocation] {
    const bool begins = !verb->get_subcommands().empty() && verb->got_subcommand(begin);
    invocation.run = [options, begins, &invocation] {
      return begins ? Begin(*options, invocation) : List(invocation);
    };
  });
}

}  // namespace flatline::cli
