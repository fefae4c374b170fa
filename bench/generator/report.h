// What the generator prints: a line a second while it runs, the summary at its end as text or as
// JSON, and the judge's last line. Called by main only; prints to stdout.
#pragma once

#include "bench/generator/findings.h"
#include "bench/generator/judge.h"
#include "bench/generator/traffic.h"

#include <cstdint>
#include <optional>
#include <string>

namespace flatline::generator {

// What one second of traffic amounted to.
struct Second {
  Elapsed now{};
  std::uint64_t sent = 0;
  std::uint64_t refused = 0;
  Elapsed latest{};
};

[[nodiscard]] std::string LiveLine(const Second& second, const std::optional<Tally>& tally);

struct Summary {
  std::uint64_t endpoints = 0;
  Elapsed ran{};
  TrafficCounts traffic;
  std::optional<Findings> findings;
};

[[nodiscard]] std::string TextSummary(const Summary& summary);
[[nodiscard]] std::string JsonSummary(const Summary& summary);

// The last line, exactly: "judge: endpoints=N killed=N told=N missed=N false_suspect=N false_dead=N
// mistakes=N overshoot_p50_us=X overshoot_p999_us=X overshoot_max_us=X".
[[nodiscard]] std::string JudgeLine(const Findings& findings);

}  // namespace flatline::generator
