#include "control/cli/key.h"

#include "control/cli/arguments.h"

#include <flatline/master_key.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <vector>

namespace flatline::cli {
namespace {

struct Options {
  std::string file;  // empty: the configuration's
  bool previous = false;
  std::vector<std::string> ids;
};

std::expected<std::string, std::string> FileOf(const Options& options,
                                               const Invocation& invocation) {
  if (!options.file.empty()) {
    return options.file;
  }
  auto config = invocation.Load();
  if (!config) {
    return std::unexpected(config.error());
  }
  if (config->authentication.key.empty()) {
    return std::unexpected("needed authentication.key, found none; set it, or give --file");
  }
  return config->authentication.key;
}

std::string HexOf(const EndpointKey& key) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const std::byte byte : key) {
    out += kDigits[std::to_integer<std::size_t>(byte) >> 4U];
    out += kDigits[std::to_integer<std::size_t>(byte) & 0xFU];
  }
  return out;
}

ExitCode Derive(const Options& options, const std::string& path, const Invocation& in) {
  const auto master = MasterKey::Load(options.previous ? PreviousKeyPath(path) : path);
  if (!master) {
    return in.Fail(ExitCode::kFailed, master.error());
  }
  for (const std::string& text : options.ids) {
    const auto range = ParseIds(text);
    if (!range) {
      return in.Fail(ExitCode::kUsage, range.error());
    }
    for (EndpointId id = range->first;; ++id) {
      const std::string key = HexOf(master->Derive(id));
      if (in.json) {
        in.out << nlohmann::json{{"id", id}, {"key", key}}.dump() << "\n";
      } else {
        in.out << id << " " << key << "\n";
      }
      if (id == range->last) {
        break;
      }
    }
  }
  return ExitCode::kOk;
}

template <typename Change>
auto Changing(Change change) {
  return [change](const Options&, const std::string& path, const Invocation& in) {
    const auto done = change(path);
    return done ? ExitCode::kOk : in.Fail(ExitCode::kFailed, done.error());
  };
}

template <typename Action>
void AddAction(CLI::App* verb,
               Invocation& invocation,
               const std::shared_ptr<Options>& options,
               Action action) {
  // By its place too, where nothing else has one.
  const bool has_arguments =
      !verb->get_options([](const CLI::Option* option) { return option->get_positional(); })
           .empty();
  verb->add_option(has_arguments ? "--file" : "file,--file",
                   options->file,
                   "of the master key; the configuration's if left out")
      ->type_name("PATH");
  verb->callback([options, &invocation, action] {
    invocation.run = [options, &invocation, action] {
      const auto path = FileOf(*options, invocation);
      return path ? action(*options, *path, invocation)
                  : invocation.Fail(ExitCode::kUsage, path.error());
    };
  });
}

}  // namespace

void AddKeyVerb(CLI::App& app, Invocation& invocation) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("key", "secrets against forged heartbeats");
  verb->require_subcommand(1);
  AddAction(verb->add_subcommand("make", "a master key into a new file"),
            invocation,
            options,
            Changing(MasterKey::Make));
  CLI::App* derive = verb->add_subcommand("derive", "keys of endpoints, for their agents");
  derive->add_option("ids", options->ids, "42, 0x2a, 1000-1999")->required();
  derive->add_flag("--previous", options->previous, "from the key before the last rotation");
  AddAction(derive, invocation, options, Derive);
  AddAction(verb->add_subcommand("rotate", "a new master key; the old one counts until `retire`"),
            invocation,
            options,
            Changing(RotateMasterKey));
  AddAction(verb->add_subcommand("retire", "end the key before the last rotation"),
            invocation,
            options,
            Changing(RetireMasterKey));
}

}  // namespace flatline::cli
