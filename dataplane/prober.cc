#include "dataplane/prober.h"

#include "dataplane/probe_frame.h"

#include <flatline/heartbeat.h>
#include <flatline/round_trip.h>

#include <algorithm>
#include <bit>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

namespace flatline {
namespace {

constexpr std::size_t kPlaces = 4096;  // of Given
constexpr int kSecondShift = 30;       // 1.07 s
constexpr Duration kLeastRetry{1'000'000};
constexpr Duration kBurstOfRate{1'000'000};
// Blocks that a hand may pass over in one turn.
constexpr std::uint64_t kBlocksPerTurn = 512;
constexpr std::size_t kLargestProbe = kHeartbeatSize + static_cast<std::size_t>(TagSize::k128Bits);

// Coprime to `blocks`, and about its golden section: multiples of it lie as evenly as can be.
std::uint32_t StrideOf(std::uint32_t blocks) noexcept {
  auto stride = static_cast<std::uint32_t>(0.618033988749895 * blocks);
  while (std::gcd(stride, blocks) != 1) {
    ++stride;
  }
  return stride;
}

int SharedBits(const IpAddress& a, const IpAddress& b) noexcept {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i]) {
      const auto difference = static_cast<std::uint8_t>(a[i] ^ b[i]);
      return static_cast<int>(8 * i) + std::countl_zero(difference);
    }
  }
  return 128;
}

// The address of the port's that is nearest to `to` among those of its family; null: none.
const IpAddress* NearestOf(const std::vector<IpAddress>& ours, const IpAddress& to) noexcept {
  const IpAddress* out = nullptr;
  for (const IpAddress& each : ours) {
    if (IsIpv4(each) == IsIpv4(to) &&
        (out == nullptr || SharedBits(each, to) > SharedBits(*out, to))) {
      out = &each;
    }
  }
  return out;
}

Duration BlindOf(const Moment& moment) noexcept {
  return moment.now.time_since_epoch() - moment.hearing.time_since_epoch();
}

}  // namespace

Prober::Prober(const ProberWiring& wiring, HearingInstant began)
    : shard_(wiring.shard),
      neighbours_(wiring.neighbours),
      authenticator_(wiring.authenticator),
      key_(wiring.key),
      cost_(1'000'000'000 /
            static_cast<std::int64_t>(std::max<std::uint64_t>(wiring.probes_per_second, 1))),
      stride_(StrideOf(wiring.shard->table().block_count())),
      given_(kPlaces) {
  for (ProfileId id = kFirstBuiltInProfile; id < kMaxProfiles; ++id) {
    if (shard_->detector().Knows(id) && shard_->probe_plans().Of(id).pulls) {
      hands_.push_back({.profile = id, .began = began, .lap_began = began});
    }
  }
  for (Hand& hand : hands_) {
    hand.last_lap = hand.lap_before = LapToExpect();
  }
}

// Of those whom a predecessor asked nobody knows when: at the rate allowed, as long ago as this.
Duration Prober::LapToExpect() const noexcept {
  const EndpointTable& table = shard_->table();
  std::int64_t asked = 0;
  for (std::uint32_t block = 0; block < table.block_count(); ++block) {
    if (shard_->probe_plans().Of(table.ProfileOf(block)).pulls) {
      asked += std::popcount(table.TakenIn(block));
    }
  }
  return asked * cost_;
}

bool Prober::Turn(const Moment& moment, TransitionProducer& ring, Tally& tally) noexcept {
  Asking asking{.moment = moment, .ring = ring, .tally = tally};
  TakeRounds(asking);
  for (Hand& hand : hands_) {
    Pull(hand, asking);
  }
  if (asking.frames != 0) {
    for (const Attachment& port : ports_) {
      tally.Add(Counter::kReplyDropped, port.sink->Flush());
    }
  }
  return asking.frames >= kProbesPerTurn;
}

