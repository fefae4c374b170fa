#include "control/cli/enrol.h"

#include "control/cli/admin_options.h"
#include "control/cli/admin_tally.h"
#include "control/cli/agent_socket.h"
#include "control/cli/arguments.h"
#include "control/cli/input_file.h"
#include "control/cli/option_values.h"
#include "control/cli/roster_lines.h"
#include "control/roster/roster.h"

#include <flatline/client.h>
#include <flatline/command_ring.h>
#include <flatline/config.h>
#include <flatline/wire.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <arpa/inet.h>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <istream>
#include <memory>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace flatline::cli {
namespace {

struct Options {
  CommandKind command = CommandKind::kEnrol;
  std::vector<std::string> ids;
  std::string file;
  bool whole_roster = false;
  std::string profile;
  Group group = kNoGroup;
  AdminOptions admin;
  std::string at;  // where the endpoint is to be asked
};

// Who is in the roster, with group and profile as it has them, else as the model.
std::expected<void, std::string> AddRoster(const AdminEntry& model,
                                           const std::string& path,
                                           std::vector<AdminEntry>& into) {
  const auto roster = Roster::Open(path);
  if (!roster) {
    return std::unexpected(roster.error());
  }
  if (*roster == nullptr) {
    return std::unexpected(path +
                           ": there is no roster; load one with `flatline roster load FILE`");
  }
  for (Roster::Ordinal ordinal = 0; ordinal < (*roster)->size(); ++ordinal) {
    AdminEntry entry = model;
    entry.id = (*roster)->id(ordinal);
    entry.group = (*roster)->group(ordinal) == kNoGroup ? model.group : (*roster)->group(ordinal);
    entry.profile = (*roster)->profile(ordinal) == kDefaultProfile ? model.profile
                                                                   : (*roster)->profile(ordinal);
    into.push_back(entry);
  }
  return {};
}

// "10.0.0.7", "10.0.0.7:5000", "fd00::7", "[fd00::7]:5000".
struct ProbeAddress {
  std::array<std::uint8_t, 16> ip{};
  std::uint16_t udp_port = kHeartbeatPort;
};

std::optional<ProbeAddress> ParseProbeAddress(const std::string& text) {
  const auto parsed = ParseDestination(text);
  if (!parsed) {
    return std::nullopt;
  }
  ProbeAddress out;
  out.udp_port = static_cast<std::uint16_t>(std::stoul(parsed->port));
  if (::inet_pton(AF_INET6, parsed->host.c_str(), out.ip.data()) != 1) {
    out.ip[10] = out.ip[11] = 0xFF;
    if (::inet_pton(AF_INET, parsed->host.c_str(), &out.ip[12]) != 1) {
      return std::nullopt;
    }
  }
  return out;
}

// An address goes in three entries, six bytes in each (command_ring.h).
std::vector<AdminEntry> EntriesFor(EndpointId id, const ProbeAddress& address) {
  std::array<std::uint8_t, 18> bytes{};
  std::ranges::copy(address.ip, bytes.begin());
  wire::Store(std::as_writable_bytes(std::span{bytes}).data() + 16, address.udp_port);
  std::vector<AdminEntry> out;
  for (std::size_t part = 0; part < 3; ++part) {
    const std::byte* from = std::as_bytes(std::span{bytes}).data() + 6 * part;
    out.push_back({.id = id,
                   .group = wire::Load<std::uint32_t>(from),
                   .profile = wire::Load<std::uint16_t>(from + 4),
                   .command = static_cast<std::uint8_t>(
                       static_cast<std::size_t>(CommandKind::kLocateFirst) + part)});
  }
  return out;
}

// Behind the one who is enrolled, where it is.
std::expected<void, std::string> AddAddress(const std::string& at,
                                            std::vector<AdminEntry>& entries) {
  const auto address = ParseProbeAddress(at);
  if (!address) {
    return std::unexpected("--at: needed an address, found \"" + at +
                           "\"; write 10.0.0.7, 10.0.0.7:5000 or [fd00::7]:5000");
  }
  if (entries.size() != 1) {
    return std::unexpected("--at: needed one endpoint, found " + std::to_string(entries.size()) +
                           "; each has an address of its own");
  }
  const auto more = EntriesFor(entries.front().id, *address);
  entries.insert(entries.end(), more.begin(), more.end());
  return {};
}

// The lines of the file, or of `in`.
std::expected<void, std::string> AddFile(const std::string& file,
                                         std::istream& in,
                                         RosterLines& lines) {
  if (file == "-") {
    lines.AddAll(in, "stdin");
    return {};
  }
  auto opened = OpenInput(file);
  if (!opened) {
    return std::unexpected(std::move(opened.error()));
  }
  lines.AddAll(*opened, file);
  return {};
}

std::expected<std::vector<AdminEntry>, std::string> EntriesOf(const Options& options,
                                                              const Config& config,
                                                              std::istream& in) {
  AdminEntry model{.group = options.group, .command = static_cast<std::uint8_t>(options.command)};
  if (!options.profile.empty()) {
    const auto profile = ParseProfile(options.profile, config.profiles);
    if (!profile) {
      return std::unexpected("--profile: " + profile.error());
    }
    model.profile = *profile;
  }
  RosterLines lines(model, config.profiles);
  for (const std::string& ids : options.ids) {
    lines.Add(ids, "argument " + ids);
  }
  if (!options.file.empty()) {
    if (auto added = AddFile(options.file, in, lines); !added) {
      return std::unexpected(std::move(added.error()));
    }
  }
  auto out = lines.Take();
  if (!out) {
    return out;
  }
  std::expected<void, std::string> added;
  if (options.whole_roster) {
    added = AddRoster(model, config.control.roster, *out);
  }
  if (added && !options.at.empty()) {
    added = AddAddress(options.at, *out);
  }
  return added ? std::move(out) : std::unexpected(std::move(added.error()));
}

ExitCode Run(const Options& options, const Invocation& invocation) {
  const auto config = invocation.Load();
  if (!config) {
    return invocation.Fail(ExitCode::kUsage, config.error());
  }
  const auto entries = EntriesOf(options, *config, invocation.in);
  if (!entries) {
    return invocation.Fail(ExitCode::kUsage, entries.error());
  }
  if (entries->empty() && options.file.empty() && !options.whole_roster) {
    return invocation.Fail(ExitCode::kUsage,
                           "needed ids, --file or --roster, found none; name some");
  }
  const auto address = FindControl(options.admin, *config);
  if (!address) {
    return invocation.Fail(address.error());
  }
  return CarryOut({.verb = options.command == CommandKind::kEnrol ? "enrol" : "retire",
                   .entries = *entries,
                   .asked = options.at.empty() ? entries->size()
                                               : std::size_t{1}},  // the address is part of it
                  options.admin,
                  *address,
                  {.token = options.admin.token, .trust = options.admin.trust},
                  invocation);
}

void AddVerb(CLI::App& app,
             Invocation& invocation,
             CommandKind command,
             const char* name,
             const char* sentence) {
  const auto options = std::make_shared<Options>();
  options->command = command;
  CLI::App* verb = app.add_subcommand(name, sentence);
  verb->add_option("ids", options->ids, "42, 0x2a, 1000-1999, or 42,database,7 as in a file")
      ->type_name("ID...");
  verb->add_option("--file", options->file, "lines of id[,profile[,group]]; - for stdin")
      ->type_name("FILE");
  verb->add_flag("--roster", options->whole_roster, "all that are in the roster");
  if (command == CommandKind::kEnrol) {
    verb->add_option("--profile", options->profile, "of those for whom none is given")
        ->type_name("PROFILE");
    verb->add_option("--group", options->group, "of those for whom none is given")
        ->type_name("GROUP")
        ->transform(Number<Group>("a group"));
    verb->add_option("--at", options->at, "where it is asked, if its profile asks: 10.0.0.7[:PORT]")
        ->type_name("ADDRESS");
  }
  AddAdminOptions(*verb, options->admin);
  verb->callback([options, &invocation] {
    invocation.run = [options, &invocation] { return Run(*options, invocation); };
  });
}

}  // namespace

void AddEnrolVerb(CLI::App& app, Invocation& invocation) {
  AddVerb(app, invocation, CommandKind::kEnrol, "enrol", "put endpoints on the watch");
}

void AddRetireVerb(CLI::App& app, Invocation& invocation) {
  AddVerb(app, invocation, CommandKind::kRetire, "retire", "take endpoints off the watch");
}

}  // namespace flatline::cli
