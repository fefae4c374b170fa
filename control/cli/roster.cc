#include "control/cli/roster.h"

#include "control/cli/arguments.h"
#include "control/roster/roster.h"
#include "control/roster/roster_load.h"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <expected>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace flatline::cli {
namespace {

struct Options {
  std::string file;
  bool skip_bad = false;
  bool quiet = false;
};

// A line on a terminal, overwritten as it goes on; none where the errors go to a file.
void ShowProgress(std::ostream& err, std::string_view step, std::uint64_t done, std::uint64_t of) {
  err << fmt::format("\r{} {:3} %  ", step, of == 0 ? 100 : done * 100 / of)
      << (step == "written" ? "\n" : "") << std::flush;
}

void TellFaults(const RosterOutcome& outcome, const std::string& file, std::ostream& err) {
  for (const RosterFault& fault : outcome.faults) {
    err << file << ":" << fault.line;
    if (fault.column != 0) {
      err << ":" << fault.column;
    }
    err << ": " << fault.cause << "\n";
  }
  if (outcome.fault_count > outcome.faults.size()) {
    err << "and " << outcome.fault_count - outcome.faults.size() << " more\n";
  }
}

ExitCode TellOutcome(const Options& options,
                     const RosterOutcome& outcome,
                     const std::string& path,
                     const Invocation& invocation) {
  TellFaults(outcome, options.file == "-" ? "stdin" : options.file, invocation.err);
  if (!outcome.is_written) {
    return invocation.Fail(ExitCode::kUsage,
                           fmt::format("{} bad lines, nothing was loaded; mend them, or load "
                                       "the others with --skip-bad",
                                       outcome.fault_count));
  }
  const RosterTotals& totals = outcome.totals;
  if (invocation.json) {
    const nlohmann::ordered_json line{{"file", path},
                                      {"endpoints", totals.endpoints},
                                      {"named", totals.named},
                                      {"labels", totals.labels},
                                      {"distinct_labels", totals.pairs},
                                      {"bytes", totals.bytes},
                                      {"bad_lines", outcome.fault_count}};
    invocation.out << line.dump() << "\n";
  } else {
    invocation.out << fmt::format(
        "{}: {} endpoints, {} with a name, {} labels ({} distinct), {} bytes; {} bad lines "
        "left out\n",
        path,
        totals.endpoints,
        totals.named,
        totals.labels,
        totals.pairs,
        totals.bytes,
        outcome.fault_count);
  }
  return ExitCode::kOk;
}

ExitCode Load(const Options& options, const Invocation& invocation) {
  const auto config = invocation.Load();
  if (!config) {
    return invocation.Fail(ExitCode::kUsage, config.error());
  }
  const auto text =
      options.file == "-" ? RosterText::Of(invocation.in) : RosterText::OfFile(options.file);
  if (!text) {
    return invocation.Fail(ExitCode::kUsage, text.error());
  }
  RosterLoad how;
  how.skip_bad = options.skip_bad;
  how.profiles = [&](std::string_view name) { return ParseProfile(name, config->profiles); };
  if (!options.quiet && ::isatty(STDERR_FILENO) != 0) {
    how.progress = [&](std::string_view step, std::uint64_t done, std::uint64_t of) {
      ShowProgress(invocation.err, step, done, of);
    };
  }
  const auto outcome = LoadRoster(text->text(), how, config->control.roster);
  if (!outcome) {
    return invocation.Fail(ExitCode::kFailed, outcome.error());
  }
  return TellOutcome(options, *outcome, config->control.roster, invocation);
}

nlohmann::ordered_json EntryJson(const Roster& roster, Roster::Ordinal ordinal) {
  nlohmann::ordered_json out{{"id", roster.id(ordinal)}};
  if (const auto name = roster.name(ordinal); !name.empty()) {
    out["name"] = name;
  }
  if (const Group group = roster.group(ordinal); group != kNoGroup) {
    const auto name = roster.GroupName(group);
    out["group"] = name.empty() ? nlohmann::ordered_json(group) : nlohmann::ordered_json(name);
  }
  if (const ProfileId profile = roster.profile(ordinal); profile != kDefaultProfile) {
    out["profile"] = std::to_string(profile);
  }
  for (const Roster::Pair pair : roster.labels(ordinal)) {
    out["labels"][std::string(roster.key(roster.KeyOf(pair)))] = roster.value(pair);
  }
  return out;
}

// Names may be any bytes but control characters.
std::string Dumped(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

using Opened = std::expected<std::shared_ptr<const Roster>, Failure>;

Opened OpenRoster(const Invocation& invocation) {
  const auto config = invocation.Load();
  if (!config) {
    return std::unexpected(Failure{ExitCode::kUsage, config.error()});
  }
  const auto roster = Roster::Open(config->control.roster);
  if (!roster) {
    return std::unexpected(Failure{ExitCode::kFailed, roster.error()});
  }
  if (*roster == nullptr) {
    return std::unexpected(
        Failure{ExitCode::kAbsent,
                config->control.roster +
                    ": there is no roster; load one with `flatline roster load FILE`"});
  }
  return *roster;
}

// One endpoint by id or name, or what the roster holds.
ExitCode Show(const std::string& whom, const Invocation& invocation) {
  const auto roster = OpenRoster(invocation);
  if (!roster) {
    return invocation.Fail(roster.error());
  }
  const Roster& all = **roster;
  if (whom.empty()) {
    nlohmann::ordered_json line{
        {"endpoints", all.size()}, {"bytes", all.bytes()}, {"keys", nlohmann::json::object()}};
    for (Roster::Key key = 0; key < all.keys(); ++key) {
      const auto [first, end] = all.PairsOf(key);
      line["keys"][std::string(all.key(key))] = end - first;
    }
    invocation.out << line.dump(invocation.json ? -1 : 2) << "\n";
    return ExitCode::kOk;
  }
  const auto ids = ParseIds(whom);
  const auto id = ids ? std::optional(ids->first) : all.IdOf(whom);
  const auto ordinal = id ? all.Find(*id) : std::nullopt;
  if (!ordinal) {
    return invocation.Fail(ExitCode::kAbsent, "\"" + whom + "\" is not in the roster");
  }
  invocation.out << Dumped(EntryJson(all, *ordinal)) << "\n";
  return ExitCode::kOk;
}

ExitCode Export(const Invocation& invocation) {
  const auto roster = OpenRoster(invocation);
  if (!roster) {
    return invocation.Fail(roster.error());
  }
  for (Roster::Ordinal ordinal = 0; ordinal < (*roster)->size() && invocation.out; ++ordinal) {
    invocation.out << Dumped(EntryJson(**roster, ordinal)) << "\n";
  }
  return invocation.out ? ExitCode::kOk : ExitCode::kFailed;
}

}  // namespace

void AddRosterVerb(CLI::App& app, Invocation& invocation) {
  CLI::App* verb = app.add_subcommand("roster", "names, labels and groups of endpoints");
  verb->require_subcommand(1);
  const auto options = std::make_shared<Options>();
  CLI::App* load = verb->add_subcommand("load", "take these in place of those there are");
  load->add_option("file", options->file, "CSV with a header, or JSON lines; - for stdin")
      ->required()
      ->type_name("FILE");
  load->add_flag("--skip-bad", options->skip_bad, "leave bad lines out instead of giving up");
  load->add_flag("--quiet", options->quiet, "no progress");
  load->callback([options, &invocation] {
    invocation.run = [options, &invocation] { return Load(*options, invocation); };
  });
  const auto whom = std::make_shared<std::string>();
  CLI::App* show = verb->add_subcommand("show", "one endpoint, or what there is");
  show->add_option("endpoint", *whom, "an id or a name")->type_name("ENDPOINT");
  show->callback([whom, &invocation] {
    invocation.run = [whom, &invocation] { return Show(*whom, invocation); };
  });
  CLI::App* whole = verb->add_subcommand("export", "all of it, as JSON lines that can be loaded");
  whole->callback([&invocation] { invocation.run = [&invocation] { return Export(invocation); }; });
}

}  // namespace flatline::cli