void Prober::TakeRounds(Asking& asking) noexcept {
  // Bounded by steps too: those that end cost no frame.
  for (std::size_t steps = 0; steps < 2 * kProbesPerTurn && asking.frames < kProbesPerTurn;
       ++steps) {
    ProbeRound* round = shard_->probe_rounds()->Due(asking.moment.horizon);
    if (round == nullptr) {
      return;
    }
    Step(*round, asking);
  }
}

bool Prober::IsOpen(const ProbeRound& round) const noexcept {
  const EndpointRecord& record = shard_->table().record(round.slot);
  const RecordView seen = View(record);
  return record.id.load(std::memory_order_relaxed) == round.id &&
         seen.state.liveness == Liveness::kSuspect && seen.heard.stamp == round.heard;
}

// One more probe, or, when all went unanswered, the verdict.
void Prober::Step(ProbeRound& round, Asking& asking) noexcept {
  ProbeRounds& rounds = *shard_->probe_rounds();
  const Moment& moment = asking.moment;
  if (!IsOpen(round)) {
    rounds.End();
    return;
  }
  const ProbePlan& plan =
      shard_->probe_plans().Of(View(shard_->table().record(round.slot)).state.profile);
  round.was_deaf = round.was_deaf || BlindOf(moment) > round.blind;
  const Duration trip = RoundTripOf(shard_->table().address(round.slot).round_trip);
  if (round.sent >= plan.probes + (round.was_deaf ? 1 : 0)) {
    // Silence is evidence only of one that is known to answer, and only if we could hear.
    const bool tells = !round.was_deaf && trip != Duration{0};
    if (tells && !shard_->Condemn(round.slot, round.heard, moment, asking.ring, asking.tally)) {
      rounds.PutOff(moment.horizon + kLeastRetry);
      return;
    }
    rounds.End();
    return;
  }
  switch (Ask(round.slot, round.sent, asking)) {
    case Outcome::kSent:
      ++round.sent;
      rounds.PutOff(moment.horizon + (round.sent < plan.probes
                                          ? plan.spacing
                                          : std::max(plan.spacing, kRoundTripsOfSilence * trip)));
      return;
    case Outcome::kNoWay:
    case Outcome::kHeldBack:
    case Outcome::kRefused:
      rounds.PutOff(moment.horizon + std::max(plan.spacing / 4, kLeastRetry));
      return;
  }
}

void Prober::Pull(Hand& hand, Asking& asking) noexcept {
  MoveHand(hand, asking);
  const Duration lap = asking.moment.horizon - hand.lap_began;
  shard_->SetLap(hand.profile, std::max({lap, hand.last_lap, hand.lap_before}));
}

// To where it is due. One that is more than a lap behind gives up having been so.
void Prober::MoveHand(Hand& hand, Asking& asking) noexcept {
  const std::uint64_t blocks = shard_->table().block_count();
  const Duration interval = shard_->probe_plans().Of(hand.profile).interval;
  const Duration passed = std::max(asking.moment.horizon - hand.began, Duration{0});
  const auto rounds = static_cast<std::uint64_t>(passed / interval);
  const auto within =
      static_cast<double>((passed % interval).count()) / static_cast<double>(interval.count());
  std::uint64_t due =
      rounds * blocks + static_cast<std::uint64_t>(within * static_cast<double>(blocks));
  if (due > hand.done + blocks) {
    const std::uint64_t laps = (due - hand.done - 1) / blocks;
    hand.began += static_cast<std::int64_t>(laps) * interval;
    due -= laps * blocks;
  }
  for (std::uint64_t passed_over = 0; hand.done < due && passed_over < kBlocksPerTurn;
       ++passed_over) {
    const auto block = static_cast<std::uint32_t>(hand.done % blocks * stride_ % blocks);
    if (!PullBlock(hand, block, asking)) {
      return;
    }
    ++hand.done;
    if (hand.done % blocks == 0) {
      hand.lap_before = std::exchange(hand.last_lap, asking.moment.horizon - hand.lap_began);
      hand.lap_began = asking.moment.horizon;
    }
  }
}

