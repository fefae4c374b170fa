#include "control/delivery/publisher.h"

#include "control/delivery/frames.h"

#include <algorithm>
#include <utility>

namespace flatline {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
// While a census is being taken; its steps ring the bell besides.
constexpr Duration kPatientLook{20 * kMillisecond};

// For how long not everything has been heard: a worker that does not turn, a port without a link.
Duration DeafFor(const RegionView& region, Instant now) {
  std::int64_t heard = now.time_since_epoch().count();
  for (unsigned worker = 0; worker < region.shape().workers; ++worker) {
    const auto& drained = region.dataplane().progress[worker].drained_ns;
    heard = std::min(heard, drained.load(std::memory_order_acquire));
  }
  if (const auto since = region.header().deaf_since_ns.load(std::memory_order_acquire); since > 0) {
    heard = std::min(heard, since);
  }
  return now.time_since_epoch() - Duration{std::max<std::int64_t>(heard, 0)};
}

}  // namespace

Publisher::Publisher(const ReadableJournal& journal, const Trail& trail, PublisherOptions options)
    : readable_(&journal), trail_(&trail), options_(std::move(options)), journal_(journal) {}

void Publisher::Follow(WallInstant wall) {
  journal_.Refresh();
  is_behind_ = false;
  std::erase_if(streams_, [&](const std::weak_ptr<Stream>& weak) {
    const auto stream = weak.lock();
    if (stream) {
      stream->Follow(wall);
      is_behind_ = is_behind_ || stream->upto() != journal_.newest();
    }
    return !stream;
  });
}

std::shared_ptr<Stream> Publisher::StreamFor(const Filter& filter, std::uint32_t options) {
  const bool with_names = (options & kWantNames) != 0;
  const bool with_suspicion = (options & kWantSuspicion) != 0;
  for (const auto& weak : streams_) {
    if (auto stream = weak.lock(); stream && stream->has_names() == with_names &&
                                   stream->has_suspicion() == with_suspicion &&
                                   *stream->filter() == filter) {
      return stream;
    }
  }
  Stream::Additions additions;
  if (with_names) {
    additions.names = options_.roster;
  }
  if (with_suspicion) {
    additions.suspicion = [this] {
      return std::make_unique<const SuspicionFrames>(options_.region(), *trail_);
    };
  }
  auto out = std::make_shared<Stream>(
      journal_, std::make_shared<const Filter>(filter), std::move(additions));
  streams_.push_back(out);
  return out;
}

std::expected<Outgoing, Refusal> Publisher::Begin(Subscriber& subscriber,
                                                  const Request& request,
                                                  std::shared_ptr<SnapshotTicket> ticket,
                                                  Instant now,
                                                  WallInstant wall) {
  Follow(wall);
  const std::uint64_t newest = journal_.newest();
  const bool with_names = (request.header.options & kWantNames) != 0;
  subscriber.last_sent = now;
  subscriber.cursor = newest;
  subscriber.pace = {request.header.batch_bytes,
                     Duration{std::int64_t{request.header.batch_age_us} * 1000}};
  if (request.text.summary_ms != 0) {
    auto taker = CensusFor(request.filter);
    if (!taker) {
      return Refuse(DeliveryError::kTooManySubscribers, "too many filters of summaries");
    }
    subscriber.stage = Subscriber::Stage::kSummary;
    subscriber.summary = SummaryOrder{.taker = std::move(taker),
                                      .groups = request.groups,
                                      .with_names = with_names,
                                      .interval = Duration{request.text.summary_ms * kMillisecond},
                                      .due = now,
                                      .look_at = now};
  } else {
    subscriber.stream = StreamFor(Filter(request, options_.damps), request.header.options);
  }
  if (request.header.kind == RequestKind::kSubscribeFrom) {
    if (request.header.sequence > newest) {
      return Refuse(DeliveryError::kFutureSequence, "that sequence was never given out");
    }
    subscriber.cursor = request.header.sequence;
  } else if (ticket) {
    subscriber.stage = Subscriber::Stage::kAwaitsSnapshot;
    subscriber.ticket = std::move(ticket);
  }
  return Only(frames::Hello({.newest = newest,
                             .oldest = journal_.oldest(),
                             .begins_behind = subscriber.cursor,
                             .snapshot_first = subscriber.ticket != nullptr,
                             .hides_flapping = subscriber.stream != nullptr &&
                                               subscriber.stream->filter()->hides_flapping(),
                             .bookmark = options_.bookmark},
                            wall));
}

std::expected<Outgoing, Refusal> Publisher::Next(Subscriber& subscriber,
                                                 Instant now,
                                                 WallInstant wall) {
  Outgoing out;
  if (subscriber.stage == Subscriber::Stage::kFollows) {
    out = subscriber.stream->From(subscriber.cursor, wall);
  } else if (subscriber.stage == Subscriber::Stage::kSummary) {
    out = NextOfSummary(subscriber, now, wall);
  } else {
    auto rows = NextOfSnapshot(subscriber, wall);
    if (!rows) {
      return rows;
    }
    out = std::move(*rows);
  }
  if (out.bytes.empty() && now - subscriber.last_sent >= options_.bookmark) {
    out = Only(Bookmark(subscriber, now, wall));
  }
  if (!out.bytes.empty()) {
    subscriber.last_sent = now;
  }
  return out;
}

