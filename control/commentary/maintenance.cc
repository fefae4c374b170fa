#include "control/commentary/maintenance.h"

#include <flatline/guard.h>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace flatline {
namespace {

constexpr Duration kExpiry{100'000'000};  // so often is looked for what is over

// Its begin and its end are told by when it began: another one of the same target is another one.
bool IsBeginOf(const MaintenanceEntry& entry, const DeliveryRecord& told) {
  return told.to == 1 && told.at_ns == entry.begun_ns;
}

}  // namespace

std::expected<std::unique_ptr<Maintenance>, std::string> Maintenance::Open(
    const std::string& path) {
  auto file = KeptFile::Open(path, kMost * sizeof(Slot), "maintenance");
  if (!file) {
    return std::unexpected(file.error());
  }
  return std::unique_ptr<Maintenance>(new Maintenance(std::move(*file)));
}

Maintenance::Maintenance(KeptFile file) : file_(std::move(file)), slots_(file_.As<Slot>()) {
  std::size_t torn = 0;
  for (std::size_t slot = 0; slot < kMost; ++slot) {
    entries_[slot] = Latest(slots_[slot]);
    torn += IsTorn(slots_[slot]) ? 1 : 0;
    if (entries_[slot].state == MaintenanceEntry::State::kFree) {
      continue;
    }
    // A loss of power can keep the page that says where it went, and not the one that it left: the
    // one that began last is true, by a clock that may have been stepped in between.
    const auto [known, is_only] = slots_of_.emplace(entries_[slot].target(), slot);
    if (!is_only) {
      const bool is_later = entries_[slot].begun_ns > entries_[known->second].begun_ns;
      const std::size_t gone = is_later ? std::exchange(known->second, slot) : slot;
      Erase(entries_[gone], slots_[gone]);
      file_.Save(slots_[gone]);
    }
  }
  file_.SayTorn(torn);
  for (const MaintenanceEntry& entry : entries_) {
    if (entry.state == MaintenanceEntry::State::kBegun) {
      Tell(entry, true, true, WallInstant{Duration{entry.begun_ns}});
    }
  }
}

bool Maintenance::Begin(const MaintenanceTarget& target,
                        Duration length,
                        std::string_view reason,
                        WallInstant now) {
  const auto known = slots_of_.find(target);
  std::size_t slot = 0;
  if (known != slots_of_.end()) {
    slot = known->second;
  } else {
    const auto room =
        std::ranges::find(entries_, MaintenanceEntry::State::kFree, &MaintenanceEntry::state);
    if (room == entries_.end()) {
      return false;
    }
    slot = static_cast<std::size_t>(room - entries_.begin());
  }
  if (ends_[slot]) {
    return false;  // on its way out: its end is told in a moment
  }
  MaintenanceEntry& entry = entries_[slot];
  entry.until_ns = (now + length).time_since_epoch().count();
  entry.reason.fill('\0');
  std::ranges::copy(reason.substr(0, kMostMaintenanceReason), entry.reason.begin());
  if (known == slots_of_.end()) {
    entry.endpoint = target.endpoint;
    entry.group = target.group;
    entry.state = MaintenanceEntry::State::kBegun;
    entry.begun_ns = now.time_since_epoch().count();
    slots_of_.emplace(target, slot);
    Tell(entry, true, true, now);
  }
  Put(slot);
  return true;
}

bool Maintenance::End(const MaintenanceTarget& target, WallInstant now) {
  const auto known = slots_of_.find(target);
  if (known == slots_of_.end() || ends_[known->second]) {
    return false;
  }
  MaintenanceEntry& entry = entries_[known->second];
  entry.until_ns = now.time_since_epoch().count();
  Put(known->second);
  ends_[known->second] = true;
  Tell(entry, false, true, now);
  return true;
}

void Maintenance::Expire(WallInstant now) {
  if (now < expire_at_ && expire_at_ - now <= kExpiry) {
    return;
  }
  expire_at_ = now + kExpiry;
  for (const auto& [target, slot] : slots_of_) {
    const MaintenanceEntry& entry = entries_[slot];
    if (entry.until_ns <= now.time_since_epoch().count() && !ends_[slot]) {
      ends_[slot] = true;
      Tell(entry, false, false, now);
    }
  }
}

void Maintenance::Take(const DeliveryRecord& record) {
  if (record.kind != RecordKind::kMaintenance) {
    return;
  }
  std::erase_if(news_, [&](const DeliveryRecord& untold) {
    return untold.to == record.to && untold.endpoint == record.endpoint &&
           untold.group == record.group && untold.silence_ns == record.silence_ns;
  });
  const auto known = slots_of_.find(Key(record.endpoint, record.group));
  if (known == slots_of_.end()) {
    return;
  }
  MaintenanceEntry& entry = entries_[known->second];
  if (IsBeginOf(entry, record)) {
    entry.state = MaintenanceEntry::State::kTold;
    Put(known->second);
  } else if (record.to == 0 && record.at_ns - record.silence_ns == entry.begun_ns) {
    Free(known->second);
  }
}

std::vector<DeliveryRecord> Maintenance::TakeNews() {
  return std::exchange(news_, {});
}

// `silence_ns` is how long it is to last, at its end how long it has lasted.
void Maintenance::Tell(const MaintenanceEntry& entry, bool begins, bool by_order, WallInstant now) {
  DeliveryRecord out;
  out.kind = RecordKind::kMaintenance;
  out.at_ns = begins ? entry.begun_ns : now.time_since_epoch().count();
  out.endpoint = entry.endpoint;
  out.group = entry.group;
  out.reason = static_cast<std::uint8_t>(Reason::kMaintenance);
  out.from = static_cast<std::uint8_t>(by_order ? GroupCause::kOperator : GroupCause::kTimeOver);
  out.to = begins ? 1 : 0;
  out.silence_ns = (begins ? entry.until_ns : out.at_ns) - entry.begun_ns;
  out.marks = kMarkMaintenance;
  news_.push_back(out);
}

void Maintenance::Free(std::size_t slot) {
  slots_of_.erase(entries_[slot].target());
  ends_[slot] = false;
  Erase(entries_[slot], slots_[slot]);
  file_.Save(slots_[slot]);
}

void Maintenance::Put(std::size_t slot) {
  Keep(entries_[slot], slots_[slot]);
  file_.Save(slots_[slot]);
}

}  // namespace flatline
