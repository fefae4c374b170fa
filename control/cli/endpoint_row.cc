#include "control/cli/endpoint_row.h"

#include "control/cli/printable.h"
#include "control/cli/status_text.h"

#include <flatline/detectors.h>
#include <flatline/round_trip.h>
#include <flatline/suspicion.h>

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <fmt/format.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace flatline::cli {
namespace {

std::string SourceText(const SourceAddress& source) {
  in6_addr address{};
  std::ranges::copy(source.ip, address.s6_addr);
  if (source.udp_port == 0) {
    return {};
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    ::inet_ntop(AF_INET, address.s6_addr + 12, text.data(), text.size());
    return fmt::format("{}:{}", text.data(), source.udp_port);
  }
  ::inet_ntop(AF_INET6, &address, text.data(), text.size());
  return fmt::format("[{}]:{}", text.data(), source.udp_port);
}

const Profile* ProfileIn(const RegionView& region, ProfileId id) {
  return id < kMaxProfiles && region.header().profiles[id].in_use() ? &region.header().profiles[id]
                                                                    : nullptr;
}

std::string ProfileName(const RegionView& region, ProfileId id) {
  const Profile* profile = ProfileIn(region, id);
  if (profile == nullptr) {
    return std::to_string(id);
  }
  return Printable({profile->name.begin(), std::ranges::find(profile->name, '\0')});
}

// None of what is no time: a damaged region can say anything.
Duration UnitsOf(float stamp_units) {
  const double ns = static_cast<double>(stamp_units) * static_cast<double>(kStampUnit.count());
  return ns >= 0 && ns < 1e18 ? Duration{static_cast<std::int64_t>(ns)} : Duration{};
}

bool IsIn(std::uint32_t mask, std::size_t bit) {
  return bit < 32 && ((mask >> bit) & 1U) != 0;
}

}  // namespace

std::optional<EndpointRow> ReadRow(const RegionView& region, Slot slot, Instant now) {
  const EndpointRecord& record = region.records()[slot];
  EndpointRow out;
  out.id = record.id.load(std::memory_order_acquire);
  if (out.id == kNoEndpoint) {
    return std::nullopt;
  }
  const auto state = EndpointState::Unpack(record.state.load(std::memory_order_relaxed));
  const auto heard = Heard::Unpack(record.heard.load(std::memory_order_relaxed));
  const auto arrival = Arrival::Unpack(record.arrival.load(std::memory_order_relaxed));
  const Duration blind =
      std::clamp(Duration{region.header().blind_total_ns.load(std::memory_order_relaxed)},
                 Duration{},
                 now.time_since_epoch());
  const HearingInstant hearing_now{now.time_since_epoch() - blind};
  out.slot = slot;
  out.worker = slot / region.shape().slots_per_worker;
  out.liveness = state.liveness;
  out.health = state.health;
  out.profile = state.profile;
  out.profile_name = ProfileName(region, state.profile);
  out.group = region.groups()[slot].load(std::memory_order_relaxed);
  out.incarnation = record.incarnation.load(std::memory_order_relaxed);
  out.sequence = heard.sequence;
  out.silence = std::max(Duration{}, hearing_now - HearingInstantOf(heard.stamp, hearing_now));
  out.interval = UnitsOf(arrival.interval);
  out.deviation = UnitsOf(std::sqrt(arrival.variance));
  if (const Profile* profile = ProfileIn(region, state.profile)) {
    const SourceAddress& asked = region.addresses()[slot];
    out.allowed = std::max<Duration>(AllowedSilence(RuleOf(*profile), arrival) * kStampUnit,
                                     kRoundTripsOfSilence * RoundTripOf(asked.round_trip));
    const bool may_be_suspected =
        state.liveness == Liveness::kAlive || state.liveness == Liveness::kSuspect;
    out.suspicion = may_be_suspected ? SuspicionLevel(*profile, arrival, out.silence) : 0;
  }
  const SourceAddress source = region.addresses()[slot];
  out.source = SourceText(source);
  out.port = source.port;
  out.round_trip = RoundTripOf(source.round_trip);
  if (record.id.load(std::memory_order_acquire) != out.id) {
    return std::nullopt;  // left the slot meanwhile
  }
  return out;
}

std::optional<Slot> FindSlot(const RegionView& region, EndpointId id) {
  const RegionShape& shape = region.shape();
  const unsigned owner = ShardOf(HashEndpoint(id, region.header().hash_key), shape.workers);
  const auto first = static_cast<Slot>(owner * shape.slots_per_worker);
  // Twice: it may be on its way to another slot, which we had passed.
  for (int attempt = 0; attempt < 2; ++attempt) {
    for (Slot slot = first; slot < first + shape.slots_per_worker; ++slot) {
      if (region.records()[slot].id.load(std::memory_order_relaxed) == id) {
        return slot;
      }
    }
  }
  return std::nullopt;
}

bool RowFilter::Accepts(const EndpointRow& row) const {
  return IsIn(liveness_mask, static_cast<std::size_t>(row.liveness)) &&
         IsIn(health_mask, static_cast<std::size_t>(row.health)) &&
         (!profile || *profile == row.profile) && (groups.empty() || groups.contains(row.group));
}

std::string RowHeading() {
  return fmt::format("{:>20} {:8} {:8} {:16} {:>10} {:>9}  {}",
                     "endpoint",
                     "liveness",
                     "health",
                     "profile",
                     "group",
                     "silence",
                     "source");
}

std::string RowText(const EndpointRow& row) {
  return fmt::format("{:>20} {:8} {:8} {:16} {:>10} {:>9}  {}",
                     row.id,
                     NameOf(row.liveness),
                     NameOf(row.health),
                     row.profile_name,
                     row.group,
                     ShortDuration(row.silence),
                     row.source.empty() ? "-" : row.source);
}

std::string RowParagraph(const EndpointRow& row) {
  return fmt::format(
      "endpoint     {}\nliveness     {}\nhealth       {}\nsilence      {}\nprofile      {} ({})\n"
      "group        {}\nincarnation  {}\nsequence     {}\ninterval     {}\nsuspicion    {}\nsource "
      "      {}\nround trip   {}\n"
      "owner        worker {}, slot {}\n",
      row.id,
      NameOf(row.liveness),
      NameOf(row.health),
      ShortDuration(row.silence),
      row.profile_name,
      row.profile,
      row.group,
      row.incarnation,
      row.sequence,
      row.interval == Duration{}
          ? "not known yet"
          : ShortDuration(row.interval) + ", deviation " + ShortDuration(row.deviation),
      row.allowed == Duration{}
          ? "-"
          : fmt::format("phi {:.2f}, suspect after {}", row.suspicion, ShortDuration(row.allowed)),
      row.source.empty()     ? "never heard"
      : row.port == kAnyPort ? row.source + ", as enrolled"
                             : fmt::format("{} by port {}", row.source, row.port),
      row.round_trip == Duration{} ? "not measured" : ShortDuration(row.round_trip),
      row.worker,
      row.slot);
}

nlohmann::ordered_json RowJson(const EndpointRow& row) {
  nlohmann::ordered_json out{{"endpoint", row.id},
                             {"liveness", NameOf(row.liveness)},
                             {"health", NameOf(row.health)},
                             {"silence_ns", row.silence.count()},
                             {"profile", row.profile},
                             {"profile_name", row.profile_name},
                             {"group", row.group},
                             {"incarnation", row.incarnation},
                             {"sequence", row.sequence},
                             {"interval_ns", row.interval.count()},
                             {"deviation_ns", row.deviation.count()},
                             {"suspicion", row.suspicion},
                             {"allowed_ns", row.allowed.count()},
                             {"source", nullptr},
                             {"port", nullptr},
                             {"round_trip_ns", row.round_trip.count()},
                             {"worker", row.worker},
                             {"slot", row.slot}};
  if (!row.source.empty()) {
    out["source"] = row.source;
    if (row.port != kAnyPort) {
      out["port"] = row.port;
    }
  }
  return out;
}

}  // namespace flatline::cli
