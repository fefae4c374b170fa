#include "dataplane/lease_table.h"

#include <algorithm>
#include <atomic>
#include <span>

namespace flatline {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
// Longer ones no configuration allows.
constexpr Duration kLongestTerm{24 * 3'600'000'000'000};

constexpr std::int64_t CountOf(HearingInstant at) noexcept {
  return at.time_since_epoch().count();
}

// Rounded up: who waits so long does not come too early.
constexpr std::uint32_t MillisecondsTo(std::int64_t ns, HearingInstant from) noexcept {
  return static_cast<std::uint32_t>(
      std::max<std::int64_t>(0, ns - CountOf(from) + kMillisecond - 1) / kMillisecond);
}

LeaseMessage Refuse(const LeaseRequest& request, LeaseAnswer why) noexcept {
  return {.name = request.message.name, .what = static_cast<std::uint8_t>(why)};
}

// To whom somebody else holds it.
LeaseMessage Name(const Lease& lease, LeaseAnswer why, HearingInstant horizon) noexcept {
  return {.name = lease.name(),
          .what = static_cast<std::uint8_t>(why),
          .term_ms = MillisecondsTo(lease.expires_ns, horizon),
          .token = lease.token,
          .holder = lease.holder};
}

// From when a term is counted. Where a blindness was known of late, hearing time lies behind the
// horizon, by which a term ends: the shortest would be over as it is granted.
HearingInstant BeginOf(const Moment& moment) noexcept {
  return std::max(moment.hearing, moment.horizon);
}

FencingToken TokenOf(const Transition& told) noexcept {
  return (FencingToken{told.incarnation} << 32) | told.sequence;
}

}  // namespace

LeaseTable::LeaseTable(const RegionView& region,
                       unsigned number,
                       const LeaseTerms& terms,
                       HearingInstant now)
    : state_(&region.lease_state(number)),
      entries_(region.leases(number)),
      hash_key_(region.header().hash_key),
      number_(number),
      shards_(region.shape().workers),
      leases_(entries_.size()),
      index_(leases_, hash_key_),
      deadlines_(static_cast<Index>(entries_.size())) {
  const Duration before{state_->longest_ns.load(std::memory_order_relaxed)};
  const Duration longest = std::max(terms.longest, std::min(before, kLongestTerm));
  Begin(terms, now + longest, now);
  Adopt(now + longest);
}

// The wait first, then the epoch that needs it: a kill in between leaves an epoch that is not the
// file's, and so another one comes.
void LeaseTable::Begin(const LeaseTerms& terms,
                       HearingInstant latest,
                       HearingInstant now) noexcept {
  const std::uint64_t epoch = state_->epoch.load(std::memory_order_relaxed);
  const std::int64_t had = state_->waits_until_ns.load(std::memory_order_relaxed);
  const std::int64_t waits = had < 0 ? 0 : std::min(had, CountOf(latest));  // no other can be true
  state_->waits_until_ns.store(waits, std::memory_order_relaxed);
  state_->longest_ns.store(terms.longest.count(), std::memory_order_relaxed);
  if (terms.epoch > epoch) {
    const std::int64_t wanted = terms.wait == Duration{} ? 0 : CountOf(now + terms.wait);
    state_->waits_until_ns.store(std::max(waits, wanted), std::memory_order_relaxed);
    state_->counter.store(0, std::memory_order_relaxed);
    state_->epoch.store(terms.epoch, std::memory_order_release);
  }
  state_->grants.store(terms.epoch != 0 && terms.epoch >= epoch ? 1 : 0, std::memory_order_relaxed);
}

void LeaseTable::Adopt(HearingInstant at_latest) {
  bool is_damaged = false;
  const std::int64_t latest = CountOf(at_latest);
  free_.reserve(entries_.size());
  for (auto index = static_cast<Index>(entries_.size()); index-- > 0;) {
    const std::optional<Lease> found = entries_[index].Read();
    if (found && *found == Lease{}) {
      free_.push_back(index);
      continue;
    }
    if (!found || !IsPossible(*found) || index_.Find(found->name()) != LeaseIndex::kNobody) {
      is_damaged = true;
      entries_[index].Write({});
      free_.push_back(index);
      continue;
    }
    Lease lease = *found;
    lease.expires_ns = std::min(lease.expires_ns, latest);
    if (EpochOf(lease.token) == state_->epoch.load(std::memory_order_relaxed)) {
      state_->counter.store(
          std::max(state_->counter.load(std::memory_order_relaxed), CounterOf(lease.token)),
          std::memory_order_relaxed);
    }
    Enter(index, lease);
  }
  if (is_damaged) {
    state_->waits_until_ns.store(
        std::max(state_->waits_until_ns.load(std::memory_order_relaxed), latest),
        std::memory_order_relaxed);
  }
}

