// What an endpoint last said of itself, and how its heartbeats were on their way, for people and
// for programs: read from the region's pool of payloads, without a lock. Used by get and by what is
// looked for odd. All of it is a stranger's word.
#pragma once

#include <flatline/payload.h>
#include <flatline/region.h>
#include <flatline/time.h>

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace flatline::cli {

// Our two clocks, read at once: the sender's is held against the second.
struct Clocks {
  Instant now;
  WallInstant wall;
};

[[nodiscard]] Clocks ReadClocks();

// Of an endpoint that has an entry: a scan of its owner's pool.
[[nodiscard]] std::optional<Payload> FindPayload(const RegionView& region, EndpointId id);

// The sender's clock less ours, less the time on the way: by how much it is ahead, at most. None
// where it was not given. Our wall clock is taken to have run on evenly since the heartbeat came.
[[nodiscard]] std::optional<Duration> ClockAhead(const Payload& said, const Clocks& clocks);

[[nodiscard]] std::string SaidParagraph(const Payload& said, const Clocks& clocks);
[[nodiscard]] nlohmann::ordered_json SaidJson(const Payload& said, const Clocks& clocks);

}  // namespace flatline::cli
