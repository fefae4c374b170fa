#include "control/delivery/outlet.h"

#include "control/service.h"

#include <algorithm>
#include <utility>

namespace flatline {
namespace {

constexpr Duration kMostLooks{2'500'000};
constexpr Duration kLeastLooks{250'000'000};

}  // namespace

Outlet::Outlet(Service& service, SnapshotJob::Run run, std::shared_ptr<Bell> bell)
    : service_(&service),
      bell_(std::move(bell)),
      publisher_(service.readable(),
                 service.trail(),
                 {.bookmark = service.options().bookmark,
                  .damps = service.options().flapping.damps(),
                  .run = std::move(run),
                  .wake = [bell = bell_] { bell->Ring(); },
                  .roster = [&service] { return service.filters().roster(); },
                  .region = [&service] { return service.region(); },
                  .ask_for_snapshot = [&service] { return service.snapshots().Ask(); },
                  .silent_changes = [&service] { return service.administration().results(); }}),
      look_interval_(std::clamp(service.options().bookmark / 4, kMostLooks, kLeastLooks)) {
  service_->Enter(bell_);
}

Outlet::~Outlet() {
  service_->Exit(bell_);
}

Session& Outlet::Open(Session::Origin origin, Instant now) {
  sessions_.push_back(std::make_unique<Session>(*this, origin, now));
  sessions_.back()->home_ = static_cast<std::uint32_t>(sessions_.size() - 1);
  return *sessions_.back();
}

void Outlet::Close(Session& session) {
  Unlist(session);
  LeaveLane(session);
  const std::uint32_t home = session.home_;
  std::swap(sessions_[home], sessions_.back());
  sessions_[home]->home_ = home;
  sessions_.pop_back();
}

void Outlet::Turn(Instant now, WallInstant wall) {
  now_ = now;
  wall_ = wall;
  next_turn_ = now + look_interval_;
  publisher_.Follow(wall);
  for (const auto& lane : lanes_) {
    ServeLane(*lane);
  }
  going_.swap(due_);
  for (Session*& session : going_) {
    if (session != nullptr) {
      session->list_ = Session::List::kNone;
      Serve(*session);
    }
  }
  going_.clear();
  ServeLate();
  Poll();
  Sweep();
  if (std::exchange(has_empty_lane_, false)) {
    std::erase_if(lanes_, [](const std::unique_ptr<Lane>& lane) { return lane->members == 0; });
  }
}

void Outlet::Serve(Session& session) {
  session.Prepare(now_, wall_);
  if (!session.ready().empty() || session.finished()) {
    Attend(session);
  } else if (session.follows()) {
    if (session.subscriber_.cursor < session.subscriber_.stream->upto()) {
      Defer(session);  // much was looked at, and nothing found
    } else {
      Park(session);
    }
  } else if (session.role_ != Session::Role::kNobody) {
    Enlist(session, Session::List::kPolled, polled_);
  }
}

void Outlet::Attend(Session& session) {
  if (session.carrier_ != nullptr) {
    session.carrier_->Attend();
  }
}

void Outlet::Unoccupied(Session& session) {
  if (session.list_ != Session::List::kNone) {
    return;
  }
  if (session.follows()) {
    const Subscriber& subscriber = session.subscriber_;
    const std::uint64_t behind = subscriber.stream->upto() - subscriber.cursor;
    if (behind > Stream::kMostSent) {
      Defer(session);
      return;
    }
    const Pace& pace = subscriber.pace;
    const bool is_less_than_a_batch =
        pace.bytes == 0 || behind * sizeof(DeliveryRecord) < pace.bytes;
    if (behind == 0 || (!pace.is_immediate() && is_less_than_a_batch)) {
      Park(session);
      return;
    }
  }
  Enlist(session, Session::List::kDue, due_);
}

void Outlet::Defer(Session& session) {
  session.list_ = Session::List::kLate;
  session.place_ = late_from_ + static_cast<std::uint32_t>(late_.size());
  late_.push_back(&session);
}

// In the order in which they came, each one send, until there is enough for this turn.
void Outlet::ServeLate() {
  std::uint64_t told = 0;
  for (std::size_t left = late_.size(); left != 0 && told < kMostLate; --left) {
    Session* const session = late_.front();
    late_.pop_front();
    ++late_from_;
    if (session != nullptr) {
      session->list_ = Session::List::kNone;
      const std::uint64_t before = session->subscriber_.cursor;
      Serve(*session);
      told += session->subscriber_.cursor - std::min(before, session->subscriber_.cursor) + 1;
    }
  }
}

void Outlet::Enlist(Session& session, Session::List list, std::vector<Session*>& into) {
  session.list_ = list;
  session.place_ = static_cast<std::uint32_t>(into.size());
  into.push_back(&session);
}

Lane& Outlet::LaneOf(Session& session) {
  if (session.lane_ == nullptr) {
    const Subscriber& subscriber = session.subscriber_;
    const auto at = std::ranges::find_if(lanes_, [&](const std::unique_ptr<Lane>& lane) {
      return lane->stream == subscriber.stream && lane->pace == subscriber.pace;
    });
    if (at == lanes_.end()) {
      lanes_.push_back(std::make_unique<Lane>());
      lanes_.back()->stream = subscriber.stream;
      lanes_.back()->pace = subscriber.pace;
      session.lane_ = lanes_.back().get();
    } else {
      session.lane_ = at->get();
    }
    ++session.lane_->members;
  }
  return *session.lane_;
}

void Outlet::Park(Session& session) {
  Lane& lane = LaneOf(session);
  if (!lane.is_open && session.subscriber_.cursor < lane.stream->upto()) {
    lane.is_open = true;  // it comes with something to be sent already
    lane.opened = now_;
  }
  Enlist(session, Session::List::kIdle, lane.idle);
}

void Outlet::ServeLane(Lane& lane) {
  if (lane.idle.empty()) {
    lane.is_open = false;
    lane.seen_produced = lane.stream->produced();
    return;
  }
  const std::uint64_t upto = lane.stream->upto();
  const std::uint64_t produced = lane.stream->produced();
  if (!lane.is_open && lane.seen == upto) {
    return;
  }
  if (!lane.pace.is_immediate()) {
    if (!lane.is_open) {
      lane.is_open = true;
      lane.opened = now_;
    }
    const Instant closes = lane.opened + lane.pace.age;
    const std::uint64_t held = (produced - lane.seen_produced) * sizeof(DeliveryRecord);
    const bool is_full = lane.pace.bytes != 0 && held >= lane.pace.bytes;
    if (now_ < closes && !is_full) {
      next_turn_ = std::min(next_turn_, closes);
      return;
    }
  }
  lane.is_open = false;
  lane.seen = upto;
  lane.seen_produced = produced;
  going_.swap(lane.idle);
  for (Session* const session : going_) {
    session->list_ = Session::List::kNone;
    Serve(*session);
  }
  going_.clear();
}

// Administrators, snapshots and summaries: few, and what they wait for is not the journal.
void Outlet::Poll() {
  for (std::size_t i = polled_.size(); i != 0; --i) {
    Session& session = *polled_[i - 1];
    session.Prepare(now_, wall_);
    if (!session.ready().empty() || session.finished()) {
      Unlist(session);
      Attend(session);
    } else if (const auto& summary = session.subscriber_.summary) {
      next_turn_ = std::min(next_turn_, summary->look_at);
    }
  }
}

void Outlet::Sweep() {
  const Duration since = std::min(now_ - swept_, look_interval_);
  auto count = static_cast<std::size_t>(static_cast<std::int64_t>(sessions_.size()) *
                                        since.count() / look_interval_.count());
  if (count == 0 && since < look_interval_) {
    return;
  }
  swept_ = now_;
  for (count = std::min(count, sessions_.size()); count != 0; --count) {
    sweep_at_ = sweep_at_ + 1 < sessions_.size() ? sweep_at_ + 1 : 0;
    Look(*sessions_[sweep_at_]);
  }
}

// What no event brings about: bookmarks, lost patience, the silence of the other end, a token that
// was revoked.
void Outlet::Look(Session& session) {
  if (!session.KeepsGrant()) {
    Attend(session);
    return;
  }
  const bool may_be_due = session.list_ == Session::List::kIdle
                              ? now_ - session.subscriber_.last_sent >= service_->options().bookmark
                              : session.list_ == Session::List::kNone && session.ready().empty();
  if (may_be_due || session.HasLostCursor()) {
    Unlist(session);
    Serve(session);
  }
  const bool is_heard_again = !session.wants_bytes();
  session.Hearken();
  if (session.IsStuck(now_)) {
    if (!std::exchange(session.was_stuck_, true)) {
      service_->dismissals().CountStuck();
    }
    Attend(session);
  } else if (is_heard_again) {
    Attend(session);
  }
}

void Outlet::LeaveLane(Session& session) {
  Lane* const lane = std::exchange(session.lane_, nullptr);
  if (lane != nullptr && --lane->members == 0) {
    has_empty_lane_ = true;  // it may be in the middle of being served
  }
}

void Outlet::Unlist(Session& session) {
  const auto take_out = [&](std::vector<Session*>& list) {
    list.back()->place_ = session.place_;
    std::swap(list[session.place_], list.back());
    list.pop_back();
  };
  switch (std::exchange(session.list_, Session::List::kNone)) {
    case Session::List::kDue:
      due_[session.place_] = nullptr;
      break;
    case Session::List::kLate:
      late_[session.place_ - late_from_] = nullptr;
      break;
    case Session::List::kIdle:
      take_out(session.lane_->idle);
      break;
    case Session::List::kPolled:
      take_out(polled_);
      break;
    case Session::List::kNone:
      break;
  }
}

}  // namespace flatline
