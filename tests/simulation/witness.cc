#include "tests/simulation/witness.h"

#include <flatline/confirmation.h>
#include <flatline/detectors.h>
#include <flatline/round_trip.h>

#include <algorithm>
#include <sstream>

namespace flatline {
namespace {

// How much earlier than by the truth a verdict may come: never, as far as frames are concerned. A
// dead link is found at the next look at the ports, and until then its silence is believed.
constexpr Duration kEarly = Milliseconds(5);
// How much later, beyond timeout, confirmation and blind time: a tick for each step, turns of three
// workers and of the leader between, pauses below the stall in all of them.
constexpr Duration kLate = Milliseconds(60);
constexpr Duration kStall = Milliseconds(10);

std::string InMilliseconds(Duration d) {
  std::ostringstream out;
  out << static_cast<double>(d.count()) / 1e6 << " ms";
  return out.str();
}

}  // namespace

Witness::Witness(const RegionView& region, std::vector<Truth>& fleet, const TrueBlindness& blind)
    : region_(region), fleet_(&fleet), blind_(&blind), guards_(region) {
  for (std::size_t i = 0; i < fleet.size(); ++i) {
    by_id_[fleet[i].id] = i;
  }
}

void Witness::Read(unsigned worker, Instant heard, Instant now) {
  const std::uint64_t head = region_.dataplane().transition_heads[worker].value.load();
  const auto entries = region_.transitions(worker);
  for (; positions_[worker] != head; ++positions_[worker]) {
    const Transition& told = entries[positions_[worker] & (entries.size() - 1)];
    guards_.Take(told, last_full_ < told.at);
    Take(told, heard, now);
  }
  guards_.AfterTurn(worker, now);
  const std::uint64_t tail = region_.control().transition_tails[worker].value.load();
  if (head - tail == entries.size()) {
    last_full_ = now;
  }
}

void Witness::BeginRegion() {
  beliefs_.clear();
  positions_ = {};
  guards_.BeginRegion();
}

void Witness::Take(const Transition& transition, Instant heard, Instant now) {
  ++counts_[static_cast<std::size_t>(transition.reason)];
  if (transition.kind == TransitionKind::kBlind) {
    if (transition.silence < Duration{0} || transition.id != kNoEndpoint) {
      Fault(transition, "is no blind interval");
    }
    return;
  }
  if (transition.kind == TransitionKind::kLease || transition.kind == TransitionKind::kGroup) {
    return;  // SimulatedHolders', GuardWitness'
  }
  const auto found = by_id_.find(transition.id);
  if (found == by_id_.end()) {
    Fault(transition, "is of an endpoint that does not exist");
    return;
  }
  const Truth& truth = (*fleet_)[found->second];
  Belief& belief = beliefs_[transition.id];
  CheckChain(transition, belief);
  if (transition.reason == Reason::kFirstHeartbeat && !truth.enrolled) {
    belief.enrolled_by_word = now;
  }
  switch (transition.reason) {
    case Reason::kDeadlineMissed:
      CheckSilence(transition, truth, heard);
      break;
    case Reason::kNotConfirmed:
    case Reason::kCorroborated:
    case Reason::kNeverHeard:
    case Reason::kProbeUnanswered:
      CheckSilence(transition, truth, heard);
      CheckPunctual(transition, truth, heard);
      break;
    case Reason::kProbeAnswered:
      if (truth.answers == 0) {
        Fault(transition, "was never answered");
      }
      CheckSpoken(transition, truth);
      break;
    case Reason::kRetired:
      break;
    default:
      CheckSpoken(transition, truth);
  }
}

// Each transition begins where the one before it ended, so none is lost and none is told twice.
void Witness::CheckChain(const Transition& transition, Belief& belief) {
  if (transition.kind == TransitionKind::kHealth) {
    if (transition.from != static_cast<std::uint8_t>(belief.health) ||
        transition.liveness != belief.liveness || transition.from == transition.to) {
      Fault(transition, "breaks the chain of health");
    }
    belief.health = transition.health;
    return;
  }
  const bool another_life = transition.reason == Reason::kRestarted;
  if (transition.from != static_cast<std::uint8_t>(belief.liveness)) {
    Fault(transition, "breaks the chain: believed " + std::string(NameOf(belief.liveness)));
  }
  if (another_life ? transition.incarnation <= belief.incarnation
                   : transition.from == transition.to && transition.reason != Reason::kRetired) {
    Fault(transition, "changes nothing");
  }
  belief.liveness = transition.liveness;
  belief.health = transition.health;
  belief.incarnation = transition.incarnation;
  if (transition.reason == Reason::kRetired) {
    belief = {};
  }
}

Duration Witness::AllowedLeast(const Transition& transition) const {
  const Profile& profile = region_.header().profiles[transition.profile];
  const Duration silence = profile.detector == DetectorKind::kFixed
                               ? profile.timeout
                               : RuleOf(profile).least * kStampUnit;
  if (transition.reason == Reason::kDeadlineMissed) {
    return silence;
  }
  if (transition.reason == Reason::kProbeUnanswered) {  // one space before the end
    return silence + profile.confirmation * profile.probes / (profile.probes + 1);
  }
  return silence + (transition.reason == Reason::kCorroborated
                        ? ConfirmationBy(WitnessesIn(transition.evidence), profile)
                        : profile.confirmation);
}

Duration Witness::AllowedMost(const Transition& transition) const {
  const Profile& profile = region_.header().profiles[transition.profile];
  // Ten round trips, if that is more; and none is longer than an answer may take.
  const Duration longest = std::max(profile.confirmation, profile.interval) * 12 / 10;
  const Duration trip = RoundTripOf(region_.addresses()[transition.slot].round_trip);
  const Duration silence =
      std::max(profile.timeout, std::min(trip, longest) * kRoundTripsOfSilence);
  return transition.reason == Reason::kDeadlineMissed ? silence : silence + profile.confirmation;
}

// Nobody is called silent whose heartbeat was in a queue of ours: the silence that could be heard,
// up to the instant up to which everything was heard, was as long as the profile allows.
void Witness::CheckSilence(const Transition& transition, const Truth& truth, Instant heard) {
  Instant spoke = truth.enrolled_at;
  for (const Delivery& delivery : truth.deliveries) {
    if (delivery.came <= heard && !delivery.is_leave) {  // silence after a leave is no lie
      spoke = std::max(spoke, delivery.at);
    }
  }
  const Duration silence = heard - spoke;
  const Duration heard_silence = silence - blind_->Within(spoke, heard);
  if (heard_silence + kEarly < AllowedLeast(transition)) {
    Fault(transition,
          "is false: silent for " + InMilliseconds(silence) + ", of which heard " +
              InMilliseconds(heard_silence));
  }
  if (transition.silence < AllowedLeast(transition)) {
    Fault(transition, "shows evidence that is too short: " + InMilliseconds(transition.silence));
  }
}

void Witness::CheckPunctual(const Transition& transition, const Truth& truth, Instant heard) {
  Instant spoke = truth.enrolled_at;
  Duration blind_then = truth.enrolled_blind;
  if (!truth.deliveries.empty()) {
    spoke = std::max(spoke, truth.deliveries.back().came);
    blind_then = truth.deliveries.back().blind_total;
  }
  if (truth.maybe_answered > spoke) {
    spoke = truth.maybe_answered;
    blind_then = truth.maybe_blind;
  }
  const bool lost = truth.deliveries.empty() && !truth.enrolled;  // what it said, in a kill
  if (lost || last_full_ >= spoke) {
    return;  // or it had to wait for room in the ring
  }
  // Accounted for, or about to be: a stall that has just ended, or in which the leader still is.
  const Duration pending = transition.at - heard > kStall ? transition.at - heard : Duration{0};
  const Duration blind = std::max(Duration{region_.header().blind_total_ns.load()} - blind_then,
                                  blind_->Within(spoke, transition.at)) +
                         pending;
  // After a blindness we hear for a whole confirmation first.
  const Profile& profile = region_.header().profiles[transition.profile];
  const Duration again = blind != Duration{0} && transition.reason != Reason::kNeverHeard
                             ? profile.confirmation
                             : Duration{0};
  const Duration held = guards_.HeldWithin(transition.id, spoke, transition.at);
  const Duration late = (transition.at - spoke) - AllowedMost(transition) - again - blind - held;
  if (late > kLate) {
    Fault(transition, "is late by " + InMilliseconds(late));
  }
}

// What is told on an endpoint's word was said by it, and came; a replay may come when what it was
// overtaken by has not been told yet.
void Witness::CheckSpoken(const Transition& transition, const Truth& truth) {
  const auto came = truth.came.find(transition.incarnation);
  if (came == truth.came.end() || came->second < transition.sequence) {
    Fault(transition, "was never said");
  }
}

void Witness::CheckSettled(Instant now) {
  guards_.CheckSettled();
  for (const Truth& truth : *fleet_) {
    if (truth.retired || (truth.deliveries.empty() && !truth.enrolled)) {
      continue;
    }
    Liveness expected = Liveness::kDead;
    if (truth.has_taken_leave()) {
      expected = Liveness::kLeft;
    } else if (truth.beats && !truth.left) {
      expected = Liveness::kAlive;
    }
    const Belief& belief = beliefs_[truth.id];
    // The last word of one that then fell silent is said once: where the ring had no room just
    // then, the verdict stays what it was, or silence tells.
    const bool was_full = !truth.deliveries.empty() && last_full_ >= truth.deliveries.back().at;
    if (belief.liveness != expected && !(was_full && expected != Liveness::kAlive) &&
        !MayHaveMissedLeave(truth, belief)) {
      std::ostringstream out;
      out << "endpoint " << truth.id << " is believed " << NameOf(belief.liveness) << " and is "
          << NameOf(expected) << " at " << now.time_since_epoch().count();
      faults_.push_back(out.str());
    }
  }
}

void Witness::CheckPayloads() {
  for (unsigned worker = 0; worker < region_.shape().workers; ++worker) {
    for (const PayloadEntry& entry : region_.payloads(worker)) {
      const auto payload = ReadPayload(entry);
      if (payload && payload->id != kNoEndpoint && !HasSaid(*payload)) {
        faults_.push_back("what is kept of endpoint " + std::to_string(payload->id) +
                          " was never said by it: load " + std::to_string(payload->load));
      }
    }
  }
}

bool Witness::HasSaid(const Payload& payload) const {
  const auto found = by_id_.find(payload.id);
  if (found == by_id_.end()) {
    return false;
  }
  const auto& came = (*fleet_)[found->second].came;
  const auto last = came.find(payload.incarnation);
  return last != came.end() && last->second >= payload.sequence &&
         payload.load == LoadOf(payload.incarnation, payload.sequence);
}

// A leave enrols nobody: one that another worker read while the first heartbeat still lay in the
// queue of a stalled one has overtaken it, as it may in the network, and is nobody's. Then silence
// tells. From the moment on at which its owner knows the endpoint, no leave is missed.
bool Witness::MayHaveMissedLeave(const Truth& truth, const Belief& belief) const {
  return belief.liveness == Liveness::kDead && truth.has_taken_leave() &&
         region_.shape().workers > 1 && truth.deliveries.back().at <= belief.enrolled_by_word;
}

void Witness::Fault(const Transition& transition, const std::string& sentence) {
  std::ostringstream out;
  out << NameOf(transition.reason) << " of endpoint " << transition.id << " ("
      << int{transition.from} << " -> " << int{transition.to} << ", incarnation "
      << transition.incarnation << ", sequence " << transition.sequence << ") at "
      << transition.at.time_since_epoch().count() << " " << sentence;
  faults_.push_back(out.str());
}

}  // namespace flatline
