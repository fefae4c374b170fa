// The command line of flatline-dataplane: which configuration, what of it is overridden, and what
// is meant for EAL. Read once by main.
// Bounds: what follows `--` is not looked at here. Errors are one line, or the help asked for.
#pragma once

#include <flatline/config.h>

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

namespace flatline {

struct Options {
  std::string config = "/etc/flatline/flatline.toml";
  bool cold = false;
  bool print_effective = false;
  std::optional<std::uint64_t> endpoints;
  std::optional<std::uint32_t> workers;
  std::vector<std::string> eal_arguments;  // what followed `--`
};

// Why there are no options: text to print, and the status to end with.
struct OptionsEnd {
  std::string text;
  int status = 0;
};

[[nodiscard]] std::expected<Options, OptionsEnd> ParseOptions(int count,
                                                              const char* const* arguments);

// The configuration with the overrides in it; the error is one line.
[[nodiscard]] std::expected<Config, std::string> Override(Config config, const Options& options);

}  // namespace flatline
