// What `flatline contract` says of one profile: what it promises, what it was made for, what was
// measured, what would do there, and what has been achieved. Pure functions from data to text.
#pragma once

#include "control/cli/measured_paths.h"
#include "control/config/contract_advice.h"
#include "control/contracts/track_file.h"

#include <flatline/config.h>
#include <flatline/profile.h>

#include <expected>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace flatline::cli {

struct ContractFinding {
  const Profile& profile;
  const Contract& contract;
  const MeasuredPath& path;
  std::optional<ContractTrack> track{};  // none: control keeps none, or it may not be read

  [[nodiscard]] bool is_measured() const noexcept { return path.beats.endpoints != 0; }

  [[nodiscard]] bool is_kept() const noexcept { return path.beats.keep == path.beats.endpoints; }
};

[[nodiscard]] std::string TextOf(const ContractFinding& of);
[[nodiscard]] nlohmann::ordered_json JsonOf(const ContractFinding& of);

}  // namespace flatline::cli
