#include "control/cli/check_config.h"

#include "control/cli/record_text.h"
#include "control/config/contract.h"
#include "control/config/profile_entry.h"
#include "control/config/units.h"

#include <flatline/config.h>

#include <CLI/CLI.hpp>
#include <cstddef>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

namespace flatline::cli {
namespace {

struct Options {
  std::string file;
  bool print_effective = false;
};

// What comes of the profiles that the file has of its own.
std::vector<std::string> Explanations(const Config& config) {
  std::vector<std::string> out;
  for (std::size_t id = kFirstOwnProfile; id < config.profiles.size(); ++id) {
    if (config.profiles[id].in_use()) {
      out.push_back(ExplainProfile(config.profiles[id]));
    }
    if (const Contract& contract = config.contracts[id]; contract.is_made()) {
      const Duration interval = config.profiles[id].interval;
      out.push_back(std::string(config.profiles[id].name.data()) + ": heartbeats every " +
                    PrintDuration(interval) + "; with " + PrintPath(contract.path) + " at most " +
                    PrintQuality(QualityOf(interval, contract.promise.detection, contract.path)));
    }
  }
  return out;
}

ExitCode Accept(const Options& options, const Config& config, const Invocation& invocation) {
  if (invocation.json) {
    nlohmann::ordered_json out{{"file", options.file}, {"valid", true}};
    out["profiles"] = Explanations(config);
    if (options.print_effective) {
      out["effective"] = PrintConfig(config);
    }
    invocation.out << JsonLine(out) << "\n";
  } else if (options.print_effective) {
    invocation.out << PrintConfig(config);
  } else {
    invocation.out << options.file << ": no errors\n";
    for (const std::string& sentence : Explanations(config)) {
      invocation.out << sentence << "\n";
    }
  }
  return ExitCode::kOk;
}

ExitCode Refuse(const Options& options, const std::string& errors, const Invocation& invocation) {
  if (!invocation.json) {
    invocation.err << errors << "\n";
    return ExitCode::kUsage;
  }
  nlohmann::ordered_json out{{"file", options.file}, {"valid", false}};
  std::istringstream lines(errors);
  for (std::string line; std::getline(lines, line);) {
    out["errors"].push_back(line);
  }
  invocation.out << JsonLine(out) << "\n";
  return ExitCode::kUsage;
}

ExitCode Run(Options options, const Invocation& invocation) {
  if (options.file.empty()) {
    options.file = invocation.config_path;
  }
  const auto config = LoadConfig(options.file);
  return config ? Accept(options, *config, invocation)
                : Refuse(options, config.error(), invocation);
}

}  // namespace

void AddCheckConfigVerb(CLI::App& app, Invocation& invocation) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("check-config", "say what is wrong with a configuration");
  verb->add_option("file", options->file, "the file; --config's if left out")->type_name("FILE");
  verb->add_flag("--print-effective",
                 options->print_effective,
                 "print every key with the value that holds, as TOML");
  verb->callback([options, &invocation] {
    invocation.run = [options, &invocation] { return Run(*options, invocation); };
  });
}

}  // namespace flatline::cli
