// How a simulated world's dataplane ends, and its power, and what is true afterwards.
#include "tests/simulation/world.h"

#include <flatline/command_ring.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace flatline {

// The process is gone, and with it what it had not read from its queues; a while later another one
// adopts the region.
void World::Kill() {
  UndoUnmade();
  for (const auto& queue : queues_) {
    Forget(*queue);
  }
  for (Truth& truth : fleet_) {
    DoubtAnswers(truth);
    ForgetHandedOver(truth);
  }
  engine_.reset();
  ++adoptions_;
  witness_.Adopted();
  const Instant killed = now_;
  now_ += lots_.ends.Between(Milliseconds(1), Milliseconds(500));
  blind_.Add(killed, now_);
  LoseOnTheWay();
  Start(now_);
}

// What came while nobody was there; and answers to what another process asked, which are nothing to
// the next one.
void World::LoseOnTheWay() {
  std::erase_if(in_flight_, [&](const auto& message) {
    return message.first <= now_ || !message.second.answer.empty();
  });
  std::erase_if(heard_once_, [](const Message& message) { return !message.answer.empty(); });
}

// What lies in it was never heard.
void World::Forget(Queue& queue) {
  for (const Waiting& lost : queue.waiting) {
    std::erase_if(fleet_[lost.endpoint].deliveries,
                  [&](const Delivery& delivery) { return delivery.serial == lost.serial; });
  }
  queue.waiting.clear();
  queue.port.source.Clear();
}

// What one worker had handed to another is lost as well: whatever was to begin a life (the first,
// or one after a leave), and leaves.
void World::ForgetHandedOver(Truth& truth) {
  std::vector<Delivery>& deliveries = truth.deliveries;
  if (!truth.enrolled && witness_.Believes(truth.id, Liveness::kUnknown)) {
    deliveries.clear();
  }
  const bool is_known_left = witness_.Believes(truth.id, Liveness::kLeft);
  while (!deliveries.empty() && deliveries.back().is_leave != is_known_left) {
    deliveries.pop_back();
  }
}

// Half of the time the kill came between the last verdict's telling and its making: the record is
// put back to what it was.
void World::UndoUnmade() {
  const auto worker = static_cast<unsigned>(last_told_worker_);
  const std::uint64_t head = region_.view().dataplane().transition_heads[worker].value.load();
  if (head == 0 || lots_.ends.OneIn(2)) {
    return;
  }
  const auto entries = region_.view().transitions(worker);
  const Transition& last = entries[(head - 1) & (entries.size() - 1)];
  if (last.kind == TransitionKind::kLease) {
    UndoLease(worker, last);
  }
  if (last.reason != Reason::kDeadlineMissed && last.reason != Reason::kNotConfirmed &&
      last.reason != Reason::kNeverHeard && last.reason != Reason::kHeartbeatResumed) {
    return;
  }
  EndpointRecord& record = region_.view().records()[last.slot];
  EndpointState state = EndpointState::Unpack(record.state.load());
  if (record.id.load() == last.id && state.liveness == last.liveness) {
    state.liveness = static_cast<Liveness>(last.from);
    record.state.store(state.Pack());
    region_.view().dataplane().transition_heads[worker].made.store(head - 1);
  }
}

// All that was in memory is gone: the region is formatted anew, and nobody is known or enrolled.
void World::LosePower() {
  ++power_cuts_;
  engine_.reset();
  for (const auto& queue : queues_) {
    Forget(*queue);
  }
  control_.LosePower();
  for (const auto& subscriber : subscribers_) {
    if (!control_.keeps_numbers()) {
      subscriber->BeginAnew();
    }
  }
  administrator_.Forget();
  now_ += lots_.ends.Between(Milliseconds(100), Milliseconds(800));
  LoseOnTheWay();
  const RegionView& view = region_.view();
  std::memset(view.base(), 0, view.layout().bytes);
  FormatRegion(view.base(), view.shape(), config_, Wall(), HashKey());
  witness_.BeginRegion();
  ledger_.BeginRegion();
  holders_.BeginRegion();
  lease_witness_.BeginRegion();
  ++lease_epoch_;
  lease_wait_ = kLongestTerm;
  blind_totals_.clear();
  results_seen_ = {};
  for (Truth& truth : fleet_) {
    truth.deliveries.clear();
    truth.maybe_answered = {};
    truth.enrolled = false;
    if (truth.is_to_be_enrolled && !truth.retired) {
      Ask(truth);
    }
  }
  Start(now_);
  control_.Start(now_);
}

// Most of the fleet; the rest is unknown and dropped.
void World::Enrol() {
  for (Truth& truth : fleet_) {
    if (!lots_.fleet.OneIn(10)) {
      truth.is_to_be_enrolled = true;
      truth.beats = !lots_.fleet.OneIn(8);
      Ask(truth);
    }
  }
}

// It does not beat before it is enrolled.
void World::Ask(Truth& truth) {
  truth.next_beat = Instant::max();
  administrator_.Ask({.id = truth.id,
                      .profile = truth.profile,
                      .command = static_cast<std::uint8_t>(CommandKind::kEnrol)});
}

// What the worker carried out in the turn of this instant.
void World::TakeResults(unsigned worker, Instant turn) {
  const RegionView& view = region_.view();
  const auto results = view.results(worker);
  const std::uint64_t head = view.dataplane().result_heads[worker].value.load();
  for (std::uint64_t& seen = results_seen_[worker]; seen != head; ++seen) {
    const CommandResult& result = results[seen & (results.size() - 1)];
    if (result.slot >= view.records().size()) {
      continue;
    }
    Truth* const truth = TruthOf(view.records()[result.slot].id.load());
    if (truth != nullptr && !truth->enrolled) {
      truth->enrolled = true;
      truth->enrolled_at = turn;
      truth->enrolled_blind = BlindTotalBefore();
      truth->next_beat = now_ + lots_.fleet.Between(Duration{0}, Milliseconds(60));
    }
  }
}

}  // namespace flatline
