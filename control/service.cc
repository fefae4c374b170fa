#include "control/service.h"

#include <algorithm>
#include <spdlog/spdlog.h>
#include <utility>

namespace flatline {
namespace {

constexpr Duration kComplaintInterval{10'000'000'000};

}  // namespace

Service::Service(const ServiceOptions& options, std::unique_ptr<Journal> journal)
    : options_(options),
      journal_(std::move(journal)),
      administration_(options.first_serial),
      gatekeeper_(options.tokens),
      roster_(options.roster) {
  GoBy(roster_.Open());  // before anybody subscribes by a label
}

Service::~Service() = default;

void Service::Join(const RegionView& region, std::shared_ptr<const void> keep) {
  scribe_.emplace(region, *journal_);
  scribe_->LeaveTraces(&trail_);
  administration_.Attach(region);
  keep_ = std::move(keep);
  left_ = std::make_shared<std::atomic<bool>>(false);
  const std::lock_guard lock(mutex_);
  has_region_ = true;
}

void Service::Leave() {
  {
    const std::lock_guard lock(mutex_);
    has_region_ = false;
    for (const auto& weak : queue_) {
      if (const auto ticket = weak.lock()) {
        ticket->Cancel();
      }
    }
    queue_.clear();
  }
  if (left_) {
    left_->store(true);
  }
  administration_.Detach();
  scribe_.reset();
  keep_.reset();
  granted_.clear();
  RingBells();
}

bool Service::drained() const noexcept {
  return !scribe_ || HasReleased(scribe_->reader().region(), HeadsOf(scribe_->reader().region()));
}

std::expected<void, Refusal> Service::TakePlace() {
  if (subscribers_.fetch_add(1) >= options_.subscribers) {
    subscribers_.fetch_sub(1);
    return Refuse(DeliveryError::kTooManySubscribers, "see control.subscribers");
  }
  return {};
}

std::expected<std::shared_ptr<SnapshotTicket>, Refusal> Service::AskForSnapshot() {
  const std::lock_guard lock(mutex_);
  if (!has_region_) {
    return Refuse(DeliveryError::kNoDataplane, "there is no region: start the dataplane");
  }
  auto out = std::make_shared<SnapshotTicket>();
  queue_.push_back(out);
  return out;
}

void Service::Enter(std::shared_ptr<Bell> bell) {
  const std::lock_guard lock(mutex_);
  bells_.push_back(std::move(bell));
}

void Service::Exit(const std::shared_ptr<Bell>& bell) {
  const std::lock_guard lock(mutex_);
  std::erase(bells_, bell);
}

void Service::RingBells() {
  const std::lock_guard lock(mutex_);
  for (const auto& bell : bells_) {
    bell->Ring();
  }
}

std::expected<bool, std::string> Service::Turn(Instant now, WallInstant wall) {
  bool worked = false;
  if (scribe_) {
    const auto told = scribe_->Turn(now, wall);
    if (!told) {
      return std::unexpected(told.error());
    }
    worked = !told->empty();
    worked = GrantSnapshots() || worked;
  }
  journal_->Housekeep(now);
  journal_->Expire(wall);
  ReportTrouble(now);
  if (const auto roster = roster_.Poll(now)) {
    GoBy(*roster);
  }
  worked = administration_.Turn() || worked;
  if (worked) {
    RingBells();
  }
  return worked;
}

// Between two turns of the scribe, when what it has released and what is journaled are the same.
SnapshotOrigin Service::OriginNow() const {
  // NOLINTNEXTLINE(bugprone-unchecked-optional-access): asked for only where there is a region
  const TransitionReader& reader = scribe_->reader();
  SnapshotOrigin out{reader.region(), keep_, left_, journal_->newest(), {}};
  for (unsigned worker = 0; worker < reader.workers(); ++worker) {
    if (const auto last = reader.LastReleased(worker)) {
      out.unapplied.push_back(*last);
    }
  }
  return out;
}

bool Service::GrantSnapshots() {
  std::erase_if(granted_, [](const auto& weak) { return weak.expired(); });
  const std::lock_guard lock(mutex_);
  bool granted = false;
  while (granted_.size() < kMostSnapshots && !queue_.empty()) {
    const auto ticket = queue_.front().lock();
    queue_.pop_front();
    if (ticket) {
      ticket->Grant(OriginNow());
      granted_.push_back(ticket);
      granted = true;
    }
  }
  return granted;
}

void Service::ReportTrouble(Instant now) {
  if (journal_->has_trouble() && now >= complain_at_) {
    spdlog::error("{}", journal_->Trouble(now));
    complain_at_ = now + kComplaintInterval;
  }
  if (const std::string news = tally_.News(now); !news.empty()) {
    spdlog::warn("{}", news);
  }
}

// A roster that cannot be used leaves the one before in force.
void Service::GoBy(const RosterWatch::Opened& roster) {
  if (!roster) {
    spdlog::error("{}", roster.error());
    return;
  }
  const auto before = filters_.roster();
  filters_.Follow(*roster);
  if (*roster) {
    spdlog::info("roster {}: {} endpoints", options_.roster, (*roster)->size());
  } else if (before) {
    spdlog::warn("roster {}: is gone; nobody has a name or a label", options_.roster);
  }
}

}  // namespace flatline
