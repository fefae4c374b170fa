#include "control/client/stream_position.h"

#include "control/delivery/subscription_text.h"

#include <flatline/suspicion_record.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace flatline {
namespace {

constexpr std::array<std::string_view, 13> kErrorNames{"unknown error",
                                                       "bad request",
                                                       "future sequence",
                                                       "too many groups",
                                                       "too many subscribers",
                                                       "too slow",
                                                       "not permitted",
                                                       "no dataplane",
                                                       "cursor taken",
                                                       "too many cursors",
                                                       "bad filter",
                                                       "bad token",
                                                       "wrong transport"};

std::uint32_t BatchAge(Duration age) {
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(age.count() / 1000, 0, kMostBatchAgeUs));
}

}  // namespace

std::string TextOf(const Subscription& subscription) {
  return PrintSubscriptionText({.filter = subscription.filter,
                                .cursor = subscription.cursor,
                                .token = subscription.token,
                                .summary_ms = subscription.summary_ms});
}

StreamPosition::StreamPosition(const Subscription& subscription)
    : next_request_(subscription.summary_ms == 0 ? subscription.start : RequestKind::kSubscribeNow),
      // Every liveness has a bit in the low five.
      wants_everything_((subscription.liveness_mask & 0x1FU) == 0x1FU && subscription.want_health &&
                        subscription.groups.empty() && subscription.filter.empty() &&
                        subscription.token.empty() &&  // it may leave groups out

                        subscription.summary_ms == 0),
      resnapshot_(subscription.resnapshot),
      has_cursor_(!subscription.cursor.empty()),
      is_summary_(subscription.summary_ms != 0),
      liveness_mask_(subscription.liveness_mask),
      want_health_(subscription.want_health),
      groups_(static_cast<std::uint32_t>(subscription.groups.size())),
      text_bytes_(static_cast<std::uint32_t>(TextOf(subscription).size())),
      options_((subscription.want_names ? kWantNames : 0) |
               (subscription.want_flapping ? kWantFlapping : 0) |
               (subscription.suspicion > 0 && !is_summary_ ? kWantSuspicion : 0) |
               (subscription.cursor.empty() ? 0 : kAcknowledges)),
      batch_bytes_(std::min(subscription.batch_bytes, kMostBatchBytes)),
      batch_age_us_(BatchAge(subscription.batch_age)),
      sequence_(subscription.start == RequestKind::kSubscribeFrom ? subscription.sequence : 0) {}

DeliveryRequest StreamPosition::Connect() {
  stage_ = Stage::kGreeting;
  name_length_ = 0;
  is_suspected_ = false;
  DeliveryRequest out;
  out.kind = next_request_;
  out.liveness_mask = liveness_mask_;
  out.want_health = want_health_ ? 1 : 0;
  out.count = groups_;
  out.sequence = next_request_ == RequestKind::kSubscribeFrom || has_cursor_ ? sequence_ : 0;
  out.text_bytes = text_bytes_;
  out.options = options_;
  out.batch_bytes = batch_bytes_;
  out.batch_age_us = batch_age_us_;
  return out;
}

StreamPosition::Verdict StreamPosition::Take(const DeliveryRecord& record) {
  if (record.kind == RecordKind::kError) {
    return TakeError(record);
  }
  if (record.kind == RecordKind::kName) {
    return TakeName(record);
  }
  if (AnnouncesSuspicion(record)) {
    return TakeSuspicion(record);
  }
  if (!IsPrecededRightly(record)) {
    return Verdict::kBroken;
  }
  switch (stage_) {
    case Stage::kGreeting:
      return TakeGreeting(record);
    case Stage::kAwaitsSnapshot:
    case Stage::kSnapshot:
      return TakeSnapshot(record);
    case Stage::kFollows:
      break;
  }
  return TakeTail(record);
}

// Its record moves the position.
StreamPosition::Verdict StreamPosition::TakeName(const DeliveryRecord& part) {
  const bool is_asked_for = (options_ & kWantNames) != 0 &&
                            (stage_ == Stage::kFollows || stage_ == Stage::kSnapshot) &&
                            part.to <= kMostNameParts && part.from <= part.to &&
                            (!is_suspected_ || part.sequence == suspicion_sequence_);
  const bool is_next = name_length_ == 0 ? part.from == 1
                                         : part.from == name_parts_ + 1 &&
                                               part.to == name_length_ && part.sequence == named_;
  if (!is_asked_for || !is_next) {
    return Verdict::kBroken;
  }
  named_ = part.sequence;
  name_parts_ = part.from;
  name_length_ = part.to;
  return Verdict::kHandOut;
}

// Before the name of the same record, if it has one.
StreamPosition::Verdict StreamPosition::TakeSuspicion(const DeliveryRecord& suspicion) {
  const bool is_asked_for =
      (options_ & kWantSuspicion) != 0 && (stage_ == Stage::kFollows || stage_ == Stage::kSnapshot);
  if (!is_asked_for || is_suspected_ || name_length_ != 0) {
    return Verdict::kBroken;
  }
  is_suspected_ = true;
  suspected_ = suspicion.endpoint;
  suspicion_sequence_ = suspicion.sequence;
  return Verdict::kHandOut;
}

// What was named and suspected is what comes next, and the name was whole.
bool StreamPosition::IsPrecededRightly(const DeliveryRecord& record) {
  const bool is_named = name_length_ != 0;
  const bool is_named_rightly =
      !is_named || (name_parts_ == name_length_ && record.sequence == named_);
  const bool is_suspect =
      (record.kind == RecordKind::kLiveness || record.kind == RecordKind::kSnapshotRow) &&
      record.to == static_cast<std::uint8_t>(Liveness::kSuspect);
  const bool is_suspected_rightly =
      !is_suspected_ ||
      (is_suspect && record.sequence == suspicion_sequence_ && record.endpoint == suspected_);
  name_length_ = 0;
  is_suspected_ = false;
  return is_named_rightly && is_suspected_rightly;
}

