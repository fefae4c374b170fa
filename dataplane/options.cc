#include "dataplane/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <span>
#include <string_view>

namespace flatline {

std::expected<Options, OptionsEnd> ParseOptions(int count, const char* const* arguments) {
  const std::span all(arguments, static_cast<std::size_t>(count));
  const auto dashes = std::ranges::find(
      all, std::string_view("--"), [](const char* a) { return std::string_view(a); });
  Options out;
  CLI::App app("flatline-dataplane: hears heartbeats on DPDK ports and decides who is silent",
               "flatline-dataplane");
  app.add_option("--config", out.config, "the configuration file")->capture_default_str();
  app.add_flag("--cold", out.cold, "format the region anew, forgetting every endpoint");
  app.add_flag("--print-effective",
               out.print_effective,
               "print the configuration with defaults and overrides, and end");
  app.add_option("--endpoints", out.endpoints, "overrides dataplane.endpoints");
  app.add_option("--workers", out.workers, "overrides dataplane.workers");
  app.footer("What follows -- goes to EAL, and wins over what we would say.");
  try {
    app.parse(static_cast<int>(dashes - all.begin()), arguments);
  } catch (const CLI::CallForHelp&) {
    return std::unexpected(OptionsEnd{.text = app.help(), .status = 0});
  } catch (const CLI::ParseError& error) {
    return std::unexpected(
        OptionsEnd{.text = fmt::format("usage: {}; see --help", error.what()), .status = 2});
  }
  if (dashes != all.end()) {
    out.eal_arguments.assign(dashes + 1, all.end());
  }
  return out;
}

std::expected<Config, std::string> Override(Config config, const Options& options) {
  config.dataplane.endpoints = options.endpoints.value_or(config.dataplane.endpoints);
  config.dataplane.workers = options.workers.value_or(config.dataplane.workers);
  // through the parser again, which knows what contradicts what
  return ParseConfig(PrintConfig(config), options.config + " with overrides");
}

}  // namespace flatline
