// What became of a promise, in words, as JSON, and for Prometheus: for `flatline contract`,
// `status` and `metrics`. Pure functions from the track record's entries to text.
#pragma once

#include "control/contracts/track_file.h"

#include <flatline/time.h>

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace flatline {

// "12 deaths told after 2400ms, after 2900ms at most; 3 mistakes in 812 endpoint-days, one in 270
// days, lasting 4s, 9s at most".
[[nodiscard]] std::string AchievedText(const ContractTrack& track);

// "CANNOT BE KEPT since 3m: a loss of …, a jitter of …"; empty where it can.
[[nodiscard]] std::string BrokenText(const ContractTrack& track, WallInstant now);

[[nodiscard]] nlohmann::ordered_json TrackJson(const ContractTrack& track);

}  // namespace flatline
