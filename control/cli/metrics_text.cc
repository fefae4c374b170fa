#include "control/cli/metrics_text.h"

#include <array>
#include <cstddef>
#include <fmt/format.h>
#include <string_view>

namespace flatline::cli {
namespace {

std::string Head(std::string_view name, std::string_view type, std::string_view help) {
  return fmt::format("# HELP flatline_{} {}\n# TYPE flatline_{} {}\n", name, help, name, type);
}

std::string One(std::string_view name, std::string_view type, std::string_view help, double value) {
  return Head(name, type, help) + fmt::format("flatline_{} {}\n", name, value);
}

double InSeconds(double ns) {
  return ns / 1e9;
}

// Of each contract.
struct Series {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  double (*value)(const ContractTrack& track);
};

using T = ContractTrack;

constexpr std::array kSeries{
    Series{"contract_promised_detection_seconds",
           "gauge",
           "dead is to be told within",
           [](const T& of) { return InSeconds(static_cast<double>(of.detection_ns)); }},
    Series{"contract_promised_mistake_interval_seconds",
           "gauge",
           "from one mistake about an endpoint to the next, at least",
           [](const T& of) { return InSeconds(static_cast<double>(of.recurrence_ns)); }},
    Series{"contract_promised_mistake_seconds",
           "gauge",
           "how long a mistake lasts, at most",
           [](const T& of) { return InSeconds(static_cast<double>(of.mistake_ns)); }},
    Series{"contract_since_timestamp_seconds",
           "gauge",
           "counted since",
           [](const T& of) { return InSeconds(static_cast<double>(of.since_ns)); }},
    Series{"contract_deaths_total",
           "counter",
           "deaths told",
           [](const T& of) { return static_cast<double>(of.deaths); }},
    Series{"contract_late_deaths_total",
           "counter",
           "of these, after more than was promised",
           [](const T& of) { return static_cast<double>(of.late); }},
    Series{"contract_detection_seconds_total",
           "counter",
           "silence before deaths that were told",
           [](const T& of) { return InSeconds(of.silence_sum_ns); }},
    Series{"contract_detection_most_seconds",
           "gauge",
           "the longest of them",
           [](const T& of) { return InSeconds(static_cast<double>(of.silence_most_ns)); }},
    Series{"contract_suspicions_withdrawn_total",
           "counter",
           "suspicions that came to nothing",
           [](const T& of) { return static_cast<double>(of.withdrawn); }},
    Series{"contract_mistakes_total",
           "counter",
           "dead, and back in the same life",
           [](const T& of) { return static_cast<double>(of.mistakes); }},
    Series{"contract_mistakes_of_masses_total",
           "counter",
           "of these, part of a mass failure",
           [](const T& of) { return static_cast<double>(of.of_masses); }},
    Series{"contract_mistakes_unmeasured_total",
           "counter",
           "of these, nobody knows how long",
           [](const T& of) { return static_cast<double>(of.unmeasured); }},
    Series{"contract_mistake_seconds_total",
           "counter",
           "for which the others stood",
           [](const T& of) { return InSeconds(of.mistake_sum_ns); }},
    Series{"contract_mistake_most_seconds",
           "gauge",
           "the longest of them",
           [](const T& of) { return InSeconds(static_cast<double>(of.mistake_most_ns)); }},
    Series{"contract_watched_endpoint_seconds_total",
           "counter",
           "endpoints times seconds",
           [](const T& of) { return InSeconds(of.watched_ns); }},
    Series{"contract_can_be_kept",
           "gauge",
           "0 where the paths do not let it be kept",
           [](const T& of) { return of.broken_ns == 0 ? 1.0 : 0.0; }},
    Series{"contract_path_endpoints",
           "gauge",
           "whose paths were looked at",
           [](const T& of) { return static_cast<double>(of.endpoints); }},
    Series{"contract_path_endpoints_that_keep",
           "gauge",
           "of these, those whose paths let it be kept",
           [](const T& of) { return static_cast<double>(of.keep); }},
    Series{"contract_path_loss_ratio",
           "gauge",
           "heartbeats lost",
           [](const T& of) { return of.loss; }},
    Series{"contract_path_loss_behind_loss_ratio",
           "gauge",
           "likewise, behind a lost one",
           [](const T& of) { return of.loss_behind_loss; }},
    Series{"contract_path_interval_seconds",
           "gauge",
           "at which half of them beat, or sooner",
           [](const T& of) { return InSeconds(static_cast<double>(of.interval_ns)); }},
    Series{"contract_path_jitter_seconds",
           "gauge",
           "that half of them have, or less",
           [](const T& of) { return InSeconds(static_cast<double>(of.jitter_ns)); }},
    Series{"contract_path_jitter_p99_seconds",
           "gauge",
           "that 99 of 100 have, or less",
           [](const T& of) { return InSeconds(static_cast<double>(of.worst_jitter_ns)); }},
};

std::string CounterText(const Observation& seen, std::size_t index) {
  const CounterDescription& what = kCounterDescriptions.at(index);
  const bool is_counter = what.type == CounterType::kCounter;
  return One(fmt::format("{}{}", what.name, is_counter ? "_total" : ""),
             is_counter ? "counter" : "gauge",
             what.sentence,
             static_cast<double>(seen.counters.at(index)));
}

}  // namespace

std::string MetricsText(const Observation& seen, const std::vector<NamedTrack>& tracks) {
  std::string out = One("up",
                        "gauge",
                        "1 where the dataplane runs as it should",
                        seen.pulse == Pulse::kRunning ? 1 : 0);
  out += One("control_up", "gauge", "1 where control does", seen.control_runs ? 1 : 0);
  out += One("deaf", "gauge", "1 while a port of ours cannot hear", seen.deaf.count() != 0 ? 1 : 0);
  out += One("guard_is_holding",
             "gauge",
             "1 while nobody is called dead",
             seen.guard_holds.count() != 0 ? 1 : 0);
  out += One("journal_records_in_memory",
             "gauge",
             "that the disk has not",
             static_cast<double>(seen.journal_records_in_memory));
  out += One("journal_records_damaged",
             "gauge",
             "found so",
             static_cast<double>(seen.journal_records_damaged));
  out += One("capacity_endpoints", "gauge", "that have room", static_cast<double>(seen.capacity));
  for (std::size_t i = 0; i < kCounters; ++i) {
    out += CounterText(seen, i);
  }
  out += Head("dropped_total", "counter", "frames that did not count, by reason");
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    out += fmt::format("flatline_dropped_total{{reason=\"{}\"}} {}\n",
                       kDropDescriptions.at(i).name,
                       seen.drops.at(i));
  }
  for (const Series& series : kSeries) {
    out += tracks.empty() ? "" : Head(series.name, series.type, series.help);
    for (const auto& [profile, track] : tracks) {
      out += fmt::format(
          "flatline_{}{{profile=\"{}\"}} {}\n", series.name, profile, series.value(track));
    }
  }
  return out;
}

}  // namespace flatline::cli
