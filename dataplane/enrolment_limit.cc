#include "dataplane/enrolment_limit.h"

#include <flatline/endpoint.h>

#include <algorithm>
#include <cstring>

namespace flatline {
namespace {

constexpr Duration kSecond{1'000'000'000};
constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

std::uint64_t Share(std::uint64_t all, std::uint32_t workers) noexcept {
  return std::max<std::uint64_t>(1, (all + workers - 1) / workers);
}

Duration Part(Duration whole, std::uint64_t parts) noexcept {
  return std::max(Duration{1}, whole / static_cast<std::int64_t>(parts));
}

}  // namespace

EnrolmentLimits EnrolmentLimits::Of(std::uint64_t endpoints,
                                    std::uint32_t workers,
                                    Duration time,
                                    std::uint32_t per_source) noexcept {
  EnrolmentLimits out;
  if (time > Duration{}) {
    out.place = Part(time, Share(endpoints, workers));
  }
  // Ids of one source fall into shards by their hash, so that each may have a little more.
  if (per_source != 0) {
    out.source_burst = Share(per_source, workers);
    out.source = Part(kSecond, out.source_burst);
  }
  return out;
}

bool EnrolmentLimit::Bucket::HasRoom(Duration interval,
                                     std::uint64_t burst,
                                     Instant now) const noexcept {
  const std::int64_t used = whole_ns - now.time_since_epoch().count();
  return used <= interval.count() * (static_cast<std::int64_t>(burst) - 1);
}

void EnrolmentLimit::Bucket::Take(Duration interval, Instant now) noexcept {
  whole_ns = std::max(whole_ns, now.time_since_epoch().count()) + interval.count();
}

// Nobody uses up a place by being turned away: who has had his share takes none of the others'.
std::optional<DropReason> EnrolmentLimit::Take(const SourceAddress& source,
                                               std::uint64_t free,
                                               Instant now) noexcept {
  if (free == 0) {
    return DropReason::kTableFull;
  }
  Bucket& own = BucketOf(source);
  if (!own.HasRoom(limits_.source, limits_.source_burst, now)) {
    return DropReason::kSourceLimit;
  }
  if (!all_.HasRoom(limits_.place, free, now)) {
    return DropReason::kEnrolmentLimit;
  }
  own.Take(limits_.source, now);
  all_.Take(limits_.place, now);
  return std::nullopt;
}

EnrolmentLimit::Bucket& EnrolmentLimit::BucketOf(const SourceAddress& source) noexcept {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::memcpy(&high, source.ip.data(), sizeof(high));
  std::memcpy(&low, source.ip.data() + sizeof(high), sizeof(low));
  const bool is_ipv4 = std::equal(kMapped.begin(), kMapped.end(), source.ip.begin());
  return sources_[HashEndpoint(is_ipv4 ? low : high, hash_key_) % kSources];
}

}  // namespace flatline
