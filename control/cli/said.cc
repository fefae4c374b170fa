#include "control/cli/said.h"

#include "control/cli/observation.h"
#include "control/cli/printable.h"
#include "control/cli/status_text.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fmt/format.h>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace flatline::cli {
namespace {

// Instants of strangers: they wrap.
std::int64_t Difference(std::uint64_t a, std::uint64_t b) {
  return static_cast<std::int64_t>(a - b);
}

Duration AgeOf(const Payload& said, const Clocks& clocks) {
  const Duration now = clocks.now.time_since_epoch();
  return now - std::clamp(Duration{said.heard_ns}, Duration{}, now);
}

// How much longer the last one was on its way than the quickest of late.
Duration DelayOf(const Payload& said) {
  return Duration{std::max(std::int64_t{0},
                           Difference(static_cast<std::uint64_t>(said.transit_ns()),
                                      static_cast<std::uint64_t>(said.least_transit_ns)))};
}

std::string ClockText(Duration ahead) {
  const std::int64_t size = ahead.count() == std::numeric_limits<std::int64_t>::min()
                                ? std::numeric_limits<std::int64_t>::max()
                                : std::abs(ahead.count());
  return ShortDuration(Duration{size}) + (ahead < Duration{} ? " behind ours" : " ahead of ours");
}

std::string Words(const Payload& said) {
  std::vector<std::string> parts;
  if ((said.said & kSaidLoad) != 0) {
    parts.push_back(fmt::format("load {:.3f}", said.load / 1000.0));
  }
  if ((said.said & kSaidMemory) != 0) {
    parts.push_back(fmt::format("memory {:.1f} %", said.memory / 10.0));
  }
  if ((said.said & kSaidText) != 0) {
    parts.push_back("\"" + Printable(said.words()) + "\"");
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace

Clocks ReadClocks() {
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  return {.now = MonotonicNow(), .wall = WallInstant{std::chrono::duration_cast<Duration>(wall)}};
}

std::optional<Payload> FindPayload(const RegionView& region, EndpointId id) {
  const unsigned owner =
      ShardOf(HashEndpoint(id, region.header().hash_key), region.shape().workers);
  for (const PayloadEntry& entry : region.payloads(owner)) {
    if (OwnerOf(entry) != id) {
      continue;
    }
    const auto said = ReadPayload(entry);
    if (said && said->id == id) {
      return said;
    }
  }
  return std::nullopt;
}

std::optional<Duration> ClockAhead(const Payload& said, const Clocks& clocks) {
  if (said.sent_ns == 0) {
    return std::nullopt;
  }
  const auto wall = static_cast<std::uint64_t>(clocks.wall.time_since_epoch().count());
  const auto now = static_cast<std::uint64_t>(clocks.now.time_since_epoch().count());
  const std::uint64_t heard = static_cast<std::uint64_t>(said.heard_ns) + (wall - now);
  return Duration{Difference(said.sent_ns, heard)};
}

std::string SaidParagraph(const Payload& said, const Clocks& clocks) {
  std::string out = fmt::format("said         {}; {} ago, in heartbeat {} of incarnation {}\n",
                                Words(said),
                                ShortDuration(AgeOf(said, clocks)),
                                said.sequence,
                                said.incarnation);
  if (const auto ahead = ClockAhead(said, clocks)) {
    out += fmt::format("clock        {}; on its way {} longer than the quickest, jitter {}\n",
                       ClockText(*ahead),
                       ShortDuration(DelayOf(said)),
                       ShortDuration(Duration{said.jitter_ns}));
  }
  return out;
}

nlohmann::ordered_json SaidJson(const Payload& said, const Clocks& clocks) {
  nlohmann::ordered_json out{{"load", nullptr},
                             {"memory", nullptr},
                             {"text", nullptr},
                             {"age_ns", AgeOf(said, clocks).count()},
                             {"incarnation", said.incarnation},
                             {"sequence", said.sequence},
                             {"port", said.port},
                             {"clock_ahead_ns", nullptr},
                             {"delay_ns", nullptr},
                             {"jitter_ns", nullptr}};
  if ((said.said & kSaidLoad) != 0) {
    out["load"] = said.load / 1000.0;
  }
  if ((said.said & kSaidMemory) != 0) {
    out["memory"] = said.memory / 1000.0;
  }
  if ((said.said & kSaidText) != 0) {
    out["text"] = said.words();
  }
  if (const auto ahead = ClockAhead(said, clocks)) {
    out["clock_ahead_ns"] = ahead->count();
    out["delay_ns"] = DelayOf(said).count();
    out["jitter_ns"] = said.jitter_ns;
  }
  return out;
}

}  // namespace flatline::cli
