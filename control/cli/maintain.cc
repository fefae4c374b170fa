#include "control/cli/maintain.h"

#include "control/cli/admin_options.h"
#include "control/cli/admin_tally.h"
#include "control/cli/option_values.h"
#include "control/cli/printable.h"
#include "control/cli/record_text.h"
#include "control/cli/roster_lines.h"
#include "control/cli/utf8.h"
#include "control/commentary/maintenance_file.h"

#include <flatline/client.h>
#include <flatline/command_ring.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <expected>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <vector>

namespace flatline::cli {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

struct Options {
  std::vector<std::string> ids;
  std::vector<Group> groups;
  std::string length;
  std::string reason;
  bool ends = false;
  AdminOptions admin;

  [[nodiscard]] bool names_nobody() const { return ids.empty() && groups.empty(); }
};

// Control would not say what it cannot be.
std::string FaultInReason(const std::string& text) {
  const bool is_line = std::ranges::none_of(
      text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7F'; });
  return text.size() <= kMostMaintenanceReason && is_line && IsUtf8(text)
             ? ""
             : fmt::format(
                   "needed one line of UTF-8 of at most {} bytes, found {} bytes{}; "
                   "shorten it, or write it in UTF-8",
                   kMostMaintenanceReason,
                   text.size(),
                   !is_line        ? " with control characters"
                   : !IsUtf8(text) ? " that are no UTF-8"
                                   : "");
}

// What the options contradict each other in, or empty.
std::string FaultIn(const Options& options) {
  if (options.names_nobody()) {
    const bool asks = options.ends || !options.length.empty() || !options.reason.empty();
    return asks ? "needed ids or --group, found neither; name some" : "";
  }
  if (options.ends == !options.length.empty()) {
    return "needed either --for or --end; write --for 2h, say";
  }
  if (options.ends && !options.reason.empty()) {
    return "--reason: an end has none; remove it";
  }
  const std::int64_t ns = ParseDuration(options.length).value_or(Duration{}).count();
  if (!options.ends && (ns < kSecond || ns > kSecond * kMostMaintenanceSeconds)) {
    return "--for: needed 1s to 8784h, found " + options.length;
  }
  return "";
}

std::expected<std::vector<AdminEntry>, std::string> EntriesOf(const Options& options,
                                                              const Config& config) {
  const AdminEntry model{.command = static_cast<std::uint8_t>(
                             options.ends ? CommandKind::kEndMaintenance : CommandKind::kMaintain)};
  RosterLines lines(model, config.profiles);
  for (const std::string& ids : options.ids) {
    lines.Add(ids, "argument " + ids);
  }
  auto out = lines.Take();
  if (!out) {
    return out;
  }
  for (AdminEntry& entry : *out) {
    entry.group = kNoGroup;
    entry.profile = kDefaultProfile;
  }
  for (const Group group : options.groups) {
    AdminEntry entry = model;
    entry.group = group;
    out->push_back(entry);
  }
  return out;
}

std::string LineOf(const MaintenanceEntry& entry, bool json) {
  const bool is_group = entry.endpoint == kNoEndpoint;
  const char* const what = is_group ? "group" : "endpoint";
  const std::uint64_t number = is_group ? std::uint64_t{entry.group} : entry.endpoint;
  const std::string reason = Printable(entry.reason_text());
  if (json) {
    return JsonLine({{what, number},
                     {"begun", WallText(entry.begun_ns)},
                     {"until", WallText(entry.until_ns)},
                     {"reason", reason}});
  }
  return fmt::format("{} {} until {}{}{}",
                     what,
                     number,
                     WallText(entry.until_ns),
                     reason.empty() ? "" : ": ",
                     reason);
}

ExitCode List(const Config& config, const Invocation& invocation) {
  const auto entries = ReadMaintenance(config.control.journal + "/maintenance");
  if (!entries) {
    return invocation.Fail(ExitCode::kAbsent, entries.error());
  }
  for (const MaintenanceEntry& entry : *entries) {
    invocation.out << LineOf(entry, invocation.json) << "\n";
  }
  return ExitCode::kOk;
}

ExitCode Run(const Options& options, const Invocation& invocation) {
  const auto config = invocation.Load();
  if (!config) {
    return invocation.Fail(ExitCode::kUsage, config.error());
  }
  if (const std::string fault = FaultIn(options); !fault.empty()) {
    return invocation.Fail(ExitCode::kUsage, fault);
  }
  if (options.names_nobody()) {
    return List(*config, invocation);
  }
  const auto entries = EntriesOf(options, *config);
  if (!entries || entries->empty()) {
    return invocation.Fail(
        ExitCode::kUsage,
        entries ? "needed ids or --group, found blanks; name some" : entries.error());
  }
  const auto address = FindControl(options.admin, *config);
  if (!address) {
    return invocation.Fail(address.error());
  }
  const std::int64_t ns = ParseDuration(options.length).value_or(Duration{}).count();
  return CarryOut({.verb = "maintain", .entries = *entries, .asked = entries->size()},
                  options.admin,
                  *address,
                  {.token = options.admin.token,
                   .trust = options.admin.trust,
                   .maintain_s = static_cast<std::uint32_t>(ns / kSecond),
                   .reason = options.reason},
                  invocation);
}

}  // namespace

void AddMaintainVerb(CLI::App& app, Invocation& invocation) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand(
      "maintain", "expect endpoints to fall silent until a time; without any: who is silenced");
  verb->add_option("ids", options->ids, "42, 0x2a, 1000-1999")->type_name("ID...");
  AddGroups(*verb, options->groups, 1, "all of these groups");
  verb->add_option("--for", options->length, "so long from now; again: so long from then")
      ->type_name("DURATION")
      ->check(FaultInDuration);
  verb->add_option("--reason", options->reason, "for who asks, up to 80 bytes")
      ->type_name("TEXT")
      ->check(FaultInReason);
  verb->add_flag("--end", options->ends, "it is over now");
  AddAdminOptions(*verb, options->admin);
  verb->callback([options, &invocation] {
    invocation.run = [options, &invocation] { return Run(*options, invocation); };
  });
}

}  // namespace flatline::cli
