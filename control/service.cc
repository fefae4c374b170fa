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
      commentary_(options.mass_failures),
      administration_(options.first_serial),
      gatekeeper_(options.tokens),
      snapshots_(options.first_serial),
      roster_(options.roster) {
  GoBy(roster_.Open());  // before anybody subscribes by a label
  if (!options.tokens.empty()) {
    OnReload([this] { return gatekeeper_.Reload(); });
    Reload();
  }
}

Service::~Service() = default;

void Service::KeepMaintenance(std::unique_ptr<Maintenance> maintenance) {
  commentary_.Keep(std::move(maintenance));
  administration_.Maintain(commentary_.maintenance());
}

void Service::Join(const RegionView& region, std::shared_ptr<const void> keep) {
  scribe_.emplace(region, *journal_);
  scribe_->LeaveTraces(&trail_);
  if (!std::exchange(has_replayed_, true)) {
    commentary_.Replay(*journal_);
  }
  commentary_.ForgetMembers();
  scribe_->Heed(&commentary_);
  administration_.Attach(region);
  PutAtHand(std::make_shared<const RegionAtHand>(region, keep));
  keep_ = std::move(keep);
  left_ = std::make_shared<std::atomic<bool>>(false);
  snapshots_.Open();
}

void Service::Leave() {
  snapshots_.Close();
  if (left_) {
    left_->store(true);
  }
  administration_.Detach();
  PutAtHand(nullptr);
  scribe_.reset();
  keep_.reset();
  RingBells();
}

void Service::PutAtHand(std::shared_ptr<const RegionAtHand> region) {
  const std::lock_guard lock(mutex_);
  region_ = std::move(region);
}

std::shared_ptr<const RegionAtHand> Service::region() const {
  const std::lock_guard lock(mutex_);
  return region_;
}

void Service::Reload() {
  for (const Reloadable& reload : reloadables_) {
    if (const auto told = reload()) {
      spdlog::info("{}", *told);
    } else {
      spdlog::error("{}", told.error());
    }
  }
}

bool Service::drained() const noexcept {
  return !scribe_ || HasReleased(scribe_->reader().region(), HeadsOf(scribe_->reader().region()));
}

std::expected<void, Refusal> Service::TakePlace(bool is_local) {
  const std::uint32_t kept = is_local ? 0 : std::min(kLocalPlaces, options_.subscribers / 8);
  if (subscribers_.fetch_add(1) >= options_.subscribers - kept) {
    subscribers_.fetch_sub(1);
    return Refuse(DeliveryError::kTooManySubscribers, "see control.subscribers");
  }
  return {};
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
  const std::uint64_t newest = journal_->newest();
  if (scribe_) {
    const auto told = scribe_->Turn(now, wall);
    if (!told) {
      return std::unexpected(told.error());
    }
    worked = journal_->newest() != newest;  // transitions, or a reset
    worked = snapshots_.Grant(now, [this] { return OriginNow(); }) || worked;
  }
  commentary_.Turn(scribe_ ? &scribe_->reader().region() : nullptr, now, wall);
  journal_->Housekeep(now);
  journal_->Expire(wall);
  MendKeptFiles(now);
  ReportTrouble(now);
  if (const auto roster = roster_.Poll(now)) {
    GoBy(*roster);
  }
  worked = administration_.Turn(wall) || worked;
  if (worked) {
    RingBells();
  }
  return worked;
}

// Between two turns of the scribe, when what it has released and what is journaled are the same.
SnapshotOrigin Service::OriginNow() {
  // NOLINTNEXTLINE(bugprone-unchecked-optional-access): asked for only where there is a region
  const TransitionReader& reader = scribe_->reader();
  SnapshotOrigin out{reader.region(), keep_, left_, journal_->newest(), {}, {}};
  if (Damping* const damping = commentary_.damping()) {
    out.flapping = damping->flapping();
  }
  for (unsigned worker = 0; worker < reader.workers(); ++worker) {
    if (const auto last = reader.LastReleased(worker)) {
      out.unapplied.push_back(*last);
    }
  }
  return out;
}

JournalHealth Service::health() const noexcept {
  JournalHealth out = journal_->health();
  if (kept_fault_ != 0 && out.sync_failing_since == Instant{}) {
    out.sync_failing_since = kept_failing_since_;
    out.fault = kept_fault_;
  }
  return out;
}

// Somebody may have cut them short, or removed them.
void Service::MendKeptFiles(Instant now) {
  if (now < mend_at_) {
    return;
  }
  mend_at_ = now + kMendInterval;
  kept_fault_ = std::max(commentary_.Mend(), cursors_ ? cursors_->Mend() : 0);
  if (kept_fault_ == 0) {
    kept_failing_since_ = {};
  } else if (kept_failing_since_ == Instant{}) {
    kept_failing_since_ = now;
  }
}

// That all is on its way to be well is no error, and keeps none back.
void Service::ReportTrouble(Instant now) {
  const bool is_error = journal_->has_trouble() && !journal_->is_recovering();
  if (journal_->has_trouble() && (now >= complain_at_ || (is_error && !has_complained_))) {
    has_complained_ = is_error;
    spdlog::log(is_error ? spdlog::level::err : spdlog::level::info, "{}", journal_->Trouble(now));
    complain_at_ = now + kComplaintInterval;
  }
  if (const std::string news = dismissals_.News(now); !news.empty()) {
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