bool LeaseTable::IsPossible(const Lease& lease) const noexcept {
  return static_cast<std::size_t>(lease.space) < kLeaseSpaceNames.size() &&
         lease.holder != kNoEndpoint && lease.token != 0 && lease.expires_ns >= 0 &&
         EpochOf(lease.token) <= state_->epoch.load(std::memory_order_relaxed) &&
         ShardOf(HashLease(lease.name(), hash_key_), shards_) == number_;
}

// A grant that is made again was never answered, so that its holder does not act by it; that it
// stands for the longest term does no harm.
void LeaseTable::Reapply(const Transition& told, HearingInstant now) noexcept {
  if (told.kind != TransitionKind::kLease || told.from >= kLeaseSpaceNames.size()) {
    return;
  }
  const LeaseName name{.space = static_cast<LeaseSpace>(told.from),
                       .number = static_cast<std::uint64_t>(told.silence.count())};
  const FencingToken token = TokenOf(told);
  const Index index = index_.Find(name);
  const bool is_there = index != LeaseIndex::kNobody && leases_[index].token == token;
  if (told.to == 0) {
    if (is_there) {
      Leave(index);
    }
    return;
  }
  const std::int64_t longest = state_->longest_ns.load(std::memory_order_relaxed);
  const Lease lease{.number = name.number,
                    .token = token,
                    .holder = told.id,
                    .expires_ns = CountOf(now) + longest,
                    .asked_ns = 0,
                    .incarnation = told.life,
                    .group = told.group,
                    .term_ms = static_cast<std::uint32_t>(longest / kMillisecond),
                    .space = name.space};
  if (is_there || index != LeaseIndex::kNobody || free_.empty() || !IsPossible(lease)) {
    return;
  }
  if (EpochOf(token) == state_->epoch.load(std::memory_order_relaxed)) {
    state_->counter.store(
        std::max(state_->counter.load(std::memory_order_relaxed), CounterOf(token)),
        std::memory_order_relaxed);
  }
  const Index entry = free_.back();
  free_.pop_back();
  Enter(entry, lease);
}

std::optional<LeaseMessage> LeaseTable::Ask(const LeaseRequest& request,
                                            const Moment& moment,
                                            TransitionProducer& ring,
                                            Tally& tally) noexcept {
  Turn turn{moment, ring, tally};
  const bool is_release = request.message.what == static_cast<std::uint8_t>(LeaseWish::kRelease);
  const Index index = index_.Find(request.message.name);
  if (index == LeaseIndex::kNobody) {
    return is_release ? Refuse(request, LeaseAnswer::kReleased) : Grant(request, turn);
  }
  const Lease& lease = leases_[index];
  if (lease.holder != request.id || lease.incarnation != request.incarnation) {
    tally.Add(Counter::kLeasesRefused);
    return Name(lease, is_release ? LeaseAnswer::kNotHeld : LeaseAnswer::kHeld, moment.horizon);
  }
  if (request.sent_ns <= lease.asked_ns) {
    tally.Drop(DropReason::kOldSequence);
    return std::nullopt;
  }
  return is_release ? Release(index, request, turn) : Renew(index, request, turn);
}

std::optional<LeaseMessage> LeaseTable::Grant(const LeaseRequest& request, Turn& turn) noexcept {
  const std::int64_t waits = state_->waits_until_ns.load(std::memory_order_relaxed);
  const std::uint64_t counter = state_->counter.load(std::memory_order_relaxed) + 1;
  std::optional<LeaseMessage> refusal;
  if (state_->grants.load(std::memory_order_relaxed) == 0 || counter > kMostTokenCounter) {
    refusal = Refuse(request, LeaseAnswer::kNotGranting);
  } else if (CountOf(turn.moment.horizon) < waits) {
    refusal = Refuse(request, LeaseAnswer::kWaits);
    refusal->term_ms = MillisecondsTo(waits, turn.moment.horizon);
  } else if (free_.empty()) {
    refusal = Refuse(request, LeaseAnswer::kFull);
  }
  if (refusal) {
    turn.tally.Add(Counter::kLeasesRefused);
    return refusal;
  }
  const Duration term = TermOf(request);
  const Lease lease{
      .number = request.message.name.number,
      .token = flatline::TokenOf(state_->epoch.load(std::memory_order_relaxed), counter),
      .holder = request.id,
      .expires_ns = CountOf(BeginOf(turn.moment) + term),
      .asked_ns = request.sent_ns,
      .incarnation = request.incarnation,
      .group = request.group,
      .term_ms = static_cast<std::uint32_t>(term.count() / kMillisecond),
      .space = request.message.name.space};
  if (!Publish(lease, Reason::kLeaseGranted, turn)) {
    return std::nullopt;
  }
  state_->counter.store(counter, std::memory_order_relaxed);
  const Index index = free_.back();
  free_.pop_back();
  Enter(index, lease);
  turn.tally.Add(Counter::kLeasesGranted);
  LeaseMessage out = Name(lease, LeaseAnswer::kGranted, turn.moment.horizon);
  out.term_ms = lease.term_ms;
  return out;
}

