#include "tests/simulation/simulated_holders.h"

#include <algorithm>
#include <utility>

namespace flatline {
namespace {

constexpr std::size_t kFormerLives = 64;

FencingToken TokenOf(const Transition& told) {
  return (FencingToken{told.incarnation} << 32) | told.sequence;
}

std::string NameOfLease(std::uint8_t space, std::uint64_t number) {
  return "lease " + std::string(kLeaseSpaceNames[space]) + ":" + std::to_string(number);
}

}  // namespace

SimulatedHolders::SimulatedHolders(std::size_t endpoints, std::uint64_t seed, Duration longest)
    : chance_(seed),
      longest_ms_(static_cast<std::uint32_t>(longest / Milliseconds(1))),
      lives_(endpoints) {
  for (Life& life : lives_) {
    life.rate = 1 + (static_cast<double>(chance_.Below(1401)) - 700) / 100'000;
    life.began = 1 + chance_.Below(1'000'000'000);
  }
}

std::vector<std::byte> SimulatedHolders::Ask(std::size_t endpoint,
                                             const FlatlineAgent& agent,
                                             Instant now) {
  Life& life = lives_[endpoint];
  if (life.agent.incarnation != agent.incarnation) {
    if (life.agent.id != 0) {
      former_.push_back(life);
    }
    if (former_.size() > kFormerLives) {
      former_.pop_front();
    }
    life.leases = {};
    life.leases[0].number = 1;
    life.leases[1].number = 2;
    life.leases[2].number = agent.id;
    life.leases[2].space = kFlatlineLeaseOwn;
  }
  life.agent = agent;
  FlatlineLease& lease = life.leases[chance_.Below(kNames)];
  lease.term_ms = 1 + static_cast<std::uint32_t>(chance_.Below(longest_ms_ + longest_ms_ / 4));
  const auto encode = chance_.OneIn(8) ? &FlatlineEncodeLeaseRelease : &FlatlineEncodeLeaseRequest;
  std::vector<std::byte> out(kFlatlineLargestLeaseRequest);
  out.resize(
      encode(&life.agent, &lease, life.Clock(now), reinterpret_cast<std::uint8_t*>(out.data())));
  return out;
}

void SimulatedHolders::Hear(std::size_t endpoint, std::span<const std::byte> answer, Instant now) {
  Life& life = lives_[endpoint];
  for (FlatlineLease& lease : life.leases) {
    if (FlatlineAcceptLease(&life.agent,
                            &lease,
                            reinterpret_cast<const std::uint8_t*>(answer.data()),
                            answer.size(),
                            life.Clock(now))) {
      granted_ += lease.answer == kFlatlineLeaseGranted ? 1 : 0;
      CheckAlone(life, lease, now);
      return;
    }
  }
}

// Somebody begins to be two only as he is granted what another one still acts by.
void SimulatedHolders::CheckAlone(const Life& holder, const FlatlineLease& lease, Instant now) {
  if (!FlatlineMayAct(&lease, holder.Clock(now))) {
    return;
  }
  const std::string name = NameOfLease(lease.space, lease.number);
  FencingToken& acted = acted_[{lease.space, lease.number}];
  if (lease.token < acted) {
    Fault(name + ": acted by with token " + std::to_string(lease.token) + " after " +
          std::to_string(acted));
  }
  acted = std::max(acted, lease.token);
  const auto look = [&](const Life& other) {
    for (const FlatlineLease& one : other.leases) {
      if (&other != &holder && one.space == lease.space && one.number == lease.number &&
          FlatlineMayAct(&one, other.Clock(now))) {
        Fault(name + ": endpoints " + std::to_string(holder.agent.id) + " and " +
              std::to_string(other.agent.id) + " may act at once, by tokens " +
              std::to_string(lease.token) + " and " + std::to_string(one.token));
      }
    }
  };
  std::ranges::for_each(lives_, look);
  std::ranges::for_each(former_, look);
}

void SimulatedHolders::ReadRing(const RegionView& region, unsigned worker) {
  const auto entries = region.transitions(worker);
  const std::uint64_t head = region.dataplane().transition_heads[worker].value.load();
  for (std::uint64_t& at = positions_[worker]; at != head; ++at) {
    const Transition& told = entries[at & (entries.size() - 1)];
    if (told.kind == TransitionKind::kLease) {
      Take(told);
    }
  }
}

void SimulatedHolders::Take(const Transition& told) {
  const Key key{told.from, static_cast<std::uint64_t>(told.silence.count())};
  const std::string name = NameOfLease(key.first, key.second);
  const FencingToken token = TokenOf(told);
  const auto held = held_.find(key);
  if (told.to == 0) {
    if (held == held_.end() || TokenOf(held->second) != token || held->second.id != told.id) {
      Fault(name + ": is over, by token " + std::to_string(token) + ", and was not held");
    }
    held_.erase(key);
    return;
  }
  if (held != held_.end()) {
    Fault(name + ": begins, and has not ended");
  }
  FencingToken& highest = highest_[key];
  if (token <= highest) {
    Fault(name + ": token " + std::to_string(token) + " after " + std::to_string(highest));
  }
  highest = std::max(highest, token);
  held_[key] = told;
  ++tenures_;
}

void SimulatedHolders::BeginRegion() {
  held_.clear();
  positions_ = {};
}

bool SimulatedHolders::HasHeardOf(const LeaseName& name, FencingToken token) const {
  const auto has = [&](const Life& life) {
    return std::ranges::any_of(life.leases, [&](const FlatlineLease& lease) {
      return lease.space == static_cast<std::uint8_t>(name.space) && lease.number == name.number &&
             lease.token == token;
    });
  };
  return std::ranges::any_of(lives_, has) || std::ranges::any_of(former_, has);
}

}  // namespace flatline
