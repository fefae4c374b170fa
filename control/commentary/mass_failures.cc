#include "control/commentary/mass_failures.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <numeric>
#include <utility>

namespace flatline {
namespace {

bool IsSilent(std::uint8_t liveness) {
  return liveness == static_cast<std::uint8_t>(Liveness::kSuspect) ||
         liveness == static_cast<std::uint8_t>(Liveness::kDead);
}

// 1: it fell silent, -1: it is silent no more, 0: neither. Who was never heard does not fall.
int StepOf(const DeliveryRecord& record) {
  if (record.from == static_cast<std::uint8_t>(Liveness::kAlive) && IsSilent(record.to)) {
    return 1;
  }
  return IsSilent(record.from) && !IsSilent(record.to) ? -1 : 0;
}

// So large a part of the falls that it is all of them, but for chance.
bool IsNearlyAll(std::uint64_t part, std::uint64_t all) {
  return part * 10 >= all * 9;
}

}  // namespace

bool MassFailures::IsPartOf(const DeliveryRecord& record) const {
  if (record.kind != RecordKind::kLiveness || StepOf(record) + (IsSilent(record.to) ? 1 : 0) == 0) {
    return false;
  }
  if (fleet_.fails) {
    return true;
  }
  const auto at = groups_.find(record.group);
  return at != groups_.end() && at->second.fails;
}

void MassFailures::Take(const DeliveryRecord& record,
                        std::uint8_t port,
                        const Membership& members) {
  if (record.kind == RecordKind::kReset) {
    groups_.clear();
    fleet_ = {};
    return;
  }
  if (record.kind == RecordKind::kGroup) {
    Restore(record);
    return;
  }
  const int step = record.kind == RecordKind::kLiveness ? StepOf(record) : 0;
  if (step == 0) {
    return;
  }
  Count(fleet_, record, step, port);
  Judge(fleet_, kNoGroup, record.at_ns, members);
  if (record.group == kNoGroup) {
    return;  // of no group
  }
  if (Tally* const tally = TallyOf(record.group, record.at_ns)) {
    Count(*tally, record, step, port);
    Judge(*tally, record.group, record.at_ns, members);
  }
}

void MassFailures::JudgeAll(std::int64_t at_ns, const Membership& members) {
  MoveTo(fleet_, at_ns);
  Judge(fleet_, kNoGroup, at_ns, members);
  for (auto& [group, tally] : groups_) {
    MoveTo(tally, at_ns);
    Judge(tally, group, at_ns, members);
  }
  Sweep(at_ns);
}

std::vector<DeliveryRecord> MassFailures::TakeNews() {
  return std::exchange(news_, {});
}

MassFailures::Tally* MassFailures::TallyOf(Group group, std::int64_t at_ns) {
  if (const auto at = groups_.find(group); at != groups_.end()) {
    return &at->second;
  }
  if (groups_.size() >= kMostGroups) {
    Sweep(at_ns);
  }
  if (groups_.size() >= kMostGroups) {
    return nullptr;
  }
  return &groups_[group];
}

// Those in which nothing happens; once a window at most, for it is a look at each.
void MassFailures::Sweep(std::int64_t at_ns) {
  if (at_ns - swept_ns_ < settings_.window.count()) {
    return;
  }
  swept_ns_ = at_ns;
  for (auto at = groups_.begin(); at != groups_.end();) {
    MoveTo(at->second, at_ns);
    const bool is_idle = !at->second.fails && Net(at->second) == 0;
    at = is_idle ? groups_.erase(at) : std::next(at);
  }
}

void MassFailures::Count(Tally& tally, const DeliveryRecord& record, int step, std::uint8_t port) {
  MoveTo(tally, record.at_ns);
  if (!tally.fails && step > 0 && Net(tally) == 0) {
    tally.falls_on.fill(0);
  }
  tally.parts[static_cast<std::size_t>(tally.part % kParts)] += step;
  if (tally.fails) {
    tally.silent = step > 0 ? tally.silent + 1 : tally.silent - (tally.silent == 0 ? 0 : 1);
  }
  if (step > 0 && port < tally.falls_on.size()) {
    ++tally.falls_on.at(port);
  }
}

void MassFailures::Judge(Tally& tally, Group group, std::int64_t at_ns, const Membership& members) {
  const std::uint32_t ppm =
      group == kNoGroup ? settings_.fleet_share_ppm : settings_.group_share_ppm;
  if (tally.fails) {
    // Over at half of the share, so that it does not come and go.
    if (std::uint64_t{tally.silent} * 2 * kWholeShare < std::uint64_t{tally.members} * ppm ||
        tally.silent == 0) {
      Tell(tally, group, false, CauseOf(tally, group, members), at_ns);
      tally = {};
    }
    return;
  }
  const std::uint32_t watched = members.Of(group);
  const auto net = static_cast<std::uint64_t>(Net(tally));
  if (ppm == 0 || watched < settings_.least_endpoints ||
      net * kWholeShare < std::uint64_t{watched} * ppm) {
    return;
  }
  tally.fails = true;
  tally.since_ns = at_ns;
  tally.silent = static_cast<std::uint32_t>(net);
  tally.members =
      std::max(watched, tally.silent);  // who died since the last pass is counted no more
  Tell(tally, group, true, CauseOf(tally, group, members), at_ns);
}

std::int64_t MassFailures::Net(const Tally& tally) const noexcept {
  return std::max<std::int64_t>(
      0, std::accumulate(tally.parts.begin(), tally.parts.end(), std::int64_t{0}));
}

// Records of two workers may be a little out of order: what is older counts as of now.
void MassFailures::MoveTo(Tally& tally, std::int64_t at_ns) const noexcept {
  const std::int64_t part = at_ns / std::max<std::int64_t>(1, settings_.window.count() / kParts);
  if (part <= tally.part) {
    return;
  }
  for (std::int64_t gone = std::max(tally.part + 1, part - kParts + 1); gone <= part; ++gone) {
    tally.parts[static_cast<std::size_t>(gone % kParts)] = 0;
  }
  tally.part = part;
}

// By what the fallen have in common.
GroupCause MassFailures::CauseOf(const Tally& tally, Group group, const Membership& members) const {
  const auto most = std::ranges::max_element(tally.falls_on);
  const std::uint64_t known =
      std::accumulate(tally.falls_on.begin(), tally.falls_on.end(), std::uint64_t{0});
  if (known == 0) {
    return group == kNoGroup ? GroupCause::kFleet : GroupCause::kUnclear;
  }
  const auto port = static_cast<std::size_t>(most - tally.falls_on.begin());
  const std::uint32_t on_port = members.OnPort(port);
  const bool is_one_port = IsNearlyAll(*most, known);
  const bool has_other_ports = on_port < members.Of(kNoGroup);
  // Half of a port's endpoints are silent, and nearly nobody else.
  const bool is_port =
      is_one_port && has_other_ports &&
      IsNearlyAll(
          fleet_.falls_on.at(port),
          std::accumulate(fleet_.falls_on.begin(), fleet_.falls_on.end(), std::uint64_t{0})) &&
      std::uint64_t{fleet_.falls_on.at(port)} * 2 >= on_port;
  if (is_port) {
    return GroupCause::kOwnPort;
  }
  if (group == kNoGroup) {
    return GroupCause::kFleet;
  }
  return is_one_port ? GroupCause::kPath : GroupCause::kSharedDomain;
}

void MassFailures::Tell(
    const Tally& tally, Group group, bool begins, GroupCause cause, std::int64_t at_ns) {
  DeliveryRecord out;
  out.kind = RecordKind::kGroup;
  out.at_ns = at_ns;
  out.group = group;
  out.reason = static_cast<std::uint8_t>(Reason::kMassFailure);
  out.from = static_cast<std::uint8_t>(cause);
  out.to = begins ? 1 : 0;
  out.incarnation = tally.silent;
  out.heartbeat_sequence = tally.members;
  out.silence_ns = begins ? settings_.window.count() : at_ns - tally.since_ns;
  news_.push_back(out);
}

// Out of the journal, at start: what has been told already.
void MassFailures::Restore(const DeliveryRecord& told) {
  if (told.reason != static_cast<std::uint8_t>(Reason::kMassFailure)) {
    return;
  }
  std::erase_if(news_, [&](const DeliveryRecord& untold) {
    return untold.group == told.group && untold.to == told.to;
  });
  Tally* const tally = told.group == kNoGroup ? &fleet_ : TallyOf(told.group, told.at_ns);
  if (tally == nullptr) {
    return;
  }
  if (told.to == 0) {
    *tally = {};
    return;
  }
  tally->fails = true;
  tally->since_ns = told.at_ns;
  tally->silent = told.incarnation;
  tally->members = told.heartbeat_sequence;
}

}  // namespace flatline
