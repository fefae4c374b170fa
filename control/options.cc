#include "control/options.h"

#include <CLI/CLI.hpp>

namespace flatline {

std::expected<ControlOptions, int> ParseControlOptions(int argc, char** argv) {
  constexpr int kBadUsage = 2;
  ControlOptions out;
  CLI::App app("flatline-control: journals what the dataplane decides and tells subscribers");
  app.add_option("--config", out.config, "configuration file")->capture_default_str();
  app.add_flag("--verbose,-v", out.is_verbose, "log more");
  app.set_version_flag("--version", "flatline-control " FLATLINE_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return std::unexpected(app.exit(error) == 0 ? 0 : kBadUsage);
  }
  return out;
}

}  // namespace flatline
