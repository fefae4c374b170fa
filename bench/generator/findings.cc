#include "bench/generator/findings.h"

#include <fmt/format.h>
#include <string_view>

namespace flatline::generator {

std::vector<std::string> ReasonsToFail(const Findings& findings) {
  std::vector<std::string> out;
  const auto none = [&](std::uint64_t count, std::string_view what) {
    if (count != 0) {
      out.push_back(fmt::format("{} {}", count, what));
    }
  };
  if (!findings.error.empty()) {
    out.push_back(findings.error);
  }
  none(findings.missed(), "deaths were never told");
  none(findings.undecided, "deaths were not yet due when time was up");
  none(findings.false_suspect, "suspicions contradict heartbeats that left");
  none(findings.false_dead, "deaths contradict heartbeats that left");
  none(findings.left_untold, "endpoints left, and were not reported so");
  none(findings.living_untold, "endpoints were beating at the end, and not reported alive");
  if (findings.ever_alive < findings.endpoints) {
    out.push_back(fmt::format("only {} of {} endpoints were ever reported alive",
                              findings.ever_alive,
                              findings.endpoints));
  }
  none(findings.stream.holes, "records are missing in the stream");
  none(findings.stream.duplicates, "records came twice");
  none(findings.stream.gaps, "gaps were announced on the stream");
  none(findings.stream.resets, "times the dataplane began with an empty table");
  return out;
}

}  // namespace flatline::generator
