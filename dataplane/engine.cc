#include "dataplane/engine.h"

#include "dataplane/fleet_guard.h"
#include "dataplane/hearing_clock.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <new>
#include <thread>
#include <utility>
#include <vector>

namespace flatline {
namespace {

// A queue that was last empty longer ago than this is never emptied: so long a wait for a verdict
// is to be announced.
constexpr Duration kLeastOverload{100'000'000};
constexpr Duration kMostAhead{3'600'000'000'000};
// Fewer are adopted before a thread has begun.
constexpr std::uint32_t kSlotsForAThread = 1U << 16;

Duration OverloadOf(Duration stall) noexcept {
  return std::max(kLeastOverload, 10 * stall);
}

// What a predecessor on this machine cannot have written is not reckoned with. The horizon may lie
// ahead of the clock, by blindness that was reported late.
bool HasPossibleTimes(const RegionHeader& header, Instant now) noexcept {
  const std::int64_t most = now.time_since_epoch().count();
  const auto is_possible = [most](const std::atomic<std::int64_t>& ns, Duration ahead) {
    const std::int64_t value = ns.load(std::memory_order_acquire);
    return value >= 0 && value <= most + ahead.count();
  };
  return is_possible(header.horizon_ns, kMostAhead) &&
         is_possible(header.blind_total_ns, kMostAhead) &&
         is_possible(header.accounted_ns, Duration{});
}

// A worker has no ring to itself, and none of what nobody sends.
template <typename Ring>
std::unique_ptr<Ring> RingIf(bool is_wanted, std::size_t entries) {
  return is_wanted ? std::make_unique<Ring>(entries) : nullptr;
}

}  // namespace

std::expected<std::unique_ptr<Engine>, std::string> Engine::Create(const RegionView& region,
                                                                   const EngineOptions& options,
                                                                   Instant now) {
  if (!HasPossibleTimes(region.header(), now)) {
    return std::unexpected(std::string(
        "engine: needed a region whose times are before now, found others; it is damaged: start "
        "the dataplane with --cold"));
  }
  std::unique_ptr<Engine> engine(new Engine(region, options));
  engine->MendGuards(now);
  const Inheritance past = engine->Inherit(now);
  HearingClock clock(past.since, past.blind_total, OverloadOf(options.stall));
  if (past.exists) {
    clock.Account(
        {.from = past.since, .to = now, .reason = Reason::kDataplaneRestarted, .port = kAllPorts});
  }
  const HearingInstant hearing = clock.horizon();
  const Moment stopped{.now = past.since, .hearing = hearing, .horizon = hearing};
  if (auto made = engine->MakeShards(stopped); !made) {
    return std::unexpected(made.error());
  }
  try {
    engine->MakeLeases(hearing);
    engine->ReapplyLastTransitions(stopped);
    engine->MakeWorkers(now, hearing);
  } catch (const std::bad_alloc&) {
    return std::unexpected(
        std::string("engine: needed memory for leases and the rings between workers, found none; "
                    "free some memory"));
  }
  std::vector<BlindReports*> reports;
  for (const auto& ring : engine->reports_) {
    reports.push_back(ring.get());
  }
  engine->workers_[0]->Lead(std::move(reports), engine->port_watch_, clock);
  region.header().started_ns.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  return engine;
}

// The hearing clock goes on at the horizon at which the predecessor's stood: nothing after it was
// vouched for, whatever it may have received. Where that horizon waited for hearing time to catch
// up (a report of blindness had come late), it lies ahead of what the leader had accounted for, and
// the difference was deaf as well. A horizon of 0 is that of a region just formatted.
Engine::Inheritance Engine::Inherit(Instant now) const noexcept {
  const RegionHeader& header = region_.header();
  const Duration horizon{header.horizon_ns.load(std::memory_order_acquire)};
  const Duration blind_total{header.blind_total_ns.load(std::memory_order_acquire)};
  if (horizon == Duration{0}) {
    return {.since = now};
  }
  const Instant accounted{Duration{header.accounted_ns.load(std::memory_order_acquire)}};
  return {.since = std::min(Instant{horizon + blind_total}, accounted),
          .blind_total = blind_total,
          .exists = true};
}

void Engine::MendGuards(Instant now) noexcept {
  DataplaneSection& dataplane = region_.dataplane();
  FleetGuard::Mend(dataplane.guard, now);
  for (GuardState& state : dataplane.group_guards) {
    FleetGuard::Mend(state, now);
  }
}

// Where somebody will ask.
std::expected<void, std::string> Engine::CountGroups() {
  const RegionHeader& header = region_.header();
  if (header.guard.group_share_ppm == 0 && std::ranges::none_of(header.profiles, IsShortened)) {
    return {};
  }
  const RegionShape& shape = region_.shape();
  auto groups = GroupSilence::Create(
      shape.workers, shape.slots_per_worker, header.guard.window, header.hash_key);
  if (!groups) {
    return std::unexpected(groups.error());
  }
  groups_ = std::move(*groups);
  return {};
}

// Large ones on as many cores as there are: after a restart nobody hears until the last is there.
std::expected<void, std::string> Engine::MakeShards(const Moment& stopped) {
  const unsigned workers = region_.shape().workers;
  if (auto counted = CountGroups(); !counted) {
    return counted;
  }
  std::vector<std::expected<std::unique_ptr<Shard>, std::string>> made(workers);
  std::atomic<unsigned> next{0};
  const auto make = [&] {
    for (unsigned number = next.fetch_add(1); number < workers; number = next.fetch_add(1)) {
      try {
        made[number] = Shard::Create(region_, number, stopped, groups_.get(), options_.enrolment);
      } catch (const std::bad_alloc&) {  // on a thread of its own nobody else would catch it
        made[number] = std::unexpected(
            std::string("engine: needed memory for a shard, found none; free some memory"));
      }
    }
  };
  if (workers > 1 && region_.shape().slots_per_worker >= kSlotsForAThread) {
    const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
    std::vector<std::jthread> threads(std::min(workers, cores) - 1);
    std::ranges::generate(threads, [&] { return std::jthread(make); });
    make();
  } else {
    make();
  }
  for (auto& shard : made) {
    if (!shard) {
      return std::unexpected(std::move(shard.error()));
    }
    indices_.push_back(&(*shard)->index());
    shards_.push_back(std::move(*shard));
  }
  return {};
}

// A verdict is published first and made after, so the last one in each ring may not have been made.
// One that was must not be made again: a restart, alive before and after it, would take back the
// sequences heard since, and captured heartbeats would count once more.
void Engine::ReapplyLastTransitions(const Moment& stopped) noexcept {
  for (unsigned number = 0; number < region_.shape().workers; ++number) {
    RingHead& ring = region_.dataplane().transition_heads[number];
    const std::uint64_t head = ring.value.load(std::memory_order_acquire);
    const std::span<const Transition> entries = region_.transitions(number);
    if (head != 0) {
      const Transition& last = entries[(head - 1) & (entries.size() - 1)];
      if (head != ring.made.load(std::memory_order_acquire)) {
        shards_[number]->Reapply(last, stopped);
        ring.made.store(head, std::memory_order_release);
      }
      if (!leases_.empty()) {
        leases_[number]->Reapply(last, stopped.hearing);
      }
    }
  }
}

void Engine::MakeLeases(HearingInstant now) {
  const unsigned workers = region_.shape().workers;
  if (region_.shape().leases_per_worker == 0) {
    return;
  }
  for (unsigned number = 0; number < workers; ++number) {
    leases_.push_back(std::make_unique<LeaseTable>(region_, number, options_.leases, now));
    for (unsigned to = 0; to < workers; ++to) {
      errands_.push_back(RingIf<LeaseRing>(number != to, kLeaseErrands));
    }
  }
}

void Engine::MakeWorkers(Instant now, HearingInstant hearing) {
  const unsigned workers = region_.shape().workers;
  group_guards_ = std::make_unique<GroupGuards>(region_, groups_.get());
  for (const auto& shard : shards_) {
    shard->GuardGroupsBy(group_guards_.get());
  }
  if (shards_[0]->probe_plans().any()) {
    neighbours_ = std::make_unique<Neighbours>(options_.probe_key);
  }
  const bool keeps_payloads = region_.shape().payloads_per_worker != 0;
  for (unsigned from = 0; from < workers; ++from) {
    reports_.push_back(std::make_unique<BlindReports>(kBlindReports));
    for (unsigned to = 0; to < workers; ++to) {
      handoffs_.push_back(RingIf<HandoffRing>(from != to, kHandoffs));
      payloads_.push_back(RingIf<PayloadRing>(keeps_payloads && from != to, kPayloadsOnTheirWay));
    }
  }
  const IndexSet index{
      .shards = indices_, .records = region_.records(), .hash_key = region_.header().hash_key};
  for (unsigned number = 0; number < workers; ++number) {
    const std::uint64_t rate = options_.probe_rate / workers;
    WorkerWiring wiring{.region = region_,
                        .number = number,
                        .stall = options_.stall,
                        .began = now,
                        .hearing = hearing,
                        .shard = shards_[number].get(),
                        .index = index,
                        .outgoing = {},
                        .incoming = {},
                        .outgoing_payloads = {},
                        .incoming_payloads = {},
                        .leases = leases_.empty() ? nullptr : leases_[number].get(),
                        .outgoing_leases = {},
                        .incoming_leases = {},
                        .reports = reports_[number].get(),
                        .blind_until_ns = &blind_until_ns_,
                        .authenticator = options_.authenticator,
                        .neighbours = neighbours_.get(),
                        .probe_key = options_.probe_key,
                        .probes_per_second = std::max<std::uint64_t>(rate, 1),
                        .group_guards = group_guards_.get()};
    for (unsigned other = 0; other < workers; ++other) {
      wiring.outgoing.push_back(handoffs_[PairOf(number, other)].get());
      wiring.incoming.push_back(handoffs_[PairOf(other, number)].get());
      wiring.outgoing_payloads.push_back(payloads_[PairOf(number, other)].get());
      wiring.incoming_payloads.push_back(payloads_[PairOf(other, number)].get());
      if (!errands_.empty()) {
        wiring.outgoing_leases.push_back(errands_[PairOf(number, other)].get());
        wiring.incoming_leases.push_back(errands_[PairOf(other, number)].get());
      }
    }
    workers_.push_back(std::make_unique<Worker>(wiring));
  }
}

std::size_t Engine::PairOf(unsigned from, unsigned to) const noexcept {
  return std::size_t{from} * region_.shape().workers + to;
}

std::size_t Engine::bytes() const noexcept {
  std::size_t sum = 0;
  for (const auto& shard : shards_) {
    sum += shard->bytes();
  }
  return sum;
}

}  // namespace flatline
