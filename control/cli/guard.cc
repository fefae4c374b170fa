#include "control/cli/guard.h"

#include "control/cli/admin_options.h"
#include "control/cli/option_values.h"

#include <flatline/client.h>
#include <flatline/command_ring.h>
#include <flatline/guard.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <expected>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>

namespace flatline::cli {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

struct Options {
  GuardMode mode = GuardMode::kAuto;
  std::string length;  // empty: as the mode has it
  Group group = kNoGroup;
  AdminOptions admin;
};

// The order, or what is wrong with its time.
std::expected<GuardOrder, std::string> OrderOf(const Options& options) {
  GuardOrder out{.mode = options.mode, .seconds = 0};
  if (options.length.empty()) {
    return out;
  }
  const std::int64_t ns = ParseDuration(options.length).value_or(Duration{}).count();
  if (ns < kSecond || ns > kSecond * GuardOrder::kMostSeconds) {
    return std::unexpected("--for: needed 1s to 744h, found " + options.length);
  }
  out.seconds = static_cast<std::uint32_t>(ns / kSecond);
  return out;
}

ExitCode Run(const Options& options, const Invocation& invocation) {
  const auto config = invocation.Load();
  if (!config) {
    return invocation.Fail(ExitCode::kUsage, config.error());
  }
  const auto order = OrderOf(options);
  if (!order) {
    return invocation.Fail(ExitCode::kUsage, order.error());
  }
  const auto address = FindControl(options.admin, *config);
  if (!address) {
    return invocation.Fail(address.error());
  }
  const AdminEntry entry{.id = order->Pack(),
                         .group = options.group,
                         .command = static_cast<std::uint8_t>(CommandKind::kGuard)};
  CommandStatus status = CommandStatus::kDone;
  const auto done = Administer(*address,
                               {&entry, 1},
                               ParseDuration(options.admin.timeout).value_or(Duration{}),
                               [&](const AdminResult& result) { status = result.status; },
                               {.token = options.admin.token, .trust = options.admin.trust});
  if (!done) {
    return invocation.Fail(ExitCode::kFailed, done.error());
  }
  const std::string mode(NameIn(kGuardModeNames, options.mode));
  if (status != CommandStatus::kDone) {
    return invocation.Fail(
        ExitCode::kFailed,
        "guard " + mode + ": refused as " + std::string(NameIn(kCommandStatusNames, status)));
  }
  if (invocation.json) {
    nlohmann::ordered_json told{{"guard", mode}, {"seconds", order->seconds}};
    if (options.group != kNoGroup) {
      told["group"] = options.group;
    }
    invocation.out << told.dump() << "\n";
  } else {
    invocation.out << "guard: " << mode << "\n";
  }
  return ExitCode::kOk;
}

void AddMode(CLI::App& guard, Invocation& invocation, GuardMode mode, const char* sentence) {
  const auto options = std::make_shared<Options>();
  options->mode = mode;
  CLI::App* verb = guard.add_subcommand(std::string(NameIn(kGuardModeNames, mode)), sentence);
  if (mode != GuardMode::kAuto) {
    verb->add_option("--for",
                     options->length,
                     mode == GuardMode::kHold ? "so long; guard.release_after if left out"
                                              : "so long; until told otherwise if left out")
        ->type_name("DURATION")
        ->check(FaultInDuration);
  }
  verb->add_option("--group", options->group, "of this group alone; of the fleet if left out")
      ->transform(Number<Group>("a group", 1))
      ->type_name("GROUP");
  AddAdminOptions(*verb, options->admin);
  verb->callback([options, &invocation] {
    invocation.run = [options, &invocation] { return Run(*options, invocation); };
  });
}

}  // namespace

void AddGuardVerb(CLI::App& app, Invocation& invocation) {
  CLI::App* guard = app.add_subcommand("guard", "hold the verdict dead back, or let it pass");
  guard->require_subcommand(1);
  AddMode(*guard, invocation, GuardMode::kHold, "nobody is called dead");
  AddMode(*guard, invocation, GuardMode::kRelease, "verdicts pass, however many are silent");
  AddMode(*guard, invocation, GuardMode::kAuto, "as the share of the silent says");
}

}  // namespace flatline::cli
