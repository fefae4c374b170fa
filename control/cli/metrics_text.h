// An observation and the track of promises in the text format of Prometheus. Pure.
#pragma once

#include "control/cli/contract_tracks.h"
#include "control/cli/observation.h"

#include <string>
#include <vector>

namespace flatline::cli {

[[nodiscard]] std::string MetricsText(const Observation& seen,
                                      const std::vector<NamedTrack>& tracks);

}  // namespace flatline::cli
