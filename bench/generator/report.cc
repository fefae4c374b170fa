#include "bench/generator/report.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string_view>

namespace flatline::generator {

namespace {

double Seconds(Duration duration) {
  return static_cast<double>(duration.count()) / 1e9;
}

double Milliseconds(Duration duration) {
  return static_cast<double>(duration.count()) / 1e6;
}

// Rounded up: a maximum is never shown smaller than it was.
std::int64_t Microseconds(Duration duration) {
  return std::chrono::ceil<std::chrono::microseconds>(duration).count();
}

std::string SpreadLine(std::string_view name, const Spread& spread) {
  return fmt::format("  {:<32}{:>12.3f}{:>12.3f}{:>12.3f}{:>12.3f}{:>10}\n",
                     name,
                     Milliseconds(spread.min),
                     Milliseconds(spread.median),
                     Milliseconds(spread.p999),
                     Milliseconds(spread.max),
                     spread.count);
}

std::string FalseVerdictLine(const FalseVerdict& verdict) {
  return fmt::format(
      "  false {}: endpoint {:016x} at {:.6f} s, last left {:.6f} s; it says silent for {:.6f} s "
      "since heartbeat {} (stream {})\n",
      NameOf(verdict.to),
      verdict.id,
      Seconds(verdict.at),
      Seconds(verdict.last_left),
      Seconds(verdict.claimed_silence),
      verdict.heard_sequence,
      verdict.stream_sequence);
}

std::string FindingsText(const Findings& findings) {
  std::string out = fmt::format("\n  {:<32}{:>12}{:>12}{:>12}{:>12}{:>10}\n",
                                "milliseconds",
                                "minimum",
                                "median",
                                "99.9 %",
                                "maximum",
                                "how many");
  out += SpreadLine("last heartbeat -> told suspect", findings.detection_suspect);
  out += SpreadLine("last heartbeat -> told dead", findings.detection_dead);
  out += SpreadLine("suspect past its deadline", findings.overshoot_suspect);
  out += SpreadLine("  the same, blind time apart", findings.overshoot_hearing);
  out += SpreadLine("dead past its deadline", findings.overshoot_dead);
  out += fmt::format(
      "\n  {} of {} endpoints were reported alive; {} left ({} not told); {} of the living were "
      "told dead by mistake; {} silences told were our own (late or refused)\n",
      findings.ever_alive,
      findings.endpoints,
      findings.left,
      findings.left_untold,
      findings.mistaken_dead,
      findings.own_silences);
  out += fmt::format(
      "  blind: {:.3f} s in {} intervals; stream: {} records, {} reconnections; clocks drifted by "
      "{:.3f} ms\n",
      Seconds(findings.blind),
      findings.blind_intervals,
      findings.stream.records,
      findings.reconnections,
      Milliseconds(findings.clock_drift));
  for (const FalseVerdict& verdict : findings.examples) {
    out += FalseVerdictLine(verdict);
  }
  for (const std::string& reason : ReasonsToFail(findings)) {
    out += fmt::format("  FAILED: {}\n", reason);
  }
  return out;
}

nlohmann::json SpreadJson(const Spread& spread) {
  return {{"count", spread.count},
          {"min_us", Microseconds(spread.min)},
          {"median_us", Microseconds(spread.median)},
          {"p999_us", Microseconds(spread.p999)},
          {"max_us", Microseconds(spread.max)}};
}

nlohmann::json FindingsJson(const Findings& findings) {
  const auto reasons = ReasonsToFail(findings);
  return {{"passed", reasons.empty()},
          {"reasons", reasons},
          {"endpoints", findings.endpoints},
          {"ever_alive", findings.ever_alive},
          {"killed", findings.killed},
          {"told", findings.told},
          {"missed", findings.missed()},
          {"undecided", findings.undecided},
          {"false_suspect", findings.false_suspect},
          {"false_dead", findings.false_dead},
          {"mistakes", findings.mistakes},
          {"mistaken_dead", findings.mistaken_dead},
          {"own_silences", findings.own_silences},
          {"left", findings.left},
          {"left_untold", findings.left_untold},
          {"living_untold", findings.living_untold},
          {"overshoot_suspect", SpreadJson(findings.overshoot_suspect)},
          {"overshoot_dead", SpreadJson(findings.overshoot_dead)},
          {"overshoot_hearing", SpreadJson(findings.overshoot_hearing)},
          {"detection_suspect", SpreadJson(findings.detection_suspect)},
          {"detection_dead", SpreadJson(findings.detection_dead)},
          {"blind_seconds", Seconds(findings.blind)},
          {"blind_intervals", findings.blind_intervals},
          {"clock_drift_us", Microseconds(findings.clock_drift)},
          {"reconnections", findings.reconnections},
          {"stream",
           {{"records", findings.stream.records},
            {"duplicates", findings.stream.duplicates},
            {"holes", findings.stream.holes},
            {"gaps", findings.stream.gaps},
            {"resets", findings.stream.resets},
            {"foreign", findings.stream.foreign},
            {"former", findings.stream.former}}}};
}

}  // namespace

std::string LiveLine(const Second& second, const std::optional<Tally>& tally) {
  std::string out = fmt::format("{:>4.0f} s  sent {:>9}/s", Seconds(second.now), second.sent);
  if (tally) {
    const auto& told = tally->told;
    out += fmt::format("  alive {:>8}  suspect {:>6}  dead {:>6}  left {:>5}  deaths told {:>6}",
                       told[static_cast<std::size_t>(Liveness::kAlive)],
                       told[static_cast<std::size_t>(Liveness::kSuspect)],
                       told[static_cast<std::size_t>(Liveness::kDead)],
                       told[static_cast<std::size_t>(Liveness::kLeft)],
                       tally->deaths);
    out += fmt::format("  false {}  blind {:.3f} s", tally->false_verdicts, Seconds(tally->blind));
  }
  if (second.refused != 0) {
    out += fmt::format("  refused {}", second.refused);
  }
  return out + fmt::format("  late {:.1f} ms\n", Milliseconds(second.latest));
}

std::string TextSummary(const Summary& summary) {
  const TrafficCounts& traffic = summary.traffic;
  std::string out = fmt::format(
      "\n  {} endpoints beat for {:.1f} s: {} heartbeats left ({} of them leaves), {} were eaten "
      "by "
      "losses, {} refused by the port; the latest was {:.3f} ms late\n",
      summary.endpoints,
      Seconds(summary.ran),
      traffic.sent,
      traffic.leaves,
      traffic.lost,
      traffic.refused,
      Milliseconds(traffic.latest));
  if (traffic.acknowledged != 0) {
    out += fmt::format("  {} acknowledgements came back\n", traffic.acknowledged);
  }
  return summary.findings ? out + FindingsText(*summary.findings) : out;
}

std::string JsonSummary(const Summary& summary) {
  nlohmann::json out{{"endpoints", summary.endpoints},
                     {"seconds", Seconds(summary.ran)},
                     {"sent", summary.traffic.sent},
                     {"leaves", summary.traffic.leaves},
                     {"lost", summary.traffic.lost},
                     {"refused", summary.traffic.refused},
                     {"acknowledged", summary.traffic.acknowledged},
                     {"latest_us", Microseconds(summary.traffic.latest)}};
  if (summary.findings) {
    out["judge"] = FindingsJson(*summary.findings);
  }
  return out.dump() + "\n";
}

std::string JudgeLine(const Findings& findings) {
  return fmt::format(
      "judge: endpoints={} killed={} told={} missed={} false_suspect={} false_dead={} mistakes={} "
      "overshoot_p50_us={} overshoot_p999_us={} overshoot_max_us={}\n",
      findings.endpoints,
      findings.killed,
      findings.told,
      findings.missed(),
      findings.false_suspect,
      findings.false_dead,
      findings.mistakes,
      Microseconds(findings.overshoot_suspect.median),
      Microseconds(findings.overshoot_suspect.p999),
      Microseconds(findings.overshoot_suspect.max));
}

}  // namespace flatline::generator
