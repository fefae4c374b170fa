#include "dataplane/worker.h"

#include <algorithm>
#include <atomic>
#include <span>
#include <utility>

namespace flatline {

Worker::Worker(const WorkerWiring& wiring)
    : region_(wiring.region),
      number_(wiring.number),
      group_guards_(wiring.group_guards),
      blind_until_ns_(wiring.blind_until_ns),
      stall_(wiring.stall),
      tag_(wiring.authenticator != nullptr ? wiring.authenticator->tag_size() : TagSize::kNone),
      progress_(&region_.dataplane().progress[number_]),
      ring_(region_.dataplane().transition_heads[number_],
            region_.control().transition_tails[number_],
            region_.transitions(number_)),
      shard_(wiring.shard),
      incoming_(wiring.incoming),
      incoming_payloads_(wiring.incoming_payloads),
      reporter_(*wiring.reports),
      leases_(wiring.leases == nullptr ? nullptr
                                       : std::make_unique<LeaseDesk>(LeaseDeskWiring{
                                             .region = region_,
                                             .worker = number_,
                                             .own = wiring.leases,
                                             .outgoing = wiring.outgoing_leases,
                                             .incoming = wiring.incoming_leases,
                                             .ring = &ring_,
                                             .tally = &tally_,
                                             .authenticator = wiring.authenticator})),
      ingest_({.worker = number_,
               .index = wiring.index,
               .own = shard_,
               .handoffs = wiring.outgoing,
               .payloads = wiring.outgoing_payloads,
               .ring = &ring_,
               .tally = &tally_,
               .authenticator = wiring.authenticator,
               .neighbours = wiring.neighbours,
               .probe_key = wiring.probe_key,
               .leases = leases_.get()}),
      housekeeping_(region_, number_, wiring.group_guards),
      moment_{.now = wiring.began, .hearing = wiring.hearing, .horizon = wiring.hearing},
      blind_total_(wiring.began.time_since_epoch() - wiring.hearing.time_since_epoch()) {
  tally_.Resume(region_.dataplane().counters[number_]);
  if (wiring.neighbours != nullptr) {
    prober_ = std::make_unique<Prober>(ProberWiring{.shard = shard_,
                                                    .neighbours = wiring.neighbours,
                                                    .authenticator = wiring.authenticator,
                                                    .key = wiring.probe_key,
                                                    .probes_per_second = wiring.probes_per_second},
                                       wiring.hearing);
  }
  const std::int64_t began = wiring.began.time_since_epoch().count();
  progress_->turn_ns.store(began, std::memory_order_relaxed);
  progress_->drained_ns.store(began, std::memory_order_relaxed);
  progress_->published_ns.store(began, std::memory_order_release);
}

void Worker::Lead(std::vector<BlindReports*> reports, PortWatch& ports, const HearingClock& clock) {
  leader_ = std::make_unique<Leader>(region_,
                                     LeaderWiring{.reports = std::move(reports),
                                                  .ports = &ports,
                                                  .ring = &ring_,
                                                  .group_guards = group_guards_,
                                                  .blind_until_ns = blind_until_ns_},
                                     clock);
}

void Worker::Receive() noexcept {
  drained_ = true;
  for (Queue& queue : queues_) {
    queue.frames = queue.attachment.source->Receive();
    drained_ = drained_ && queue.frames.size() < kBurst;
  }
}

TurnOutcome Worker::Turn(Instant now) noexcept {
  const Instant before = moment_.now;
  BeginTurn(now);
  const std::uint32_t frames = Stamp();
  SendReplies();
  PublishDrained(before);
  if (leader_ != nullptr) {
    leader_->Turn(now, tally_);
  }
  ReadHorizon();
  ReadGuard();
  TakeHandoffs();
  TakePayloads();
  bool due = shard_->Expire(moment_, kExpirePerTurn, ring_, tally_);
  if (prober_ != nullptr) {
    due = prober_->Turn(moment_, ring_, tally_) || due;
  }
  if (leases_ != nullptr) {
    due = leases_->Turn(moment_) || due;
  }
  PublishProgress();
  bool commands = false;
  if (housekeeping_.IsDue(now)) {
    commands = KeepHouse();
  }
  // After all that changes them: the leader knows each worker as its turn left it.
  shard_->CountInto(*progress_, moment_.horizon, now);
  tally_.Add(Counter::kIdleTurns, frames == 0 && !due && !commands ? 1 : 0);
  return {.frames = frames, .more = !std::exchange(drained_, false) || due || commands};
}

// Notes a stall, and what time it is in hearing: never earlier than the truth, or stamps would be
// too old and kill who was heard. Our own stall is not in the blind total yet; hence the clock does
// not move over one.
void Worker::BeginTurn(Instant now) noexcept {
  const Duration passed = now - moment_.now;
  if (passed > stall_) [[unlikely]] {
    tally_.Add(Counter::kStalls);
    reported_ = reporter_.Report(
        {.from = moment_.now, .to = now, .reason = Reason::kWorkerStalled, .port = kAllPorts});
  } else if (!reported_) {
    reported_ = reporter_.Flush();
  }
  moment_.now = now;
  ReadBlindTotal();
  const HearingInstant unhindered = moment_.hearing + (passed > stall_ ? Duration{0} : passed);
  moment_.hearing = std::min(unhindered, HearingInstant{now.time_since_epoch() - blind_total_});
  tally_.Add(Counter::kTurns);
  tally_.Set(Counter::kLongestTurnNs,
             std::max(tally_.values[static_cast<std::size_t>(Counter::kLongestTurnNs)],
                      static_cast<std::uint64_t>(passed.count())));
  progress_->turn_ns.store(now.time_since_epoch().count(), std::memory_order_relaxed);

  // A slot retired so far is free when the horizon has passed every instant of the turns before.
  Moment begun = moment_;
  begun.hearing = std::max(moment_.hearing, moment_.horizon) + Duration{1};
  shard_->Reclaim(begun);
}

// A total that holds blindness after `now`, which the leader may have learnt of while we stood
// between the reading of the clock and this line, does not count yet: our stall would hold it a
// second time. Else that of the end of our last turn does, which was before `now`.
void Worker::ReadBlindTotal() noexcept {
  const Duration total{region_.header().blind_total_ns.load(std::memory_order_acquire)};
  const Instant until{Duration{blind_until_ns_->load(std::memory_order_relaxed)}};
  if (until <= moment_.now) {
    blind_total_ = total;
  }
}

std::uint32_t Worker::Stamp() noexcept {
  std::uint32_t frames = 0;
  for (Queue& queue : queues_) {
    ingest_.Take(queue.frames, queue.forms, queue.attachment, moment_);
    frames += static_cast<std::uint32_t>(queue.frames.size());
    queue.frames = {};
    queue.attachment.source->Release();
  }
  return frames;
}

void Worker::SendReplies() noexcept {
  for (const Queue& queue : queues_) {
    tally_.Add(Counter::kReplyDropped, queue.attachment.sink->Flush());
  }
}

// A queue that Receive found empty held nothing from `before`, the instant of the turn before it.
// Release: who sees this instant sees every stamp, hand-over and report of blindness before it. An
// instant of which the leader could not yet be told that we were blind is not published.
void Worker::PublishDrained(Instant before) noexcept {
  if (drained_ && reported_) {
    progress_->drained_ns.store(before.time_since_epoch().count(), std::memory_order_release);
  }
}

void Worker::ReadHorizon() noexcept {
  moment_.horizon =
      HearingInstant{Duration{region_.header().horizon_ns.load(std::memory_order_acquire)}};
}

// What is cleared first: whoever sees it sees what the guard made of everything up to it.
void Worker::ReadGuard() noexcept {
  const HearingInstant cleared{
      Duration{region_.header().cleared_ns.load(std::memory_order_acquire)}};
  const GuardState& guard = region_.dataplane().guard;
  const std::int64_t eased_ns = guard.eased_ns.load(std::memory_order_relaxed);
  moment_.holds = guard.holds_since_ns.load(std::memory_order_relaxed) != 0;
  moment_.uncleared = (moment_.horizon - cleared) / kStampUnit;
  moment_.eased = eased_ns == 0
                      ? kForever
                      : (moment_.horizon - HearingInstant{Duration{eased_ns}}) / kStampUnit;
}

// After the horizon was read and before anybody is judged by it: whatever another worker had
// received by then is in its ring by now.
void Worker::TakeHandoffs() noexcept {
  for (HandoffRing* ring : incoming_) {
    if (ring != nullptr) {
      ring->Drain([this](const Handoff& handoff) {
        shard_->Hear(handoff, Arrived::kFromWorker, moment_, ring_, tally_);
      });
    }
  }
}

// After the hand-overs, so that a payload that came with an endpoint's first heartbeat finds it.
void Worker::TakePayloads() noexcept {
  for (PayloadRing* ring : incoming_payloads_) {
    if (ring != nullptr) {
      ring->Drain([this](const Payload& said) { shard_->KeepPayload(said, tally_); });
    }
  }
}

void Worker::PublishProgress() noexcept {
  progress_->turns.store(progress_->turns.load(std::memory_order_relaxed) + 1,
                         std::memory_order_relaxed);
  progress_->published_ns.store(moment_.now.time_since_epoch().count(), std::memory_order_release);
  blind_total_ = Duration{region_.header().blind_total_ns.load(std::memory_order_acquire)};
}

bool Worker::KeepHouse() noexcept {
  if (leader_ != nullptr) {
    const Duration heard = moment_.horizon.time_since_epoch() + blind_total_;
    const Duration lag = moment_.now.time_since_epoch() - heard;
    tally_.Set(Counter::kHorizonLagNs,
               static_cast<std::uint64_t>(std::max(lag, Duration{0}).count()));
  }
  return housekeeping_.Run(moment_, *shard_, ring_, tally_);
}

}  // namespace flatline