// Its end moves, never back: what was granted before still counts.
LeaseMessage LeaseTable::Renew(Index index, const LeaseRequest& request, Turn& turn) noexcept {
  Lease& lease = leases_[index];
  const Duration term = TermOf(request);
  lease.expires_ns = std::max(lease.expires_ns, CountOf(BeginOf(turn.moment) + term));
  lease.asked_ns = request.sent_ns;
  lease.term_ms = static_cast<std::uint32_t>(term.count() / kMillisecond);
  entries_[index].Write(lease);
  turn.tally.Add(Counter::kLeasesRenewed);
  LeaseMessage out = Name(lease, LeaseAnswer::kGranted, turn.moment.horizon);
  out.term_ms = lease.term_ms;
  return out;
}

std::optional<LeaseMessage> LeaseTable::Release(Index index,
                                                const LeaseRequest& request,
                                                Turn& turn) noexcept {
  const Lease& lease = leases_[index];
  if (request.message.token != lease.token) {
    turn.tally.Add(Counter::kLeasesRefused);
    return Name(lease, LeaseAnswer::kNotHeld, turn.moment.horizon);
  }
  LeaseMessage out = Refuse(request, LeaseAnswer::kReleased);
  out.token = lease.token;
  if (!Publish(lease, Reason::kLeaseReleased, turn)) {
    return std::nullopt;
  }
  Leave(index);
  turn.tally.Add(Counter::kLeasesReleased);
  return out;
}

bool LeaseTable::Expire(const Moment& moment,
                        std::size_t budget,
                        TransitionProducer& ring,
                        Tally& tally) noexcept {
  Turn turn{moment, ring, tally};
  const std::int64_t horizon = CountOf(moment.horizon);
  tally.Set(Counter::kLeasesHeld, held());  // as of the end of the turn before
  while (!deadlines_.empty() && deadlines_.first_due() <= horizon) {
    if (budget-- == 0) {
      return true;
    }
    const Index index = deadlines_.first();
    const Lease& lease = leases_[index];
    if (lease.expires_ns > horizon) {
      deadlines_.Put(index, lease.expires_ns);  // it was renewed since
      continue;
    }
    if (!Publish(lease, Reason::kLeaseExpired, turn)) {
      return true;
    }
    Leave(index);
    tally.Add(Counter::kLeasesExpired);
  }
  return false;
}

bool LeaseTable::Publish(const Lease& lease, Reason reason, Turn& turn) noexcept {
  Transition told;
  told.at = turn.moment.now;
  told.silence = Duration{static_cast<std::int64_t>(lease.number)};
  told.id = lease.holder;
  told.incarnation = static_cast<std::uint32_t>(lease.token >> 32);
  told.sequence = static_cast<std::uint32_t>(lease.token);
  told.group = lease.group;
  told.kind = TransitionKind::kLease;
  told.from = static_cast<std::uint8_t>(lease.space);
  told.to = reason == Reason::kLeaseGranted ? 1 : 0;
  told.reason = reason;
  told.life = lease.incarnation;
  if (!turn.ring.TryPush(told)) {
    turn.tally.Add(Counter::kRingFull);
    return false;
  }
  turn.tally.Add(Counter::kTransitions);
  return true;
}

Duration LeaseTable::TermOf(const LeaseRequest& request) const noexcept {
  return std::min(Duration{request.message.term_ms * kMillisecond},
                  Duration{state_->longest_ns.load(std::memory_order_relaxed)});
}

void LeaseTable::Enter(Index index, const Lease& lease) noexcept {
  leases_[index] = lease;
  entries_[index].Write(lease);
  index_.Enter(index);
  deadlines_.Put(index, lease.expires_ns);
}

void LeaseTable::Leave(Index index) noexcept {
  index_.Remove(leases_[index].name());
  deadlines_.Remove(index);
  leases_[index] = Lease{};
  entries_[index].Write(leases_[index]);
  free_.push_back(index);
}

}  // namespace flatline
