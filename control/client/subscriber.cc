#include <flatline/client.h>
#include <flatline/subscriber.h>
#include <flatline/summary.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>

static_assert(sizeof(FlatlineRecord) == sizeof(flatline::DeliveryRecord));
static_assert(offsetof(FlatlineRecord, group) == offsetof(flatline::DeliveryRecord, group));
static_assert(offsetof(FlatlineRecord, kind) == offsetof(flatline::DeliveryRecord, kind));
static_assert(offsetof(FlatlineRecord, generation) ==
              offsetof(flatline::DeliveryRecord, generation));

struct FlatlineSubscriber {
  explicit FlatlineSubscriber(flatline::Subscription subscription)
      : client(std::move(subscription)) {}

  flatline::Client client;
  std::string error;
};

namespace {

std::string TextOrNone(const char* text) {
  return text == nullptr ? std::string() : std::string(text);
}

flatline::Subscription SubscriptionOf(const FlatlineSubscription& from) {
  flatline::Subscription out;
  out.address = TextOrNone(from.address);
  out.start = from.start == 0 ? flatline::RequestKind::kSubscribeNow
                              : static_cast<flatline::RequestKind>(from.start);
  out.sequence = from.sequence;
  out.liveness_mask = from.liveness_mask == 0 ? std::uint8_t{0xFF} : from.liveness_mask;
  out.want_health = from.without_health == 0;
  out.resnapshot = from.resnapshot != 0;
  out.groups.assign(from.groups, from.groups + from.group_count);
  out.filter = TextOrNone(from.filter);
  out.token = TextOrNone(from.token);
  out.want_names = from.want_names != 0;
  out.summary_ms = from.summary_ms;
  out.want_flapping = from.want_flapping != 0;
  out.suspicion = from.suspicion;
  out.trust = {.ca = TextOrNone(from.ca),
               .server_name = TextOrNone(from.server_name),
               .certificate = TextOrNone(from.certificate),
               .key = TextOrNone(from.key)};
  return out;
}

// However long a caller is willing to wait: an hour, then he may ask again.
flatline::Duration Limit(int64_t timeout_ms) {
  constexpr int64_t kMost = 3'600'000;
  return flatline::Duration{std::clamp<int64_t>(timeout_ms, 0, kMost) * 1'000'000};
}

// What came of one way of polling, as a C caller wants it.
template <typename Poll>
int64_t Outcome(FlatlineSubscriber& subscriber, const Poll& poll) {
  try {
    const auto polled = poll();
    subscriber.error = polled ? "" : polled.error();
    return polled ? static_cast<int64_t>(*polled) : -1;
  } catch (const std::exception& thrown) {
    subscriber.error = thrown.what();
    return -1;
  }
}

}  // namespace

FlatlineSubscriber* FlatlineSubscribe(const FlatlineSubscription* subscription) {
  if (subscription == nullptr || subscription->address == nullptr) {
    return nullptr;
  }
  try {
    return std::make_unique<FlatlineSubscriber>(SubscriptionOf(*subscription)).release();
  } catch (const std::exception&) {
    return nullptr;
  }
}

void FlatlineUnsubscribe(FlatlineSubscriber* subscriber) {
  const std::unique_ptr<FlatlineSubscriber> gone(subscriber);
}

int64_t FlatlinePoll(FlatlineSubscriber* subscriber,
                     int64_t timeout_ms,
                     FlatlineOnRecords on_records,
                     void* context) {
  return Outcome(*subscriber, [&] {
    return subscriber->client.Poll(
        Limit(timeout_ms), [&](std::span<const flatline::DeliveryRecord> records) {
          // The same bytes: asserted above.
          on_records(
              reinterpret_cast<const FlatlineRecord*>(records.data()), records.size(), context);
        });
  });
}

int64_t FlatlinePollEach(FlatlineSubscriber* subscriber,
                         int64_t timeout_ms,
                         FlatlineOnRecord on_record,
                         void* context) {
  return Outcome(*subscriber, [&] {
    return subscriber->client.PollEach(
        Limit(timeout_ms), [&](const flatline::DeliveryRecord& record, std::string_view name) {
          // A zero stands behind it: NameReader.
          // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage)
          on_record(reinterpret_cast<const FlatlineRecord*>(&record), name.data(), context);
        });
  });
}

int FlatlineReadSummary(const FlatlineRecord* record, FlatlineSummary* out) {
  flatline::DeliveryRecord whole;
  std::memcpy(static_cast<void*>(&whole), record, sizeof(whole));
  if (whole.kind != flatline::RecordKind::kSummary) {
    return 0;
  }
  const flatline::SummaryCounts counts = flatline::ReadSummary(whole);
  *out = {.unknown = counts.of(flatline::Liveness::kUnknown),
          .alive = counts.of(flatline::Liveness::kAlive),
          .suspect = counts.of(flatline::Liveness::kSuspect),
          .dead = counts.of(flatline::Liveness::kDead),
          .left = counts.of(flatline::Liveness::kLeft),
          .degraded = counts.degraded,
          .failing = counts.failing,
          .is_sum = whole.to,
          .is_settled = (whole.reason & flatline::kSummaryUnsettled) == 0 ? 1 : 0};
  return 1;
}

const char* FlatlineError(const FlatlineSubscriber* subscriber) {
  return subscriber->error.c_str();
}

uint64_t FlatlineSequence(const FlatlineSubscriber* subscriber) {
  return subscriber->client.sequence();
}

int FlatlineDescriptor(const FlatlineSubscriber* subscriber) {
  return subscriber->client.descriptor();
}

int64_t FlatlinePauseMs(const FlatlineSubscriber* subscriber) {
  return std::chrono::ceil<std::chrono::milliseconds>(subscriber->client.pause()).count();
}
