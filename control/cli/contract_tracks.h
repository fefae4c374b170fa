// What control keeps of the promises of a configuration's profiles, for `contract`, `status` and
// `metrics`: from the file beside the journal, which is there where control has run with a contract
// and may be read by its user. Cost: a file of a few pages read.
#pragma once

#include "control/contracts/track_file.h"

#include <flatline/config.h>
#include <flatline/time.h>

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace flatline::cli {

struct NamedTrack {
  std::string profile;
  ContractTrack track;
};

// Of this contract; nothing where none is kept, or may be read.
[[nodiscard]] std::optional<ContractTrack> TrackOf(const Config& config, ProfileId profile);

// Of all of them.
[[nodiscard]] std::vector<NamedTrack> TracksOf(const Config& config);

// A line each for `status`, and two where the paths do not let it be kept.
[[nodiscard]] std::string TrackLines(const std::vector<NamedTrack>& tracks, WallInstant now);
[[nodiscard]] nlohmann::ordered_json TracksJson(const std::vector<NamedTrack>& tracks);

}  // namespace flatline::cli