// Of one that beats by itself a pull is the second string: not needed while the first holds. What
// answers alone keep alive is a whole interval old when its turn comes, and is asked.
bool Prober::IsBeating(const RecordView& seen, HearingInstant horizon) const noexcept {
  const Duration interval = shard_->probe_plans().Of(seen.state.profile).interval;
  return HasBeaten(seen.heard) && seen.state.liveness == Liveness::kAlive &&
         SilenceOf(AgeOf(seen.heard.stamp, HorizonStamp(horizon))) < interval * 15 / 16;
}

// False: the turn's frames are used up within the block.
bool Prober::PullBlock(Hand& hand, std::uint32_t block, Asking& asking) noexcept {
  const EndpointTable& table = shard_->table();
  if (table.ProfileOf(block) != hand.profile) {
    return true;
  }
  if (hand.left == 0) {
    hand.left = table.TakenIn(block);
  }
  for (hand.left &= table.TakenIn(block); hand.left != 0; hand.left &= hand.left - 1) {
    const Slot slot = table.FirstSlot(block) + static_cast<Slot>(std::countr_zero(hand.left));
    const RecordView seen = View(table.record(slot));
    if (seen.state.liveness == Liveness::kLeft || IsBeating(seen, asking.moment.horizon)) {
      continue;
    }
    const auto attempt = static_cast<std::uint8_t>(hand.done / table.block_count());
    if (asking.frames >= kProbesPerTurn) {
      return false;
    }
    const Outcome outcome = Ask(slot, attempt, asking);
    if (outcome == Outcome::kHeldBack) {
      return false;
    }
    if (outcome == Outcome::kRefused) {
      shard_->Excuse(slot, asking.moment);
    }
  }
  return true;
}

Prober::Outcome Prober::Ask(Slot slot, std::uint8_t attempt, Asking& asking) noexcept {
  const SourceAddress& to = shard_->table().address(slot);
  const Attachment* port = PortFor(to);
  if (port == nullptr || !IsHostAddress(to.ip)) {
    asking.tally.Add(Counter::kProbesUnresolved);
    return Outcome::kNoWay;
  }
  if (const Outcome permit = Permit(to.ip, asking.moment); permit != Outcome::kSent) {
    asking.tally.Add(Counter::kProbesHeldBack);
    return permit;
  }
  const auto hop = WayTo(*port, to.ip, attempt != 0, asking);
  if (!hop) {
    asking.tally.Add(Counter::kProbesUnresolved);
    return Outcome::kNoWay;
  }
  std::byte* room = port->sink->Claim();
  if (room == nullptr) {
    asking.tally.Add(Counter::kProbesHeldBack);
    return Outcome::kHeldBack;
  }
  const ProbePlan& plan =
      shard_->probe_plans().Of(View(shard_->table().record(slot)).state.profile);
  std::array<std::byte, kLargestProbe> bytes{};
  const auto message = std::span(bytes).first(Message(slot, attempt, plan, asking.moment, bytes));
  const std::span<std::byte, kReplyRoom> frame(room, kReplyRoom);
  const auto sequence = static_cast<std::uint16_t>(ProbeTimeOf(asking.moment.hearing));
  port->sink->Commit(
      plan.kind == ProbeKind::kEcho
          ? BuildEchoRequest(*port->identity, *hop, {to.ip, sequence}, message, frame)
          : BuildProbe(*port->identity, *hop, {to.ip, to.udp_port}, message, frame));
  asking.tally.Add(Counter::kProbesSent);
  ++asking.frames;
  return Outcome::kSent;
}

// The one by which it was heard; for one that was never heard, the one whose address is nearest.
const Attachment* Prober::PortFor(const SourceAddress& to) const noexcept {
  const Attachment* out = nullptr;
  int shared = -1;
  for (const Attachment& each : ports_) {
    if (each.port == to.port) {
      return &each;
    }
    const IpAddress* ours = NearestOf(each.identity->addresses, to.ip);
    if (to.port == kAnyPort && ours != nullptr && SharedBits(*ours, to.ip) > shared) {
      out = &each;
      shared = SharedBits(*ours, to.ip);
    }
  }
  return out;
}

