#include "control/snapshot/lease_rows.h"

#include "control/delivery/frames.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include <tbb/parallel_for.h>

namespace flatline {
namespace {

constexpr std::size_t kPiece = 4096;  // entries that one core reads at a time
constexpr std::uint8_t kNoWorker = 0xFF;

}  // namespace

LeaseRows::LeaseRows(const RegionView& region, std::span<const Transition> unapplied)
    : region_(region), as_of_(0, Hash{.key = region.header().hash_key}) {
  for (const Transition& last : unapplied) {
    if (last.kind != TransitionKind::kLease) {
      continue;
    }
    const Tenure told{.number = static_cast<std::uint64_t>(last.silence.count()),
                      .token = (FencingToken{last.incarnation} << 32) | last.sequence,
                      .holder = last.to != 0 ? last.id : kNoEndpoint,
                      .group = last.group,
                      .space = static_cast<LeaseSpace>(last.from)};
    as_of_.insert_or_assign({.space = told.space, .number = told.number}, told);
  }
}

void LeaseRows::Observe(const DeliveryRecord& record) {
  if (record.kind != RecordKind::kLease || is_settled_) {
    return;
  }
  const LeaseName name{.space = static_cast<LeaseSpace>(record.from),
                       .number = static_cast<std::uint64_t>(record.silence_ns)};
  as_of_.try_emplace(
      name,
      Tenure{.number = name.number,
             .token = (FencingToken{record.incarnation} << 32) | record.heartbeat_sequence,
             .holder = record.to != 0 ? kNoEndpoint : record.endpoint,
             .group = record.group,
             .space = name.space});
}

bool LeaseRows::Read() {
  if (was_read_) {
    for (const Place& place : std::exchange(torn_, {})) {
      if (const auto lease = region_.leases(place.worker)[place.entry].Read()) {
        Take(*lease, held_);
      } else {
        torn_.push_back(place);
      }
    }
    return torn_.empty();
  }
  was_read_ = true;
  const std::size_t each = region_.shape().leases_per_worker;
  const std::size_t pieces = (each + kPiece - 1) / kPiece;
  std::vector<std::vector<Tenure>> found(pieces * region_.shape().workers);
  std::vector<std::vector<Place>> torn(found.size());
  tbb::parallel_for(std::size_t{0}, found.size(), [&](std::size_t piece) {
    const auto worker = static_cast<unsigned>(piece / pieces);
    const auto entries = region_.leases(worker);
    const std::size_t begin = piece % pieces * kPiece;
    for (std::size_t i = begin; i < std::min(each, begin + kPiece); ++i) {
      if (const auto lease = entries[i].Read()) {
        Take(*lease, found[piece]);
      } else {
        torn[piece].push_back({.worker = worker, .entry = i});
      }
    }
  });
  for (std::size_t piece = 0; piece < found.size(); ++piece) {
    std::ranges::copy(found[piece], std::back_inserter(held_));
    std::ranges::copy(torn[piece], std::back_inserter(torn_));
  }
  return torn_.empty();
}

// What is no lease, nobody holds.
void LeaseRows::Take(const Lease& lease, std::vector<Tenure>& to) {
  if (lease.holder != kNoEndpoint && lease.token != 0 &&
      static_cast<std::size_t>(lease.space) < kLeaseSpaceNames.size()) {
    to.push_back({.number = lease.number,
                  .token = lease.token,
                  .holder = lease.holder,
                  .group = lease.group,
                  .space = lease.space});
  }
}

void LeaseRows::Settle() {
  std::erase_if(held_, [this](const Tenure& read) {
    return as_of_.contains({.space = read.space, .number = read.number});
  });
  for (const auto& [name, tenure] : as_of_) {
    if (tenure.holder != kNoEndpoint) {
      held_.push_back(tenure);
    }
  }
  as_of_.clear();
  is_settled_ = true;
}

DeliveryRecord LeaseRows::RecordOf(const Tenure& tenure, const DeliveryRecord& like) {
  DeliveryRecord out = like;
  out.kind = RecordKind::kLease;
  out.endpoint = tenure.holder;
  out.silence_ns = static_cast<std::int64_t>(tenure.number);
  out.incarnation = static_cast<std::uint32_t>(tenure.token >> 32);
  out.heartbeat_sequence = static_cast<std::uint32_t>(tenure.token);
  out.group = tenure.group;
  out.from = static_cast<std::uint8_t>(tenure.space);
  out.to = 1;
  out.reason = static_cast<std::uint8_t>(Reason::kLeaseGranted);
  out.worker = kNoWorker;
  return frames::Seal(out);
}

}  // namespace flatline
