#include "control/session.h"

#include "control/frames.h"
#include "control/service.h"

#include <algorithm>
#include <string>
#include <utility>

namespace flatline {
namespace {

constexpr std::size_t kAnswersAtOnce = 1024;

// What a request may say and this release does not do yet is refused, never passed over.
const char* UnservedKey(const Request& request) {
  const SubscriptionText& text = request.text;
  if (!text.filter.empty()) {
    return "filter";
  }
  if (!text.cursor.empty()) {
    return "cursor";
  }
  if (!text.token.empty()) {
    return "token";
  }
  if (text.summary_ms != 0) {
    return "summary";
  }
  return (request.header.options & kWantNames) != 0 ? "names" : nullptr;
}

}  // namespace

Session::~Session() {
  if (role_ == Role::kSubscriber) {
    service_->Forget();
  }
}

void Session::Receive(std::span<const std::byte> bytes, Instant now, WallInstant wall) {
  if (role_ == Role::kRefused || pending_refusal_) {
    return;
  }
  input_.insert(input_.end(), bytes.begin(), bytes.end());
  TakeRequests(now, wall);
}

void Session::TakeRequests(Instant now, WallInstant wall) {
  while (!input_.empty() && !batch_ && role_ != Role::kRefused && !pending_refusal_) {
    if (role_ == Role::kSubscriber) {
      Refuse({DeliveryError::kBadRequest, "a subscriber has nothing more to say"});
      return;
    }
    auto parsed = ParseRequest(input_);
    if (!parsed) {
      Refuse(parsed.error());
      return;
    }
    if (!*parsed) {
      return;
    }
    const auto consumed = static_cast<std::ptrdiff_t>((*parsed)->bytes);
    Take(std::move(**parsed), now, wall);
    if (!input_.empty()) {
      input_.erase(input_.begin(), input_.begin() + consumed);
    }
  }
}

void Session::Take(Request request, Instant now, WallInstant wall) {
  if (request.header.kind == RequestKind::kAdminister) {
    if (origin_ != Origin::kLocal) {
      Refuse({DeliveryError::kNotPermitted, "administration is for the Unix socket"});
    } else if (!service_->administration().attached()) {
      Refuse({DeliveryError::kNoDataplane, "there is no region: start the dataplane"});
    } else {
      role_ = Role::kAdministrator;
      batch_ = service_->administration().Submit(std::move(request.entries));
    }
    return;
  }
  if (role_ == Role::kAdministrator) {
    Refuse({DeliveryError::kBadRequest, "subscribe on a connection of its own"});
    return;
  }
  if (const auto permitted = service_->Permits(request); !permitted) {
    Refuse(permitted.error());
    return;
  }
  if (const auto* const key = UnservedKey(request)) {
    Refuse({DeliveryError::kBadRequest, std::string(key) + ": not served by this release"});
    return;
  }
  auto begun = service_->publisher().Begin(subscriber_, request, now, wall);
  if (!begun) {
    Refuse(begun.error());
    return;
  }
  service_->Remember();
  role_ = Role::kSubscriber;
  outgoing_ = std::move(*begun);
  progress_ = now;
}

void Session::Refuse(const Refusal& refusal) {
  input_.clear();
  batch_.reset();
  if (!outgoing_.bytes.empty()) {
    pending_refusal_ = refusal;  // what is being sent stays where it is until it has gone
    return;
  }
  if (role_ == Role::kSubscriber) {
    service_->Forget();
  }
  pending_refusal_.reset();
  subscriber_ = {};
  role_ = Role::kRefused;
  refusal_ = frames::Error(refusal);
  outgoing_ = {std::as_bytes(std::span{&refusal_, 1}), nullptr, false};
}

void Session::Prepare(Instant now, WallInstant wall) {
  if (!outgoing_.bytes.empty()) {
    return;
  }
  if (pending_refusal_) {
    Refuse(Refusal(*pending_refusal_));
  } else if (role_ == Role::kSubscriber) {
    auto next = service_->publisher().Next(subscriber_, service_->reader(), now, wall);
    if (next) {
      outgoing_ = std::move(*next);
      progress_ = now;
    } else {
      Refuse(next.error());
    }
  } else if (role_ == Role::kAdministrator) {
    PrepareAnswers();
    TakeRequests(now, wall);
  } else if (role_ == Role::kNobody && now - opened_ > kMostPatience) {
    Refuse({DeliveryError::kTooSlow, "no request within 10 seconds"});
  }
}

void Session::PrepareAnswers() {
  if (!batch_) {
    return;
  }
  answers_.clear();
  batch_->TakeAnswers(answers_, kAnswersAtOnce);
  outgoing_ = {std::as_bytes(std::span(answers_)), nullptr, false};
  if (batch_->finished()) {
    batch_.reset();
  }
}

void Session::Sent(std::size_t bytes, Instant now) noexcept {
  progress_ = now;
  outgoing_.bytes = outgoing_.bytes.subspan(std::min(bytes, outgoing_.bytes.size()));
  if (outgoing_.bytes.empty()) {
    outgoing_ = {};
  }
}

void Session::AbandonSnapshot() {
  if (role_ != Role::kSubscriber || subscriber_.stage == Subscriber::Stage::kFollows) {
    return;
  }
  // Rows being sent are in the snapshot's own memory, so it stays until they have gone.
  Refuse({DeliveryError::kTooSlow, "the dataplane began anew; ask again"});
}

}  // namespace flatline
