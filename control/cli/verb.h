// What a verb of `flatline` is: a file that adds its subcommand, with its options, to the command
// line, and says what to run when it was chosen. A verb reads and writes by the streams it is given
// and returns one of four exit codes, so that tests run it in their own process. To add a verb:
// write verb_name.{h,cc} with an AddNameVerb, and name it in command_line.cc.
#pragma once

#include "control/region/region_file.h"

#include <flatline/config.h>

#include <cstdint>
#include <expected>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace flatline::cli {

enum class ExitCode : std::uint8_t {
  kOk = 0,
  kFailed = 1,  // it was tried, and something went wrong
  kUsage = 2,   // the command line or the configuration is wrong
  kAbsent = 3,  // what was asked for is not there: no region, no control, no such endpoint
};

struct Failure {
  ExitCode code = ExitCode::kFailed;
  std::string message;
};

inline constexpr std::string_view kDefaultConfigPath = "/etc/flatline/flatline.toml";

// One call of the command line. Outlives the verb's run.
struct Invocation {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  std::string config_path{kDefaultConfigPath};
  bool json = false;
  std::function<ExitCode()> run;  // set by the verb that was chosen

  // The configuration; the defaults where no file was named and none is at the default path.
  [[nodiscard]] std::expected<Config, std::string> Load() const;

  // The configuration's region, read-only.
  [[nodiscard]] std::expected<MappedRegion, Failure> JoinRegion() const;

  // "flatline: message" on `err`.
  [[nodiscard]] ExitCode Fail(ExitCode code, const std::string& message) const;

  [[nodiscard]] ExitCode Fail(const Failure& failure) const {
    return Fail(failure.code, failure.message);
  }
};

// What is wrong with a duration on the command line, or nothing; for CLI::Option::check.
[[nodiscard]] std::string FaultInDuration(const std::string& text);

}  // namespace flatline::cli
