// How a simulated world's fleet asks for leases, and hears of them.
#include "tests/dataplane/frames.h"
#include "tests/simulation/world.h"

#include <flatline/lease_message.h>

#include <algorithm>
#include <utility>

namespace flatline {
namespace {

FencingToken TokenOf(const Transition& told) {
  return (FencingToken{told.incarnation} << 32) | told.sequence;
}

// A lease as its transition says, whose end has come.
Lease LeaseAtItsEnd(const Transition& told) {
  return {.number = static_cast<std::uint64_t>(told.silence.count()),
          .token = TokenOf(told),
          .holder = told.id,
          .expires_ns = 0,
          .asked_ns = 1,
          .incarnation = told.life,
          .group = told.group,
          .term_ms = 1,
          .space = static_cast<LeaseSpace>(told.from)};
}

}  // namespace

// After the heartbeat that it repeats the sequence of, and perhaps overtaking it.
void World::AskForLease(const Truth& truth, std::size_t endpoint) {
  FlatlineAgent agent{};
  agent.id = truth.id;
  agent.incarnation = truth.incarnation;
  agent.sequence = truth.sequence;
  const std::vector<std::byte> request = holders_.Ask(endpoint, agent, now_);
  const std::uint64_t copies = Strikes(lots_.leases, climate_.doubling) ? 2 : 1;
  for (std::uint64_t i = 0; i < copies; ++i) {
    if (!Strikes(lots_.leases, climate_.loss)) {
      const Duration delay = lots_.leases.Between(
          Duration{0}, Duration{static_cast<std::int64_t>(climate_.most_delay_us) * 1000});
      in_flight_.emplace(now_ + delay,
                         Message{.endpoint = endpoint, .heartbeat = {}, .lease = request});
    }
  }
}

// Answers go as slowly as requests, and may be lost.
void World::TakeGrants(unsigned worker) {
  for (unsigned port = 0; port < climate_.ports; ++port) {
    for (const ReplySink::Grant& grant : QueueOf(port, worker).port.sink.TakeGrants()) {
      if (TruthOf(grant.id) == nullptr || Strikes(lots_.leases, climate_.loss)) {
        continue;
      }
      const Duration delay = lots_.leases.Between(
          Duration{0}, Duration{static_cast<std::int64_t>(climate_.most_delay_us) * 1000});
      granted_.emplace(now_ + delay,
                       LeaseWord{.endpoint = (grant.id & 0xFFFF) - 1,
                                 .bytes = {grant.bytes.begin(), grant.bytes.end()}});
    }
  }
}

void World::DeliverGrants() {
  while (!granted_.empty() && granted_.begin()->first <= now_) {
    const LeaseWord word = std::move(granted_.begin()->second);
    granted_.erase(granted_.begin());
    holders_.Hear(word.endpoint, word.bytes, now_);
  }
}

// The kill came between the telling and the making of it. A grant that was not made was not
// answered; one of which anybody has heard was made.
void World::UndoLease(unsigned worker, const Transition& last) {
  const auto entries = region_.view().leases(worker);
  const Lease ended = LeaseAtItsEnd(last);
  const auto find = [&](FencingToken token) {
    return std::ranges::find_if(
        entries, [&](const LeaseEntry& entry) { return entry.Read().value().token == token; });
  };
  if (last.to == 0) {
    if (const auto free = find(0); free != entries.end()) {
      free->Write(ended);
    }
    return;
  }
  if (holders_.HasHeardOf(ended.name(), ended.token)) {
    return;
  }
  std::erase_if(granted_, [&](const auto& word) {
    const auto said =
        DecodeLease(std::span(word.second.bytes).subspan(kHeartbeatSize), kElementLeaseGrant);
    return said && said->name == ended.name() && said->token == ended.token;
  });
  if (const auto entry = std::ranges::find_if(entries,
                                              [&](const LeaseEntry& one) {
                                                const Lease lease = one.Read().value();
                                                return lease.name() == ended.name() &&
                                                       lease.token == ended.token;
                                              });
      entry != entries.end()) {
    entry->Write({});
    lease_witness_.Unmake(ended.name());
    region_.view().lease_state(worker).counter.fetch_sub(1);
  }
}

}  // namespace flatline
