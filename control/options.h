// The command line of flatline-control: where the configuration is, how much to say. Parsed once,
// by main.
#pragma once

#include <expected>
#include <string>

namespace flatline {

struct ControlOptions {
  std::string config = "/etc/flatline/flatline.toml";
  bool is_verbose = false;
};

// The options; or the exit status where there is nothing more to do (help, version, a mistake: 2),
// which has been said.
[[nodiscard]] std::expected<ControlOptions, int> ParseControlOptions(int argc, char** argv);

}  // namespace flatline
