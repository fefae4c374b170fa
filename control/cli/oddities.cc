#include "control/cli/oddities.h"

#include <cstddef>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace flatline::cli {
namespace {

// Before so many gaps are known, their mean may be a quarter off by jitter alone.
constexpr std::uint32_t kEnoughGaps = 16;
constexpr double kTolerance = 0.25;

bool WasNeverHeard(const EndpointState& state, const SourceAddress& source) {
  const bool has_spoken = source.udp_port != 0 && source.port != kAnyPort;
  return !has_spoken && (state.liveness == Liveness::kUnknown || state.liveness == Liveness::kDead);
}

// `learnt` takes whatever interval the endpoint keeps: there none is broken.
bool KeepsAnotherInterval(const RegionView& region,
                          const EndpointState& state,
                          const Arrival& arrival) {
  if (state.liveness != Liveness::kAlive || arrival.count < kEnoughGaps ||
      state.profile >= kMaxProfiles) {
    return false;
  }
  const Profile& profile = region.header().profiles[state.profile];
  const double promised = static_cast<double>(profile.interval.count());
  const double kept =
      static_cast<double>(arrival.interval) * static_cast<double>(kStampUnit.count());
  return profile.in_use() && profile.detector != DetectorKind::kLearnt &&
         !(kept >= promised * (1 - kTolerance) && kept <= promised * (1 + kTolerance));
}

}  // namespace

Sampled::Sampled(const RegionView& region, const Clocks& clocks) {
  for (unsigned worker = 0; worker < region.shape().workers; ++worker) {
    for (const PayloadEntry& entry : region.payloads(worker)) {
      const auto said = OwnerOf(entry) != kNoEndpoint ? ReadPayload(entry) : std::nullopt;
      if (said) {
        ports_[said->id] = said->port;
        NoteClock(said->id, ClockAhead(*said, clocks));
      }
    }
  }
}

void Sampled::NoteClock(EndpointId id, std::optional<Duration> ahead) {
  if (!ahead) {
    return;
  }
  ++clocks_;
  if (*ahead > kFarOff || *ahead < -kFarOff) {
    far_.insert(id);
  }
}

std::uint8_t Sampled::PortOf(EndpointId id) const {
  const auto found = ports_.find(id);
  return found != ports_.end() ? found->second : kNoPort;
}

OddityMask OdditiesIn(const RegionView& region, Slot slot, const Sampled& sampled) {
  const EndpointRecord& record = region.records()[slot];
  const EndpointId id = record.id.load(std::memory_order_acquire);
  if (id == kNoEndpoint) {
    return 0;
  }
  const auto state = EndpointState::Unpack(record.state.load(std::memory_order_relaxed));
  const SourceAddress source = region.addresses()[slot];
  OddityMask out = 0;
  if (WasNeverHeard(state, source)) {
    out |= BitOf(Oddity::kNeverHeard);
  }
  const std::uint8_t port = sampled.PortOf(id);
  if (port != kNoPort && source.port < kMaxPorts && port != source.port) {
    out |= BitOf(Oddity::kOtherPort);
  }
  const auto arrival = Arrival::Unpack(record.arrival.load(std::memory_order_relaxed));
  if (KeepsAnotherInterval(region, state, arrival)) {
    out |= BitOf(Oddity::kInterval);
  }
  if (sampled.IsFarOff(id)) {
    out |= BitOf(Oddity::kClock);
  }
  return out;
}

OddityCounts CountOddities(const RegionView& region, const Clocks& clocks) {
  const Sampled sampled(region, clocks);
  OddityCounts out{.clocks_told = sampled.clocks()};
  const auto slots = static_cast<Slot>(region.shape().slots());
  for (Slot slot = 0; slot < slots; ++slot) {
    const OddityMask mask = OdditiesIn(region, slot, sampled);
    for (std::size_t i = 0; mask != 0 && i < out.endpoints.size(); ++i) {
      out.endpoints[i] += mask >> i & 1U;
    }
  }
  return out;
}

std::string OddityText(OddityMask mask) {
  std::string out;
  for (std::size_t i = 0; i < kOddityNames.size(); ++i) {
    if ((mask >> i & 1U) != 0) {
      out += (out.empty() ? "" : ", ") + std::string(kOddityNames[i]);
    }
  }
  return out;
}

nlohmann::ordered_json OddityJson(OddityMask mask) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < kOddityNames.size(); ++i) {
    if ((mask >> i & 1U) != 0) {
      out.push_back(kOddityNames[i]);
    }
  }
  return out;
}

std::string OddityCountsText(const OddityCounts& counts) {
  return fmt::format(
      "odd        {} never heard, {} heard by another port, {} not at their interval, {} of {} "
      "with a clock far off\n",
      counts.endpoints[0],
      counts.endpoints[1],
      counts.endpoints[2],
      counts.endpoints[3],
      counts.clocks_told);
}

nlohmann::ordered_json OddityCountsJson(const OddityCounts& counts) {
  nlohmann::ordered_json out;
  for (std::size_t i = 0; i < kOddityNames.size(); ++i) {
    out[std::string(kOddityNames[i])] = counts.endpoints[i];
  }
  out["clocks_told"] = counts.clocks_told;
  return out;
}

}  // namespace flatline::cli
