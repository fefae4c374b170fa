// Any records on a subscriber's connection, one that breaks now and then: what is handed out is in
// order and never twice, a snapshot is whole before it moves the position, and a new connection
// asks for what comes behind what was handed out. Where the subscriber has a threshold of its own,
// what is held back is neither lost nor told twice, and nothing behind it is accounted for. The
// first byte says what was subscribed to; each record has a byte before it, 0 for a connection that
// breaks there, even where its callback throws.
#include "control/client/held_suspicions.h"
#include "control/client/stream_position.h"
#include "tests/fuzz/fuzz_input.h"

#include <flatline/check.h>
#include <flatline/client.h>
#include <flatline/delivery.h>
#include <flatline/names.h>
#include <flatline/suspicion_record.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace flatline {
namespace {

using Verdict = StreamPosition::Verdict;

Subscription SubscriptionOf(std::uint8_t bits) {
  Subscription out;
  out.start = static_cast<RequestKind>(1 + bits % 3);
  out.sequence = out.start == RequestKind::kSubscribeFrom ? 5 : 0;
  out.resnapshot = (bits & 4) != 0;
  out.want_names = (bits & 8) != 0;
  out.cursor = (bits & 16) != 0 ? "fuzz" : "";
  out.want_health = (bits & 32) == 0;
  out.summary_ms = (bits & 192) == 192 ? 1000 : 0;
  out.suspicion = (bits & 192) == 64 ? 12 : 0;
  return out;
}

bool IsOfJournal(RecordKind kind) {
  return kind == RecordKind::kLiveness || kind == RecordKind::kHealth ||
         kind == RecordKind::kBlind || kind == RecordKind::kReset || kind == RecordKind::kGap;
}

// One subscriber and all its connections.
class Subscriber {
 public:
  explicit Subscriber(const Subscription& subscription) : position_(subscription) {
    if (subscription.suspicion > 0) {
      held_.emplace(subscription.suspicion);
    }
    Connect();
  }

  void Connect() {
    const DeliveryRequest request = position_.Connect();
    FLATLINE_CHECK(!position_.greeted());
    FLATLINE_CHECK(request.kind != RequestKind::kSubscribeFrom ||
                   request.sequence == position_.sequence());
    is_open_ = true;
    run_.clear();
  }

  // Nothing more comes on this connection.
  void Break() {
    if (held_ && position_.is_amid_snapshot()) {
      held_->Forget();
      FLATLINE_CHECK(held_->size() == 0);
    }
  }

  void Take(const DeliveryRecord& record, bool throws) {
    if (!is_open_) {
      Connect();
    }
    const std::uint64_t before = position_.sequence();
    const bool was_greeted = position_.greeted();
    StreamPosition after = position_;
    const Verdict verdict = after.Take(record);
    if (verdict == Verdict::kBroken || verdict == Verdict::kRefused ||
        verdict == Verdict::kHopeless) {
      FLATLINE_CHECK(verdict == Verdict::kBroken || record.kind == RecordKind::kError);
      FLATLINE_CHECK(after.sequence() == before || verdict == Verdict::kBroken);
      FLATLINE_CHECK(!DescribeError(record).empty());
      is_open_ = false;
      Break();
      return;
    }
    position_ = after;
    is_open_ = verdict != Verdict::kHandOutEnd;
    FLATLINE_CHECK(was_greeted || (record.kind == RecordKind::kHello && verdict == Verdict::kKeep));
    if (verdict != Verdict::kKeep) {
      HandOut(record, before);
      Sift(record, before, throws);
    } else if (held_) {
      record.kind == RecordKind::kHello ? held_->Greet(record, Instant{Duration{++now_ns_}})
                                        : held_->Hear(record, Instant{Duration{++now_ns_}});
    }
    FLATLINE_CHECK(position_.AcknowledgeableSequence() == 0 ||
                   position_.AcknowledgeableSequence() == position_.sequence());
    FLATLINE_CHECK(position_.patience() > Duration{});
  }

 private:
  void HandOut(const DeliveryRecord& record, std::uint64_t before) {
    if (IsOfJournal(record.kind)) {
      FLATLINE_CHECK(record.sequence > before);
      FLATLINE_CHECK(position_.sequence() == record.sequence);
    }
    if (names_.Take(record)) {
      FLATLINE_CHECK(names_.name().size() <= kMostNameParts * kNamePartSize);
    }
  }

  void Sift(const DeliveryRecord& record, std::uint64_t before, bool throws) {
    run_.push_back(record);
    if (!held_ || record.kind == RecordKind::kName || AnnouncesSuspicion(record)) {
      return;
    }
    const Instant now{Duration{++now_ns_}};
    const std::size_t held = held_->size();
    const std::size_t told = held_->Sift(run_, before, now).size();
    if (throws) {
      held_->Undo();
      FLATLINE_CHECK(held_->size() == held);
      FLATLINE_CHECK(held_->Sift(run_, before, now).size() == told);
    }
    held_->Commit();
    FLATLINE_CHECK(held_->Accountable(position_.sequence()) <= position_.sequence());
    FLATLINE_CHECK(told + held_->size() <= held + run_.size() + held * kMostNameParts);
    run_.clear();
    const auto due = held_->Due(now);
    FLATLINE_CHECK(std::ranges::all_of(due, [](const DeliveryRecord& one) {
      return one.kind == RecordKind::kName || one.kind == RecordKind::kLiveness;
    }));
    held_->Commit();
  }

  StreamPosition position_;
  std::optional<HeldSuspicions> held_;
  std::vector<DeliveryRecord> run_;  // of one record, and what stands before it
  std::int64_t now_ns_ = 0;
  NameReader names_;
  bool is_open_ = false;
};

}  // namespace
}  // namespace flatline

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace flatline;  // NOLINT(google-build-using-namespace): the C entry point is outside
  FuzzInput input(data, size);
  Subscriber subscriber(SubscriptionOf(input.Take<std::uint8_t>()));
  while (!input.empty()) {
    const auto way = input.Take<std::uint8_t>();
    if (way == 0) {
      subscriber.Break();
      subscriber.Connect();
    } else {
      subscriber.Take(input.Take<DeliveryRecord>(), way == 2);
    }
  }
  return 0;
}
