#include "control/commentary/commentary.h"

#include <algorithm>
#include <iterator>

namespace flatline {
namespace {

constexpr std::size_t kAtOnce = 4'096;

}  // namespace

void Commentary::Replay(const Journal& journal) {
  const std::uint64_t newest = journal.newest();
  std::uint64_t next = std::max(journal.oldest(), newest < kReplayed ? 1 : newest - kReplayed + 1);
  while (next <= newest) {
    const Journal::Range range = journal.From(next, kAtOnce);
    for (const DeliveryRecord& record : range.records) {
      Take(record, kNoPort);
    }
    // What is lost in between is lost to us too.
    next =
        range.records.empty() ? std::max(range.hole_until, next) + 1 : next + range.records.size();
  }
}

void Commentary::Turn(const RegionView* region, Instant now, WallInstant wall) {
  if (region != nullptr && members_.Turn(*region, now)) {
    mass_failures_.JudgeAll(wall.time_since_epoch().count(), members_);
  }
  if (maintenance_) {
    maintenance_->Expire(wall);
  }
  if (damping_) {
    damping_->Turn(wall);
  }
  if (contracts_) {
    contracts_->Turn(region, members_, now, wall);
  }
}

int Commentary::Mend() {
  const int maintenance = maintenance_ ? maintenance_->Mend() : 0;
  const int damping = damping_ ? damping_->Mend() : 0;
  const int contracts = contracts_ ? contracts_->Mend() : 0;
  return std::max({maintenance, damping, contracts});
}

void Commentary::ForgetMembers() {
  members_.Forget();
  if (contracts_) {
    contracts_->Forget();
  }
}

void Commentary::Mark(DeliveryRecord& record) const {
  if (maintenance_ && maintenance_->Covers(record)) {
    record.marks |= kMarkMaintenance;
  }
  if (mass_failures_.IsPartOf(record)) {
    record.marks |= kMarkMassFailure;
  }
  if (damping_ && damping_->Suppresses(record)) {
    record.marks |= kMarkFlapping;
  }
}

void Commentary::Take(const DeliveryRecord& record, std::uint8_t port) {
  mass_failures_.Take(record, port, members_);
  if (maintenance_) {
    maintenance_->Take(record);
  }
  if (contracts_) {
    contracts_->Take(record);
  }
  if (damping_) {
    damping_->Take(record);
    if (record.kind == RecordKind::kReset) {
      std::erase_if(news_, [](const auto& news) { return news.kind == RecordKind::kFlapping; });
    }
  }
}

std::span<DeliveryRecord> Commentary::News() {
  const auto add = [this](std::vector<DeliveryRecord> news) {
    std::ranges::copy(news, std::back_inserter(news_));
  };
  add(mass_failures_.TakeNews());
  if (maintenance_) {
    add(maintenance_->TakeNews());
  }
  if (damping_) {
    add(damping_->TakeNews());
  }
  return news_;
}

void Commentary::Told(std::size_t count) {
  const auto end = news_.begin() + static_cast<std::ptrdiff_t>(count);
  std::for_each(news_.begin(), end, [this](const DeliveryRecord& told) {
    if (maintenance_) {
      maintenance_->Take(told);
    }
    if (damping_) {
      damping_->Take(told);
    }
  });
  news_.erase(news_.begin(), end);
}

}  // namespace flatline
