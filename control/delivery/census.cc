#include "control/delivery/census.h"

#include <algorithm>
#include <cstddef>

namespace flatline {
namespace {

std::size_t HealthOf(const DeliveryRecord& record) {
  const auto health = static_cast<std::size_t>(record.health);
  return health < kHealthNames.size() ? health : 0;
}

}  // namespace

void Census::Count(const DeliveryRecord& row) {
  if (row.kind != RecordKind::kSnapshotRow) {
    return;  // of a lease
  }
  Counts& counts = counts_[row.group];
  if (row.to < counts.liveness.size()) {
    ++counts.liveness[row.to];
  }
  if (row.to == static_cast<std::uint8_t>(Liveness::kAlive)) {
    ++counts.health[HealthOf(row)];
  }
}

void Census::Take(const DeliveryRecord& record) {
  switch (record.kind) {
    case RecordKind::kLiveness:
      TakeLiveness(record);
      break;
    case RecordKind::kHealth: {  // told by a heartbeat, so of one alive
      Counts& counts = counts_[record.group];
      Decrease(counts.health[record.from < counts.health.size() ? record.from : 0]);
      ++counts.health[HealthOf(record)];
      break;
    }
    case RecordKind::kReset:
      counts_.clear();
      is_settled_ = false;  // who was enrolled in silence since
      break;
    default:
      break;
  }
}

void Census::TakeLiveness(const DeliveryRecord& record) {
  Counts& counts = counts_[record.group];
  if (record.from >= counts.liveness.size() || record.to >= counts.liveness.size()) {
    is_settled_ = false;
    return;
  }
  constexpr auto kAlive = static_cast<std::uint8_t>(Liveness::kAlive);
  if (record.from == kAlive && record.to == kAlive) {
    Restart(record, counts);
    return;
  }
  LeaveState(record, counts);
  if (record.reason == static_cast<std::uint8_t>(Reason::kRetired)) {
    return;
  }
  ++counts.liveness[record.to];
  if (record.to == kAlive) {
    ++counts.health[HealthOf(record)];
  }
}

void Census::LeaveState(const DeliveryRecord& record, Counts& counts) {
  const auto from = static_cast<Liveness>(record.from);
  std::uint32_t& before = counts.liveness[record.from];
  if (from == Liveness::kUnknown &&
      record.reason == static_cast<std::uint8_t>(Reason::kFirstHeartbeat)) {
    // It was counted, or its heartbeat has just enrolled it.
    is_settled_ = is_settled_ && before == 0;
    before -= before == 0 ? 0 : 1;
    return;
  }
  Decrease(before);
  if (from == Liveness::kAlive) {
    Decrease(counts.health[HealthOf(record)]);  // only a heartbeat changes it
  }
}

// Alive before and after: its health is another where not all have the one that it says now.
void Census::Restart(const DeliveryRecord& record, Counts& counts) {
  const std::uint32_t alive = counts.liveness[static_cast<std::size_t>(Liveness::kAlive)];
  is_settled_ = is_settled_ && counts.health[HealthOf(record)] == alive;
}

void Census::Decrease(std::uint32_t& count) noexcept {
  if (count == 0) {
    is_settled_ = false;
  } else {
    --count;
  }
}

SummaryCounts Census::Of(Group group) const {
  SummaryCounts out;
  if (const auto at = counts_.find(group); at != counts_.end()) {
    out.liveness = at->second.liveness;
    out.degraded = at->second.health[static_cast<std::size_t>(Health::kDegraded)];
    out.failing = at->second.health[static_cast<std::size_t>(Health::kFailing)];
  }
  return out;
}

std::vector<Group> Census::groups() const {
  std::vector<Group> out;
  for (const auto& [group, counts] : counts_) {
    if (std::ranges::any_of(counts.liveness, [](std::uint32_t count) { return count != 0; })) {
      out.push_back(group);
    }
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace flatline
