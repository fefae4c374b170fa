#include "control/delivery/session.h"

#include "control/delivery/frames.h"
#include "control/delivery/outlet.h"
#include "control/service.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace flatline {
namespace {

constexpr std::size_t kAnswersAtOnce = 1024;
const Refusal cursor_is_taken{DeliveryError::kCursorTaken, "another connection goes on there"};

// What a summary cannot go by is refused, never passed over: those who are counted may be chosen by
// what they are, for how they fare is what is counted. `request.filter` is compiled.
std::string FaultInSummary(const Request& request) {
  constexpr unsigned kAll = (1U << kLivenessNames.size()) - 1;
  if (request.text.summary_ms == 0) {
    return "";
  }
  if (request.header.kind != RequestKind::kSubscribeNow || !request.text.cursor.empty()) {
    return "summary: from now on only, no cursor";
  }
  const bool takes_all = (request.header.liveness_mask & kAll) == kAll;
  if (!takes_all) {
    return "summary: of all, whatever their liveness";
  }
  const auto fact = request.filter ? request.filter->FactOfTheMoment() : std::string_view{};
  return fact.empty() ? "" : "summary: no filter by " + std::string(fact) + ":";
}

}  // namespace

Session::~Session() {
  LeavePlace();
}

Dismissals& Session::dismissals() noexcept {
  return outlet_->service().dismissals();
}

void Session::LeavePlace() {
  if (role_ == Role::kSubscriber) {
    outlet_->service().LeavePlace();
    role_ = Role::kRefused;
  }
}

void Session::Receive(std::span<const std::byte> bytes, Instant now, WallInstant wall) {
  if (role_ == Role::kRefused || pending_refusal_) {
    return;
  }
  if (role_ != Role::kNobody) {
    heard_ = now;  // nobody's patience is counted from the beginning
  }
  if (role_ == Role::kSubscriber) {
    said_ += bytes.size();
  }
  input_.insert(input_.end(), bytes.begin(), bytes.end());
  TakeRequests(now, wall);
  if (outgoing_.bytes.empty()) {
    outlet_->Unoccupied(*this);
  }
}

void Session::TakeRequests(Instant now, WallInstant wall) {
  while (!input_.empty() && !batch_ && role_ != Role::kRefused && !pending_refusal_) {
    if (role_ == Role::kSubscriber) {
      TakeAcknowledgements(wall);
      return;
    }
    auto parsed = ParseRequest(input_);
    if (!parsed) {
      Refuse(parsed.error());
      return;
    }
    if (!*parsed) {
      RefuseHeader();
      return;
    }
    const auto consumed = static_cast<std::ptrdiff_t>((*parsed)->bytes);
    Take(std::move(**parsed), now, wall);
    if (!input_.empty()) {
      input_.erase(input_.begin(), input_.begin() + consumed);
    }
  }
}

// What would be refused in any case does not have to be whole: nothing is kept for it. So what an
// administrator shows stands before his entries.
void Session::RefuseHeader() {
  DeliveryRequest header;
  if (input_.size() < sizeof(header)) {
    return;
  }
  std::memcpy(&header, input_.data(), sizeof(header));
  const bool has_text = input_.size() - sizeof(header) >= header.text_bytes;
  if (header.kind != RequestKind::kAdminister || origin_ == Origin::kLocal || !has_text) {
    return;
  }
  const auto* const text = reinterpret_cast<const char*>(input_.data() + sizeof(header));
  const auto parsed = ParseSubscriptionText({text, header.text_bytes});
  if (!parsed) {
    Refuse(parsed.error());
  } else if (const auto grant =
                 outlet_->service().gatekeeper().AdmitAdministrator(parsed->token, false);
             !grant) {
    Refuse(grant.error());
  }
}

