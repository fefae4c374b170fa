#include "tests/simulation/lease_witness.h"

#include "dataplane/detector.h"

#include <flatline/heartbeat.h>

#include <algorithm>

namespace flatline {

void LeaseWitness::Came(const RegionView& region, std::span<const std::byte> request) {
  const auto heartbeat = DecodeHeartbeat(request);
  const auto records = region.records();
  const auto record = std::ranges::find(
      records, heartbeat->id, [](const EndpointRecord& one) { return one.id.load(); });
  if (record == records.end()) {
    return;
  }
  const RecordView seen = View(*record);
  const bool is_of_this_life = heartbeat->incarnation == seen.incarnation;
  const auto ahead = static_cast<std::int32_t>(heartbeat->sequence - seen.heard.sequence);
  if (heartbeat->incarnation < seen.incarnation || (is_of_this_life && ahead < 0)) {
    old_.try_emplace({heartbeat->id, heartbeat->incarnation, heartbeat->sent_ns}, turns_);
  }
}

void LeaseWitness::Read(const RegionView& region, unsigned worker) {
  ++turns_[worker];
  for (const LeaseEntry& entry : region.leases(worker)) {
    const Lease lease = entry.Read().value_or(Lease{});
    if (lease.holder != kNoEndpoint) {
      Lease& before = known_[KeyOf(lease.name())];
      Compare(before, lease, worker);
      before = lease;
    }
  }
}

void LeaseWitness::Compare(const Lease& before, const Lease& now, unsigned worker) {
  const bool is_kept = before.token == now.token;
  if (is_kept && now.asked_ns == before.asked_ns && now.expires_ns <= before.expires_ns) {
    return;
  }
  const std::string name = "lease " +
                           std::string(kLeaseSpaceNames[static_cast<std::size_t>(now.space)]) +
                           ":" + std::to_string(now.number) + " of " + std::to_string(now.holder);
  if (is_kept && now.asked_ns <= before.asked_ns) {
    faults_.push_back(name + ": kept by a request that had come before");
    return;
  }
  // What another worker had let pass before it became old is decided in the owner's next turn.
  const auto old = old_.find({now.holder, now.incarnation, now.asked_ns});
  if (old != old_.end() && turns_[worker] > old->second[worker] + 1) {
    faults_.push_back(name + ": " + (is_kept ? "kept" : "granted") +
                      " by a request that was old when it came");
  }
}

void LeaseWitness::BeginRegion() {
  known_.clear();
  old_.clear();
}

}  // namespace flatline
