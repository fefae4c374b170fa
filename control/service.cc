#include "control/service.h"

#include <algorithm>
#include <spdlog/spdlog.h>
#include <utility>

#include <tbb/parallel_for.h>

namespace flatline {
namespace {

// Records to be matched, over all subscribers, from which on other cores are woken for it.
constexpr std::uint64_t kMuchToFilter = 16384;
constexpr Duration kComplaintInterval{10'000'000'000};

}  // namespace

Service::Service(const ServiceOptions& options, std::unique_ptr<Journal> journal)
    : options_(options),
      journal_(std::move(journal)),
      publisher_(*journal_, options.bookmark),
      administration_(options.first_serial) {}

Service::~Service() = default;

void Service::Join(const RegionView& region) {
  scribe_.emplace(region, *journal_);
  administration_.Attach(region);
}

void Service::Leave() {
  for (const auto& session : sessions_) {
    session->AbandonSnapshot();
  }
  administration_.Detach();
  scribe_.reset();
}

bool Service::drained() const noexcept {
  return !scribe_ || scribe_->reader().HasReleased(scribe_->reader().Heads());
}

std::expected<void, Refusal> Service::Permits(const Request& request) const {
  if (subscribers_ >= options_.subscribers) {
    return std::unexpected(Refusal{DeliveryError::kTooManySubscribers, "see control.subscribers"});
  }
  if (request.header.kind == RequestKind::kSubscribeSnapshot && !scribe_) {
    return std::unexpected(
        Refusal{DeliveryError::kNoDataplane, "there is no region: start the dataplane"});
  }
  return {};
}

Session* Service::Open(Session::Origin origin, Instant now) {
  if (sessions_.size() >= options_.subscribers + kSpareSessions) {
    return nullptr;
  }
  sessions_.push_back(std::make_unique<Session>(*this, origin, now));
  return sessions_.back().get();
}

void Service::Close(Session* session) {
  const auto at = std::ranges::find(sessions_, session, &std::unique_ptr<Session>::get);
  std::swap(*at, sessions_.back());
  sessions_.pop_back();
}

std::expected<bool, std::string> Service::Turn(Instant now, WallInstant wall) {
  bool worked = false;
  if (scribe_) {
    const auto told = scribe_->Turn(now, wall);
    if (!told) {
      return std::unexpected(told.error());
    }
    TellSnapshots(*told);
    worked = !told->empty();
    BeginSnapshots(scribe_->reader());
  }
  journal_->Housekeep(now);
  ReportTrouble(now);
  worked = administration_.Turn() || worked;
  PrepareAll(now, wall);
  return worked;
}

void Service::TellSnapshots(std::span<const Told> told) {
  if (told.empty()) {
    return;
  }
  for (const auto& session : sessions_) {
    if (Subscriber* const subscriber = session->subscriber();
        subscriber != nullptr && subscriber->snapshot) {
      for (const Told& one : told) {
        subscriber->snapshot->Observe(one.transition);
      }
    }
  }
}

// Between two turns of the scribe, when what it has released and what is journaled are the same.
void Service::BeginSnapshots(const TransitionReader& reader) {
  std::size_t running = 0;
  for (const auto& session : sessions_) {
    const Subscriber* const subscriber = std::as_const(*session).subscriber();
    running += subscriber != nullptr && subscriber->snapshot ? 1 : 0;
  }
  for (const auto& session : sessions_) {
    if (running >= kMostSnapshots) {
      return;
    }
    if (Subscriber* const subscriber = session->subscriber();
        subscriber != nullptr && !subscriber->snapshot &&
        subscriber->stage == Subscriber::Stage::kAwaitsSnapshot) {
      publisher_.BeginSnapshot(*subscriber, reader);
      ++running;
    }
  }
}

void Service::PrepareAll(Instant now, WallInstant wall) {
  std::uint64_t much = 0;
  to_filter_.clear();
  for (const auto& session : sessions_) {
    const Subscriber* const subscriber = std::as_const(*session).subscriber();
    const std::uint64_t records =
        subscriber != nullptr && session->ready().empty() ? publisher_.ToFilter(*subscriber) : 0;
    if (records != 0) {
      much += records;
      to_filter_.push_back(session.get());
    }
  }
  if (to_filter_.size() > 1 && much > kMuchToFilter) {
    tbb::parallel_for(std::size_t{0}, to_filter_.size(), [&](std::size_t i) {
      to_filter_[i]->Prepare(now, wall);
    });
  }
  for (const auto& session : sessions_) {
    session->Prepare(now, wall);
  }
}

void Service::ReportTrouble(Instant now) {
  if (!journal_->trouble().empty() && now >= complain_at_) {
    spdlog::error("{}", journal_->trouble());
    complain_at_ = now + kComplaintInterval;
  }
}

}  // namespace flatline