// All that a subscriber may still say, and as much of it as has come: the last of it counts.
void Session::TakeAcknowledgements(WallInstant wall) {
  std::uint64_t furthest = 0;
  std::span<const std::byte> left(input_);
  while (!left.empty()) {
    DeliveryAcknowledgement said;
    const std::size_t part = std::min(left.size(), sizeof(said));
    std::memcpy(&said, left.data(), part);  // what is not there yet is as it should be
    if (said.magic != DeliveryAcknowledgement{}.magic || said.reserved != 0) {
      Refuse({DeliveryError::kBadRequest, "a subscriber can only acknowledge"});
      return;
    }
    if (part < sizeof(said)) {
      break;
    }
    furthest = std::max(furthest, said.sequence);
    left = left.subspan(part);
  }
  input_.erase(input_.begin(), input_.end() - static_cast<std::ptrdiff_t>(left.size()));
  if (furthest > subscriber_.cursor) {
    Refuse({DeliveryError::kFutureSequence, "acknowledged what it was not sent"});
    return;
  }
  // Nothing dealt with yet is a sign of life, and no more.
  if (cursor_ && furthest != 0 && !outlet_->service().cursors()->Move(*cursor_, furthest, wall)) {
    Refuse(cursor_is_taken);
  }
}

// The subscription as it is to be, where a cursor of it stands somewhere already.
std::expected<Request, Refusal> Session::TakeCursor(const Request& request, WallInstant wall) {
  Request out = request;
  Cursors* const cursors = outlet_->service().cursors();
  if (request.text.cursor.empty()) {
    return out;
  }
  if (cursors == nullptr) {
    return flatline::Refuse(DeliveryError::kBadRequest, "cursor: none are kept here");
  }
  auto hold = cursors->Take(request.text.cursor, wall);
  if (!hold) {
    return std::unexpected(std::move(hold.error()));
  }
  cursor_ = *hold;
  if (!hold->sequence) {
    return out;
  }
  // Who wants a snapshot has it where nothing newer than what he knows can be gone on from.
  DeliveryRequest& header = out.header;
  const bool is_snapshot = header.kind == RequestKind::kSubscribeSnapshot;
  // NOLINTNEXTLINE(bugprone-unchecked-optional-access): looked at above
  const std::uint64_t held = *hold->sequence;
  const bool reaches_back = held + 1 >= outlet_->publisher().journal().oldest();
  if (!is_snapshot || (reaches_back && held > header.sequence)) {
    // He may have dealt with more than he acknowledged.
    header.sequence = std::max(held, is_snapshot ? 0 : header.sequence);
    header.kind = RequestKind::kSubscribeFrom;
  }
  return out;
}

bool Session::HasLostCursor() const {
  return cursor_ && role_ == Role::kSubscriber && !outlet_->service().cursors()->IsHeld(*cursor_);
}

void Session::Take(Request request, Instant now, WallInstant wall) {
  if (request.header.kind == RequestKind::kAdminister) {
    Administer(std::move(request));
    return;
  }
  if (role_ == Role::kAdministrator) {
    Refuse({DeliveryError::kBadRequest, "subscribe on a connection of its own"});
    return;
  }
  auto grant = outlet_->service().gatekeeper().Admit(request, origin_ == Origin::kLocal);
  if (!grant) {
    Refuse(grant.error());
    return;
  }
  grant_ = std::move(*grant);
  if (!request.text.filter.empty()) {
    auto filter = outlet_->service().filters().Intern(request.text.filter);
    if (!filter) {
      Refuse({DeliveryError::kBadFilter, filter.error().Text().substr(0, kErrorTextSize)});
      return;
    }
    request.filter = std::move(*filter);
  }
  if (const std::string fault = FaultInSummary(request); !fault.empty()) {
    Refuse({DeliveryError::kBadRequest, fault});
    return;
  }
  Subscribe(request, now, wall);
}

void Session::Administer(Request request) {
  Administration& administration = outlet_->service().administration();
  auto grant = outlet_->service().gatekeeper().AdmitAdministrator(request.text.token,
                                                                  origin_ == Origin::kLocal);
  if (!grant) {
    Refuse(grant.error());
  } else if (!administration.attached()) {
    Refuse({DeliveryError::kNoDataplane, "there is no region: start the dataplane"});
  } else {
    grant_ = std::move(*grant);
    role_ = Role::kAdministrator;
    batch_ = administration.Submit(std::move(request.entries),
                                   {request.text.maintain_s, std::move(request.text.reason)});
  }
}

bool Session::KeepsGrant() {
  Gatekeeper& gatekeeper = outlet_->service().gatekeeper();
  const bool is_of_now = !grant_.token || grant_.edition == gatekeeper.edition();
  if (is_of_now || role_ == Role::kRefused || pending_refusal_) {
    return true;
  }
  auto renewed = gatekeeper.Renew(grant_);
  if (!renewed) {
    Refuse(renewed.error());
    return false;
  }
  grant_ = std::move(*renewed);
  return true;
}

