#include "control/cli/get.h"

#include "control/cli/arguments.h"
#include "control/cli/endpoint_row.h"
#include "control/cli/observation.h"
#include "control/region_file.h"

#include <CLI/CLI.hpp>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <string>

namespace flatline::cli {
namespace {

ExitCode Run(const std::string& text, const Invocation& invocation) {
  const auto id = ParseNumber(text, std::numeric_limits<EndpointId>::max());
  if (!id || *id == kNoEndpoint) {
    return invocation.Fail(ExitCode::kUsage, "\"" + text + "\" is not an id from 1 on");
  }
  const auto region = invocation.JoinRegion();
  if (!region) {
    return invocation.Fail(region.error());
  }
  const std::optional<Slot> slot = FindSlot(region->view(), *id);
  const std::optional<EndpointRow> row =
      slot ? ReadRow(region->view(), *slot, MonotonicNow()) : std::nullopt;
  if (!row || row->id != *id) {
    return invocation.Fail(ExitCode::kAbsent,
                           "endpoint " + text + " is not in the table; enrol it, or let it beat");
  }
  invocation.out << (invocation.json ? RowJson(*row).dump() + "\n" : RowParagraph(*row));
  return ExitCode::kOk;
}

}  // namespace

void AddGetVerb(CLI::App& app, Invocation& invocation) {
  const auto id = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("get", "what the table says of one endpoint");
  verb->add_option("id", *id, "42, or 0x2a")->required()->type_name("ID");
  verb->callback(
      [id, &invocation] { invocation.run = [id, &invocation] { return Run(*id, invocation); }; });
}

}  // namespace flatline::cli
