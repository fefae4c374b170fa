#include "control/cli/get.h"

#include "control/cli/arguments.h"
#include "control/cli/endpoint_row.h"
#include "control/cli/observation.h"
#include "control/cli/oddities.h"
#include "control/cli/printable.h"
#include "control/cli/record_text.h"
#include "control/cli/said.h"
#include "control/region/region_file.h"
#include "control/roster/roster.h"

#include <CLI/CLI.hpp>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

namespace flatline::cli {
namespace {

// Null where there is none, or none that can be read: ids will do then.
std::shared_ptr<const Roster> RosterOf(const Invocation& invocation) {
  const auto config = invocation.Load();
  return config ? Roster::Open(config->control.roster).value_or(nullptr) : nullptr;
}

// What the text names: a number, or a name of the roster. Else kNoEndpoint.
template <typename MaybeRoster>
EndpointId IdFrom(const std::string& text, const MaybeRoster& roster) {
  if (const auto number = ParseNumber(text, std::numeric_limits<EndpointId>::max())) {
    return *number;
  }
  return roster ? roster->IdOf(text).value_or(kNoEndpoint) : kNoEndpoint;
}

void Print(const RegionView& region,
           const EndpointRow& row,
           std::string_view name,
           const Invocation& invocation) {
  const Clocks clocks = ReadClocks();
  const std::optional<Payload> said = FindPayload(region, row.id);
  const OddityMask odd = OdditiesIn(region, row.slot, Sampled(region, clocks));
  if (!invocation.json) {
    invocation.out << (name.empty() ? "" : "name         " + Printable(name) + "\n")
                   << RowParagraph(row) << (said ? SaidParagraph(*said, clocks) : "")
                   << (odd != 0 ? "odd          " + OddityText(odd) + "\n" : "");
    return;
  }
  auto json = RowJson(row);
  json["said"] = said ? SaidJson(*said, clocks) : nullptr;
  json["odd"] = OddityJson(odd);
  if (!name.empty()) {
    json["name"] = name;
  }
  invocation.out << JsonLine(json) << "\n";
}

ExitCode Run(const std::string& text, const Invocation& invocation) {
  const auto roster = RosterOf(invocation);
  const EndpointId id = IdFrom(text, roster);
  if (id == kNoEndpoint) {
    return invocation.Fail(ExitCode::kUsage,
                           "\"" + text + "\" is neither an id from 1 on nor a name of the roster");
  }
  const auto region = invocation.JoinRegion();
  if (!region) {
    return invocation.Fail(region.error());
  }
  const std::optional<Slot> slot = FindSlot(region->view(), id);
  const std::optional<EndpointRow> row =
      slot ? ReadRow(region->view(), *slot, MonotonicNow()) : std::nullopt;
  if (!row || row->id != id) {
    return invocation.Fail(ExitCode::kAbsent,
                           "endpoint " + text + " is not in the table; enrol it, or let it beat");
  }
  Print(region->view(), *row, roster ? roster->NameOf(id) : "", invocation);
  return ExitCode::kOk;
}

}  // namespace

void AddGetVerb(CLI::App& app, Invocation& invocation) {
  const auto id = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("get", "what the table says of one endpoint");
  verb->add_option("id", *id, "42, 0x2a, or a name of the roster")->required()->type_name("ID");
  verb->callback(
      [id, &invocation] { invocation.run = [id, &invocation] { return Run(*id, invocation); }; });
}

}  // namespace flatline::cli