void Session::Subscribe(const Request& asked, Instant now, WallInstant wall) {
  Service& service = outlet_->service();
  if (const auto place = service.TakePlace(origin_ == Origin::kLocal); !place) {
    Refuse(place.error());
    return;
  }
  role_ = Role::kSubscriber;
  const auto placed = TakeCursor(asked, wall);
  if (!placed) {
    Refuse(placed.error());
    return;
  }
  const Request& request = *placed;
  std::shared_ptr<SnapshotTicket> ticket;
  if (request.header.kind == RequestKind::kSubscribeSnapshot) {
    auto granted = service.snapshots().Ask();
    if (!granted) {
      Refuse(granted.error());
      return;
    }
    ticket = std::move(*granted);
  }
  const bool begins_here = ticket == nullptr;
  auto begun = outlet_->publisher().Begin(subscriber_, request, std::move(ticket), now, wall);
  if (!begun) {
    Refuse(begun.error());
    return;
  }
  if (cursor_ && begins_here) {
    // A new cursor stands where its subscriber began, though nothing be ever acknowledged.
    service.cursors()->Move(*cursor_, subscriber_.cursor, wall);
  }
  acknowledges_ = (request.header.options & kAcknowledges) != 0;
  outgoing_ = std::move(*begun);
  progress_ = now;
  heard_ = now;
}

void Session::Refuse(const Refusal& refusal) {
  input_.clear();
  batch_.reset();
  if (!outgoing_.bytes.empty()) {
    pending_refusal_ = refusal;  // what is being sent stays where it is until it has gone
    return;
  }
  dismissals().CountRefused(refusal.error);
  outgoing_ = Only(frames::Error(refusal));
  progress_ = std::max(progress_, outlet_->now());
  LeavePlace();
  outlet_->Unlist(*this);
  outlet_->LeaveLane(*this);
  pending_refusal_.reset();
  subscriber_ = {};
  role_ = Role::kRefused;
}

void Session::Prepare(Instant now, WallInstant wall) {
  if (!outgoing_.bytes.empty()) {
    return;
  }
  if (pending_refusal_) {
    Refuse(Refusal(*pending_refusal_));
  } else if (HasLostCursor()) {
    Refuse(cursor_is_taken);
  } else if (role_ == Role::kSubscriber) {
    auto next = outlet_->publisher().Next(subscriber_, now, wall);
    if (next) {
      outgoing_ = std::move(*next);
      progress_ = now;
      prepared_ = now;
    } else {
      Refuse(next.error());
    }
  } else if (role_ == Role::kAdministrator) {
    PrepareAnswers();
    TakeRequests(now, wall);
  } else if (role_ == Role::kNobody && now - heard_ > kMostPatience) {
    Refuse({DeliveryError::kTooSlow, "no request within 10 seconds"});
  }
}

void Session::PrepareAnswers() {
  if (!batch_) {
    return;
  }
  answers_.clear();
  batch_->TakeAnswers(answers_, kAnswersAtOnce);
  outgoing_ = {std::as_bytes(std::span(answers_)), nullptr};
  if (batch_->finished()) {
    batch_.reset();
  }
}

void Session::Sent(std::size_t bytes, Instant now) {
  progress_ = now;
  outgoing_.bytes = outgoing_.bytes.subspan(std::min(bytes, outgoing_.bytes.size()));
  if (outgoing_.bytes.empty()) {
    outgoing_ = {};
    outlet_->Unoccupied(*this);
  }
}

bool Session::IsStuck(Instant now) const noexcept {
  if (outgoing_.segment != nullptr && outgoing_.segment->removed()) {
    return true;
  }
  if (!outgoing_.bytes.empty() && now - progress_ > kMostPatience) {
    const bool is_sent_away = pending_refusal_ || role_ == Role::kRefused;
    const bool was_passed_by =
        follows() && outlet_->publisher().journal().oldest() > subscriber_.cursor + 1;
    if (is_sent_away || was_passed_by || subscriber_.snapshot) {
      return true;
    }
  }
  // Who drips holds a place that others wait for.
  if (subscriber_.snapshot && now - prepared_ > kMostPatience && !outgoing_.bytes.empty() &&
      outlet_->service().snapshots().is_contested()) {
    return true;
  }
  return role_ == Role::kSubscriber && acknowledges_ && now - heard_ > kMostSilence;
}

}  // namespace flatline
