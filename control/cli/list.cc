#include "control/cli/list.h"

#include "control/cli/arguments.h"
#include "control/cli/endpoint_row.h"
#include "control/cli/observation.h"
#include "control/cli/oddities.h"
#include "control/cli/option_values.h"
#include "control/cli/printable.h"
#include "control/cli/record_text.h"
#include "control/region/region_file.h"
#include "control/roster/roster.h"

#include <flatline/liveness.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <expected>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace flatline::cli {
namespace {

struct Options {
  std::vector<std::string> liveness;
  std::vector<std::string> health;
  std::vector<Group> groups;
  std::string profile;
  std::uint64_t limit = 0;  // 0: none
  bool names = false;
  std::vector<std::string> odd;
  bool odd_only = false;
};

// What is printed of a row beside the table's own.
struct Beside {
  std::string_view name;  // empty: none
  OddityMask odd = 0;
  bool tells_odd = false;
};

std::expected<RowFilter, std::string> FilterOf(const Options& options, const RegionView& region) {
  RowFilter out;
  const auto liveness = ParseNames(options.liveness, kLivenessNames);
  const auto health = ParseNames(options.health, kHealthNames);
  if (!liveness || !health) {
    return std::unexpected(!liveness ? "--liveness: " + liveness.error()
                                     : "--health: " + health.error());
  }
  out.liveness_mask = *liveness;
  out.health_mask = *health;
  out.groups.insert(options.groups.begin(), options.groups.end());
  if (!options.profile.empty()) {
    const auto profile = ParseProfile(options.profile, region.header().profiles);
    if (!profile) {
      return std::unexpected("--profile: " + profile.error());
    }
    out.profile = *profile;
  }
  return out;
}

// Null: no names were asked for, or nobody has one.
std::expected<std::shared_ptr<const Roster>, Failure> RosterFor(const Options& options,
                                                                const Invocation& invocation) {
  if (!options.names) {
    return nullptr;
  }
  const auto config = invocation.Load();
  if (!config) {
    return std::unexpected(Failure{ExitCode::kUsage, config.error()});
  }
  auto out = Roster::Open(config->control.roster);
  if (!out) {
    return std::unexpected(Failure{ExitCode::kFailed, out.error()});
  }
  return std::move(*out);
}

std::string LineOf(const EndpointRow& row, const Beside& beside, bool json) {
  if (!json) {
    return RowText(row) + (beside.tells_odd ? "  " + OddityText(beside.odd) : "") +
           (beside.name.empty() ? "" : "  " + Printable(beside.name));
  }
  auto out = RowJson(row);
  if (beside.tells_odd) {
    out["odd"] = OddityJson(beside.odd);
  }
  if (!beside.name.empty()) {
    out["name"] = beside.name;
  }
  return JsonLine(out);
}

// The oddities asked for: those named, or all; 0 where none are.
std::expected<OddityMask, std::string> OdditiesOf(const Options& options) {
  if (!options.odd_only) {
    return 0;
  }
  return options.odd.empty() ? kEveryOddity : ParseNames(options.odd, kOddityNames);
}

struct Wanted {
  RowFilter filter;
  OddityMask odd = 0;  // 0: odd or not
  std::uint64_t limit = 0;
};

// The rows that are wanted, until there are enough. Failed: nobody reads them.
ExitCode PrintRows(const RegionView& region,
                   const Wanted& wanted,
                   const Roster* roster,
                   const Invocation& invocation) {
  const auto slots = static_cast<Slot>(region.shape().slots());
  std::uint64_t printed = 0;
  const Sampled sampled(region, ReadClocks());
  for (Slot slot = 0; slot < slots && (wanted.limit == 0 || printed < wanted.limit); ++slot) {
    const OddityMask is_odd = wanted.odd != 0 ? OdditiesIn(region, slot, sampled) : 0;
    if (wanted.odd != 0 && (is_odd & wanted.odd) == 0) {
      continue;
    }
    const std::optional<EndpointRow> row = ReadRow(region, slot, MonotonicNow());
    if (!row || !wanted.filter.Accepts(*row)) {
      continue;
    }
    const Beside beside{.name = roster != nullptr ? roster->NameOf(row->id) : std::string_view{},
                        .odd = is_odd,
                        .tells_odd = wanted.odd != 0};
    invocation.out << LineOf(*row, beside, invocation.json) << "\n";
    ++printed;
    if (!invocation.out) {
      return ExitCode::kFailed;
    }
  }
  return ExitCode::kOk;
}

ExitCode Run(const Options& options, const Invocation& invocation) {
  const auto roster = RosterFor(options, invocation);
  if (!roster) {
    return invocation.Fail(roster.error());
  }
  const auto region = invocation.JoinRegion();
  if (!region) {
    return invocation.Fail(region.error());
  }
  const auto filter = FilterOf(options, region->view());
  if (!filter) {
    return invocation.Fail(ExitCode::kUsage, filter.error());
  }
  const auto odd = OdditiesOf(options);
  if (!odd) {
    return invocation.Fail(ExitCode::kUsage, "--odd: " + odd.error());
  }
  if (!invocation.json) {
    invocation.out << RowHeading() << (*odd != 0 ? "  odd" : "") << (options.names ? "  name" : "")
                   << "\n";
  }
  const Wanted wanted{.filter = *filter, .odd = *odd, .limit = options.limit};
  return PrintRows(region->view(), wanted, roster->get(), invocation);
}

}  // namespace

void AddListVerb(CLI::App& app, Invocation& invocation) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("list", "the endpoints of the table");
  AddList(*verb, "--liveness", options->liveness, "unknown, alive, suspect, dead, left")
      ->type_name("NAME,...");
  AddList(*verb, "--health", options->health, "unknown, ready, degraded, failing")
      ->type_name("NAME,...");
  AddGroups(*verb, options->groups, kNoGroup, "of these groups only");
  verb->add_option("--profile", options->profile, "by name or number")->type_name("PROFILE");
  CLI::Option* const odd = AddList(*verb,
                                   "--odd",
                                   options->odd,
                                   "what is odd and no death: never-heard, other-port, interval, "
                                   "clock; all where none is named");
  odd->type_name("[NAME,...]")->expected(0, static_cast<int>(kOddityNames.size()));
  verb->add_flag("--names", options->names, "with the names of the roster");
  verb->add_option("--limit", options->limit, "at most so many; 0: all")
      ->type_name("N")
      ->transform(Number<std::uint64_t>("a limit"));
  verb->callback([options, odd, &invocation] {
    options->odd_only = odd->count() != 0;
    invocation.run = [options, &invocation] { return Run(*options, invocation); };
  });
}

}  // namespace flatline::cli