StreamPosition::Verdict StreamPosition::TakeGreeting(const DeliveryRecord& record) {
  if (record.kind != RecordKind::kHello) {
    return Verdict::kBroken;
  }
  takes_everything_ = wants_everything_ && (record.marks & kMarkFlapping) == 0;
  newest_ = record.sequence;
  if (record.incarnation != 0) {
    bookmark_ = Duration{std::int64_t{record.incarnation} * 1'000'000};
  }
  patience_ = std::max(kLeastPatience, Duration{std::int64_t{record.incarnation} * 5'000'000});
  if (next_request_ == RequestKind::kSubscribeSnapshot && (record.to == 1 || !has_cursor_)) {
    stage_ = Stage::kAwaitsSnapshot;
    return Verdict::kKeep;
  }
  stage_ = Stage::kFollows;
  if (has_cursor_ || next_request_ == RequestKind::kSubscribeNow) {
    // "Now" was this instant, and a cursor stands where it stands: a later connection goes on from
    // here.
    sequence_ = has_cursor_ ? std::max(sequence_, record.endpoint) : record.sequence;
    next_request_ = is_summary_ ? RequestKind::kSubscribeNow : RequestKind::kSubscribeFrom;
  }
  return Verdict::kKeep;
}

StreamPosition::Verdict StreamPosition::TakeSnapshot(const DeliveryRecord& record) {
  if (record.kind == RecordKind::kBookmark) {
    return Verdict::kKeep;
  }
  if (stage_ == Stage::kAwaitsSnapshot && record.kind == RecordKind::kSnapshotBegin) {
    stage_ = Stage::kSnapshot;
    snapshot_sequence_ = record.sequence;
    rows_ = 0;
    return Verdict::kHandOut;
  }
  const bool is_lease = record.kind == RecordKind::kLease && record.sequence == snapshot_sequence_;
  if (stage_ == Stage::kSnapshot && (record.kind == RecordKind::kSnapshotRow || is_lease)) {
    ++rows_;
    return Verdict::kHandOut;
  }
  if (stage_ == Stage::kSnapshot && record.kind == RecordKind::kSnapshotEnd &&
      record.sequence == snapshot_sequence_ &&
      static_cast<std::uint64_t>(record.silence_ns) == rows_) {
    stage_ = Stage::kFollows;
    sequence_ = snapshot_sequence_;
    next_request_ = RequestKind::kSubscribeFrom;
    return Verdict::kHandOut;
  }
  return Verdict::kBroken;
}

StreamPosition::Verdict StreamPosition::TakeTail(const DeliveryRecord& record) {
  switch (record.kind) {
    case RecordKind::kLiveness:
    case RecordKind::kHealth:
    case RecordKind::kBlind:
    case RecordKind::kReset:
    case RecordKind::kGroup:
    case RecordKind::kFlapping:
    case RecordKind::kMaintenance:
    case RecordKind::kLease:
      if (record.sequence <= sequence_ || (takes_everything_ && record.sequence != sequence_ + 1)) {
        return Verdict::kBroken;
      }
      sequence_ = record.sequence;
      return Verdict::kHandOut;
    case RecordKind::kSuspicion:
      return TakeSuspicionOver(record);
    case RecordKind::kSummary:
      return is_summary_ ? Verdict::kHandOut : Verdict::kBroken;
    case RecordKind::kBookmark:
      // Who takes everything has been sent everything before it.
      if (record.sequence < sequence_ || (takes_everything_ && record.sequence != sequence_)) {
        return Verdict::kBroken;
      }
      sequence_ = record.sequence;
      return Verdict::kKeep;
    case RecordKind::kGap:
      if (record.sequence <= sequence_) {
        return Verdict::kBroken;
      }
      sequence_ = record.sequence;
      if (resnapshot_) {
        next_request_ = RequestKind::kSubscribeSnapshot;
        return Verdict::kHandOutEnd;
      }
      return Verdict::kHandOut;
    default:
      return Verdict::kBroken;
  }
}

// In the place of a record that is left out.
StreamPosition::Verdict StreamPosition::TakeSuspicionOver(const DeliveryRecord& record) {
  if ((options_ & kWantSuspicion) == 0 || record.sequence <= sequence_ || takes_everything_) {
    return Verdict::kBroken;
  }
  sequence_ = record.sequence;
  return Verdict::kHandOut;
}

StreamPosition::Verdict StreamPosition::TakeError(const DeliveryRecord& record) {
  switch (static_cast<DeliveryError>(record.reason)) {
    case DeliveryError::kTooManySubscribers:
    case DeliveryError::kTooSlow:
    case DeliveryError::kCursorTaken:
    case DeliveryError::kNoDataplane:
      return Verdict::kRefused;
    case DeliveryError::kFutureSequence:
      if (resnapshot_) {
        next_request_ = RequestKind::kSubscribeSnapshot;
        return Verdict::kRefused;
      }
      return Verdict::kHopeless;
    default:
      return Verdict::kHopeless;
  }
}

std::string DescribeError(const DeliveryRecord& record) {
  std::array<char, kErrorTextSize> text{};
  std::memcpy(
      text.data(), reinterpret_cast<const char*>(&record) + kErrorTextOffset, kErrorTextSize);
  const std::string_view whole(text.data(), text.size());
  const std::string_view told = whole.substr(0, whole.find('\0'));
  const std::size_t name = record.reason < kErrorNames.size() ? record.reason : 0;
  return std::string(kErrorNames[name]) + (told.empty() ? "" : ": " + std::string(told));
}

}  // namespace flatline
