#include "control/cli/contract_tracks.h"

#include "control/config/contract.h"
#include "control/config/units.h"
#include "control/contracts/track_text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <utility>

namespace flatline::cli {

std::optional<ContractTrack> TrackOf(const Config& config, ProfileId profile) {
  const Contract& contract = config.contracts.at(profile);
  const auto tracks = ReadTracks(config.control.journal + "/contracts");
  if (!contract.is_made() || !tracks || !tracks->at(profile).is_kept_for(contract.promise)) {
    return std::nullopt;
  }
  return tracks->at(profile);
}

std::vector<NamedTrack> TracksOf(const Config& config) {
  std::vector<NamedTrack> out;
  for (ProfileId profile = 0; profile < kMaxProfiles; ++profile) {
    if (auto track = TrackOf(config, profile)) {
      out.push_back({.profile = config.profiles.at(profile).name.data(), .track = *track});
    }
  }
  return out;
}

std::string TrackLines(const std::vector<NamedTrack>& tracks, WallInstant now) {
  std::string out;
  for (const auto& [profile, track] : tracks) {
    if (const std::string broken = BrokenText(track, now); !broken.empty()) {
      out += fmt::format("contract   {}: {}\n", profile, broken);
    }
    out += fmt::format("contract   {}: promised dead within {}, {}; {}\n",
                       profile,
                       PrintDuration(Duration{track.detection_ns}),
                       PrintQuality({.detection = {},
                                     .recurrence = Duration{track.recurrence_ns},
                                     .mistake = Duration{track.mistake_ns}}),
                       AchievedText(track));
  }
  return out;
}

nlohmann::ordered_json TracksJson(const std::vector<NamedTrack>& tracks) {
  auto out = nlohmann::ordered_json::array();
  for (const auto& [profile, track] : tracks) {
    nlohmann::ordered_json json{{"profile", profile},
                                {"promised",
                                 {{"detection_ns", track.detection_ns},
                                  {"mistake_every_ns", track.recurrence_ns},
                                  {"mistake_lasts_ns", track.mistake_ns}}}};
    json.update(TrackJson(track));
    out.push_back(std::move(json));
  }
  return out;
}

}  // namespace flatline::cli