Prober::Outcome Prober::Permit(const IpAddress& to, const Moment& moment) noexcept {
  const auto second =
      static_cast<std::uint32_t>(moment.now.time_since_epoch().count() >> kSecondShift);
  Given& given =
      given_[SipHash(key_, std::as_bytes(std::span{to}), TagSize::k64Bits).low % kPlaces];
  if (given.second != second) {
    given = {.second = second, .count = 0};
  }
  const Instant before = std::max(spent_, moment.now - std::max(kBurstOfRate, 64 * cost_));
  if (given.count >= kMostToOne) {
    return Outcome::kRefused;
  }
  if (before + cost_ > moment.now) {
    return Outcome::kHeldBack;
  }
  ++given.count;
  spent_ = before + cost_;
  return Outcome::kSent;
}

// As it was learnt or resolved; else by the port's router, where it has one; else nobody knows, and
// is asked.
std::optional<NextHop> Prober::WayTo(const Attachment& port,
                                     const IpAddress& to,
                                     bool doubted,
                                     Asking& asking) noexcept {
  const IpAddress* ours = NearestOf(port.identity->addresses, to);
  const IpAddress* gateway = NearestOf(port.identity->gateways, to);
  const Neighbours::Place direct{.port = port.port, .ip = to};
  const auto completed = [ours](std::optional<NextHop> hop) -> std::optional<NextHop> {
    if (hop && hop->ours == IpAddress{}) {
      if (ours == nullptr) {
        return std::nullopt;
      }
      hop->ours = *ours;
    }
    return hop;
  };
  if (gateway != nullptr) {
    if (const auto known = neighbours_->Find(direct)) {
      return completed(known);
    }
  }
  const Neighbours::Place place =
      gateway == nullptr ? direct : Neighbours::Place{.port = port.port, .ip = *gateway};
  if (ours == nullptr) {
    return neighbours_->Find(place);  // nothing to ask by
  }
  const Neighbours::Way way =
      neighbours_->Consult(place, asking.moment.now, doubted && gateway == nullptr);
  if (way.ask) {
    AskForWay(port, place.ip, asking);
  }
  return completed(way.hop);
}

void Prober::AskForWay(const Attachment& port, const IpAddress& wanted, Asking& asking) noexcept {
  const IpAddress* ours = NearestOf(port.identity->addresses, wanted);
  std::byte* room = port.sink->Claim();
  if (ours == nullptr || room == nullptr) {
    return;
  }
  port.sink->Commit(BuildNextHopRequest(
      *port.identity, *ours, wanted, std::span<std::byte, kReplyRoom>(room, kReplyRoom)));
  asking.tally.Add(Counter::kNextHopsAsked);
  ++asking.frames;
}

// The probe, as it is in UDP and in an echo; its size. While two master keys hold, agents may have
// either: attempts take turns.
std::size_t Prober::Message(Slot slot,
                            std::uint8_t attempt,
                            const ProbePlan& plan,
                            const Moment& moment,
                            std::span<std::byte> out) const noexcept {
  const EndpointRecord& record = shard_->table().record(slot);
  const RecordView seen = View(record);
  const EndpointId id = record.id.load(std::memory_order_relaxed);
  const ProbeTime sent = ProbeTimeOf(moment.hearing);
  const auto message = out.first<kHeartbeatSize>();
  EncodeHeartbeat({.id = id,
                   .sent_ns = CookieOf(key_, id, sent),
                   .incarnation = seen.incarnation,
                   .sequence = sent,
                   .handle = slot,
                   .profile = seen.state.profile,
                   .kind = HeartbeatKind::kProbe},
                  message);
  if (plan.kind == ProbeKind::kEcho || authenticator_ == nullptr ||
      authenticator_->ModeOf(seen.state.profile) == Authentication::kOff) {
    return kHeartbeatSize;
  }
  MarkTagged(message);
  authenticator_->Sign(static_cast<Authenticator::Master>(attempt % authenticator_->masters()),
                       message,
                       out.subspan(kHeartbeatSize));
  return kHeartbeatSize + static_cast<std::size_t>(authenticator_->tag_size());
}

}  // namespace flatline