// With what a client must know that waits for a silence to grow.
DeliveryRecord Publisher::Bookmark(const Subscriber& subscriber,
                                   Instant now,
                                   WallInstant wall) const {
  if (!subscriber.stream || !subscriber.stream->has_suspicion()) {
    return frames::Bookmark(subscriber.cursor, wall);
  }
  const auto region = options_.region();
  return frames::Bookmark(
      subscriber.cursor, wall, region ? DeafFor(region->view, now).count() : std::int64_t{-1});
}

Outgoing Publisher::NextOfSummary(Subscriber& subscriber, Instant now, WallInstant wall) {
  // NOLINTNEXTLINE(bugprone-unchecked-optional-access): at this stage there is one
  SummaryOrder& order = *subscriber.summary;
  const bool is_behind = order.taker->Follow(now, wall);
  if (is_behind || !order.taker->is_ready()) {
    order.look_at = is_behind ? now : now + kPatientLook;
    return {};
  }
  if (now < order.due) {
    order.look_at = order.due;
    return {};
  }
  // On time again after a delay, and never twice for one.
  order.due = std::max(order.due + order.interval, now + order.interval / 2);
  order.look_at = order.due;
  return order.taker->Tell(order.groups, order.with_names, wall);
}

// Null: there are too many.
std::shared_ptr<CensusTaker> Publisher::CensusFor(
    const std::shared_ptr<const CompiledFilter>& filter) {
  std::erase_if(censuses_, [](const std::weak_ptr<CensusTaker>& weak) { return weak.expired(); });
  for (const std::weak_ptr<CensusTaker>& weak : censuses_) {
    if (auto there = weak.lock(); there && there->filter() == filter) {
      return there;
    }
  }
  if (censuses_.size() == kMostCensuses) {
    return nullptr;
  }
  CensusSources sources{
      .ask_for_snapshot = options_.ask_for_snapshot,
      .silent_changes = options_.silent_changes,
      .make_job =
          [this, everything = StreamFor(Filter(), 0)](auto ticket) {
            return std::make_shared<SnapshotJob>(
                std::move(ticket), *everything, *readable_, *trail_, options_.wake);
          },
      .run = options_.run,
      .roster = options_.roster};
  auto out = std::make_shared<CensusTaker>(journal_, std::move(sources), filter);
  censuses_.push_back(out);
  return out;
}

std::expected<Outgoing, Refusal> Publisher::NextOfSnapshot(Subscriber& subscriber,
                                                           WallInstant wall) {
  if (subscriber.stage == Subscriber::Stage::kAwaitsSnapshot) {
    const SnapshotTicket& ticket = *subscriber.ticket;
    if (ticket.is_cancelled()) {
      return Refuse(DeliveryError::kTooSlow, "the dataplane began anew; ask again");
    }
    if (!ticket.is_granted() || ticket.origin().sequence > journal_.newest()) {
      return Outgoing{};
    }
    subscriber.snapshot = std::make_shared<SnapshotJob>(
        subscriber.ticket, *subscriber.stream, *readable_, *trail_, options_.wake);
    subscriber.stage = Subscriber::Stage::kSnapshot;
    subscriber.cursor = subscriber.snapshot->sequence();
    subscriber.snapshot->Start(options_.run, wall);
    return Only(frames::SnapshotBegin(subscriber.cursor, wall));
  }
  SnapshotJob& job = *subscriber.snapshot;
  if (job.is_void()) {
    return Refuse(DeliveryError::kTooSlow, "the dataplane began anew; ask again");
  }
  if (journal_.oldest() > job.sequence() + 1) {
    return Refuse(DeliveryError::kTooSlow, "the journal moved past the snapshot");
  }
  if (!job.is_done()) {
    job.Start(options_.run, wall);
    return Outgoing{};
  }
  auto rows = std::make_shared<std::vector<DeliveryRecord>>();
  const Snapshot::Progress progress = job.Take(*rows);
  if (progress == Snapshot::Progress::kTooMuch) {
    return Refuse(DeliveryError::kTooSlow, "too much changed during the snapshot");
  }
  if (progress == Snapshot::Progress::kDone) {
    const DeliveryRecord end = frames::SnapshotEnd(job.sequence(), job.told(), wall);
    subscriber.stage = Subscriber::Stage::kFollows;
    subscriber.snapshot.reset();
    subscriber.ticket.reset();
    return Only(end);
  }
  if (progress == Snapshot::Progress::kRows) {
    job.Start(options_.run, wall);  // the next chunk, while this one is being sent
  }
  const auto bytes = std::as_bytes(std::span(*rows));
  return Outgoing{bytes, std::move(rows)};
}

}  // namespace flatline
