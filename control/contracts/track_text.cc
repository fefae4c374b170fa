#include "control/contracts/track_text.h"

#include "control/config/contract.h"

#include <cmath>
#include <cstdint>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace flatline {
namespace {

constexpr double kHourNs = 3600e9;

Duration MeanOf(double sum_ns, std::uint64_t count) {
  return count == 0 ? Duration{}
                    : Duration{std::llround(std::min(sum_ns / static_cast<double>(count), 9e18))};
}

std::string WatchedText(double watched_ns) {
  const double hours = watched_ns / kHourNs;
  return hours < 48 ? fmt::format("{:.3g} endpoint-hours", hours)
                    : fmt::format("{:.4g} endpoint-days", hours / 24);
}

std::string Counted(std::uint64_t count, std::string_view one, std::string_view many) {
  return count == 0 ? fmt::format("no {}", one)
                    : fmt::format("{} {}", count, count == 1 ? one : many);
}

}  // namespace

std::string AchievedText(const ContractTrack& track) {
  std::string out = Counted(track.deaths, "death", "deaths");
  if (track.deaths != 0) {
    out += fmt::format(" told after {}, after {} at most{}",
                       PrintRoughly(MeanOf(track.silence_sum_ns, track.deaths)),
                       PrintRoughly(Duration{track.silence_most_ns}),
                       track.late == 0 ? "" : fmt::format(", {} LATE", track.late));
  }
  out += fmt::format(
      "; {} in {}", Counted(track.mistakes, "mistake", "mistakes"), WatchedText(track.watched_ns));
  if (track.mistakes == 0) {
    return out;
  }
  out += ", one in " + PrintRoughly(MeanOf(track.watched_ns, track.mistakes));
  if (const std::uint64_t measured = track.mistakes - track.unmeasured; measured != 0) {
    out += fmt::format(", lasting {}, {} at most",
                       PrintRoughly(MeanOf(track.mistake_sum_ns, measured)),
                       PrintRoughly(Duration{track.mistake_most_ns}));
  }
  if (track.of_masses != 0) {
    out += fmt::format("; {} of them of many at once", track.of_masses);
  }
  return out;
}

std::string BrokenText(const ContractTrack& track, WallInstant now) {
  if (track.broken_ns == 0) {
    return {};
  }
  return fmt::format("CANNOT BE KEPT since {}: {} for 99 of 100, {} of {} looked at can keep it",
                     PrintRoughly(Duration{now.time_since_epoch().count() - track.broken_ns}),
                     PrintPath({.loss = track.loss, .jitter = Duration{track.worst_jitter_ns}}),
                     track.keep,
                     track.endpoints);
}

nlohmann::ordered_json TrackJson(const ContractTrack& track) {
  nlohmann::ordered_json out{
      {"since_ns", track.since_ns},
      {"deaths", track.deaths},
      {"late", track.late},
      {"detection_mean_ns", MeanOf(track.silence_sum_ns, track.deaths).count()},
      {"detection_most_ns", track.silence_most_ns},
      {"suspicions_withdrawn", track.withdrawn},
      {"mistakes", track.mistakes},
      {"mistakes_of_masses", track.of_masses},
      {"mistakes_unmeasured", track.unmeasured},
      {"mistake_mean_ns", MeanOf(track.mistake_sum_ns, track.mistakes - track.unmeasured).count()},
      {"mistake_most_ns", track.mistake_most_ns},
      {"watched_endpoint_seconds", track.watched_ns / 1e9},
      {"broken_since_ns", track.broken_ns}};
  if (track.measured_ns != 0) {
    out["path"] = {{"measured_at_ns", track.measured_ns},
                   {"endpoints", track.endpoints},
                   {"kept_by", track.keep},
                   {"loss", track.loss},
                   {"loss_behind_loss", track.loss_behind_loss},
                   {"interval_ns", track.interval_ns},
                   {"jitter_ns", track.jitter_ns},
                   {"jitter_p99_ns", track.worst_jitter_ns}};
  }
  return out;
}

}  // namespace flatline
