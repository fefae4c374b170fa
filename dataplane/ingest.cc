#include "dataplane/ingest.h"

#include "dataplane/payload_elements.h"
#include "dataplane/responder.h"

#include <flatline/check.h>
#include <flatline/drop_reason.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

namespace flatline {
namespace {

// Kinds that a sender may address to us unasked; the others are answers, or not spoken yet.
constexpr bool IsForUs(HeartbeatKind kind) noexcept {
  return kind == HeartbeatKind::kHeartbeat || kind == HeartbeatKind::kLeave;
}

// A restart of an endpoint that is being watched. Should its hand-over be lost (a full ring, a
// kill), nobody may be called silent for that.
bool IsLaterLife(const RecordView& seen, const Heartbeat& heartbeat) noexcept {
  const bool is_watched =
      seen.state.liveness == Liveness::kAlive || seen.state.liveness == Liveness::kSuspect;
  return is_watched && heartbeat.kind == HeartbeatKind::kHeartbeat &&
         heartbeat.incarnation > seen.incarnation;
}

SourceAddress SourceAddressOf(const Frame& frame,
                              const Packet& packet,
                              std::uint8_t port) noexcept {
  const DatagramSource source = SourceOf(frame, packet);
  return {.ip = source.ip, .udp_port = source.udp_port, .port = port};
}

Heartbeat AcknowledgementOf(const Heartbeat& heartbeat, Slot slot, ProfileId profile) noexcept {
  return {.id = heartbeat.id,
          .sent_ns = heartbeat.sent_ns,
          .incarnation = heartbeat.incarnation,
          .sequence = heartbeat.sequence,
          .handle = slot,
          .profile = profile,
          .kind = HeartbeatKind::kAcknowledgement};
}

}  // namespace

Ingest::Ingest(IngestWiring wiring) noexcept
    : wiring_(std::move(wiring)),
      fast_path_(wiring_.index,
                 wiring_.own->table().FirstSlot(0),
                 static_cast<Slot>(wiring_.own->table().capacity()),
                 wiring_.authenticator,
                 wiring_.own->detector().sampling(),
                 *wiring_.tally) {}

void Ingest::Take(std::span<const Frame> frames,
                  std::span<const PlainHeartbeat> forms,
                  const Attachment& from,
                  const Moment& moment) noexcept {
  const Reception reception{.from = from, .moment = moment, .stamp = StampOf(moment.hearing)};
  fast_path_.Take(frames, forms, reception.stamp);
  AnswerStamped(from);
  for (auto left = fast_path_.left(); !left.empty();) {
    const std::size_t some = std::min(left.size(), burst_.size());
    const std::size_t count = Decode(left.first(some), reception);
    Find({burst_.data(), count});
    for (std::size_t i = 0; i < count; ++i) {
      Deliver(burst_[i], reception);
    }
    left = left.subspan(some);
  }
}

void Ingest::AnswerStamped(const Attachment& to) noexcept {
  for (const FastPath::Stamped& stamped : fast_path_.unanswered()) {
    const Packet packet = stamped.form->PacketOf(*stamped.frame);
    if (const auto heartbeat = DecodeHeartbeat(packet.payload)) {
      Reply({.frame = *stamped.frame, .packet = packet, .port = to, .master = stamped.master},
            AcknowledgementOf(*heartbeat, stamped.slot, stamped.profile));
    }
  }
}

// First pass: what is in the frames. How many heartbeats are in burst_ then.
std::size_t Ingest::Decode(std::span<const Frame* const> frames,
                           const Reception& reception) noexcept {
  const Attachment& from = reception.from;
  Tally& tally = *wiring_.tally;
  std::size_t count = 0;
  for (const Frame* frame : frames) {
    const auto packet = ParsePacket(*frame, *from.identity);
    if (!packet) [[unlikely]] {
      tally.Drop(packet.error());
      continue;
    }
    if (packet->kind != PacketClass::kDatagram) [[unlikely]] {
      if (AsksForAnswer(packet->kind)) {
        Answer(*frame, *packet, from);
      } else {
        TakeAnswer(*frame, *packet, reception);
      }
      continue;
    }
    if (DecodeDatagram(*packet, burst_[count])) [[likely]] {
      burst_[count].frame = frame;
      ++count;
    }
  }
  return count;
}

bool Ingest::DecodeDatagram(const Packet& packet, Pending& out) noexcept {
  const auto heartbeat = DecodeHeartbeat(packet.payload);
  if (!heartbeat) [[unlikely]] {
    wiring_.tally->Drop(heartbeat.error());
    return false;
  }
  if (!IsForUs(heartbeat->kind)) [[unlikely]] {
    const bool is_answer =
        heartbeat->kind == HeartbeatKind::kProbeReply && wiring_.neighbours != nullptr;
    const bool is_request =
        heartbeat->kind == HeartbeatKind::kLeaseRequest && wiring_.leases != nullptr;
    if (!is_answer && !is_request) {
      wiring_.tally->Drop(DropReason::kUnknownKind);
      return false;
    }
    if (is_answer && !IsOurProbe(*heartbeat)) {
      return false;
    }
  }
  out.group = kNoGroup;
  out.before.reset();
  out.says = false;
  out.master = Authenticator::kNoMaster;
  if (heartbeat->payload_length != 0) {
    const auto elements =
        ParsePayloadElements(packet.payload.subspan(kHeartbeatSize, heartbeat->payload_length));
    if (!elements) [[unlikely]] {
      wiring_.tally->Drop(elements.error());
      return false;
    }
    out.group = elements->group;
    out.says = elements->said != 0;
  }
  out.heartbeat = *heartbeat;
  out.packet = packet;
  if (heartbeat->handle < wiring_.index.records.size()) {
    __builtin_prefetch(&wiring_.index.records[heartbeat->handle], 1);
  }
  return true;
}

void Ingest::Answer(const Frame& frame, const Packet& packet, const Attachment& from) noexcept {
  std::byte* room = from.sink->Claim();
  if (room == nullptr) {
    wiring_.tally->Add(Counter::kReplyDropped);
    return;
  }
  const std::uint32_t length = BuildControlReply(
      frame, packet, *from.identity, std::span<std::byte, kReplyRoom>(room, kReplyRoom));
  if (length != 0) {
    from.sink->Commit(length);
    wiring_.tally->Add(Counter::kResponses);
  }
}

// Of a next hop, or of one who was sent an echo: the very probe, then, that it was to send back.
void Ingest::TakeAnswer(const Frame& frame,
                        const Packet& packet,
                        const Reception& reception) noexcept {
  Tally& tally = *wiring_.tally;
  if (wiring_.neighbours == nullptr) {
    tally.Drop(DropReason::kNotUdp);
    return;
  }
  if (packet.is_about_next_hop()) {
    const NeighbourWord word = NeighbourWordOf(frame, packet);
    if (!wiring_.neighbours->Answer(
            {.port = reception.from.port, .ip = word.ip}, word.mac, reception.moment.now)) {
      tally.Drop(DropReason::kNotUdp);
    }
    return;
  }
  const auto probe = DecodeHeartbeat(packet.payload);
  if (!probe || probe->kind != HeartbeatKind::kProbe) {
    tally.Drop(DropReason::kNotUdp);
    return;
  }
  if (IsOurProbe(*probe)) {
    HandOver({.heartbeat = *probe,
              .stamp = reception.stamp,
              .source = SourceAddressOf(frame, packet, reception.from.port)},
             reception);
  }
}

// Whether this process asked so, and when it says.
bool Ingest::IsOurProbe(const Heartbeat& answer) noexcept {
  if (answer.sent_ns == CookieOf(wiring_.probe_key, answer.id, answer.sequence)) {
    return true;
  }
  wiring_.tally->Add(Counter::kProbesUnmatched);
  return false;
}

// Second pass: the slots, by handle where it is true, else by the index, all at once.
void Ingest::Find(std::span<Pending> burst) noexcept {
  std::array<EndpointId, kLookupBurst> ids;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  std::array<Slot, kLookupBurst> slots;      // NOLINT(cppcoreguidelines-pro-type-member-init)
  std::array<std::size_t, kLookupBurst>
      positions;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  std::size_t asked = 0;
  for (std::size_t i = 0; i < burst.size(); ++i) {
    const Heartbeat& heartbeat = burst[i].heartbeat;
    if (heartbeat.handle < wiring_.index.records.size() &&
        wiring_.index.records[heartbeat.handle].id.load(std::memory_order_acquire) ==
            heartbeat.id) {
      burst[i].slot = heartbeat.handle;
      wiring_.tally->Add(Counter::kByHandle);
      continue;
    }
    if (heartbeat.handle != kNoSlot) {
      wiring_.tally->Add(Counter::kStaleHandle);
    }
    ids[asked] = heartbeat.id;
    positions[asked] = i;
    ++asked;
  }
  wiring_.index.FindBurst({ids.data(), asked}, {slots.data(), asked});
  for (std::size_t i = 0; i < asked; ++i) {
    burst[positions[i]].slot = slots[i];
  }
}

// Third pass: stamp, or tell the owner. Nothing is done for a heartbeat that may be forged.
void Ingest::Deliver(Pending& pending, const Reception& reception) noexcept {
  if (wiring_.authenticator != nullptr && !IsGenuine(pending)) {
    return;
  }
  const bool is_answer = pending.heartbeat.kind == HeartbeatKind::kProbeReply;
  if (pending.heartbeat.kind == HeartbeatKind::kLeaseRequest) [[unlikely]] {
    wiring_.leases->Take({.heartbeat = pending.heartbeat,
                          .packet = pending.packet,
                          .frame = *pending.frame,
                          .slot = pending.slot,
                          .master = pending.master,
                          .port = reception.from.port},
                         reception.moment);
    return;
  }
  Outcome outcome =
      pending.slot == kNoSlot || is_answer ? Outcome::kForOwner : Settle(pending, reception);
  if (outcome == Outcome::kForOwner) {
    outcome = ToOwner(pending, reception);
  }
  if (pending.says && !is_answer && outcome == Outcome::kCounted) {
    Convey(pending, reception);
  }
}

// False, and counted, where the tag is not as the endpoint's profile wants it: that in which it is,
// and of one that is not known the one in which it would be.
bool Ingest::IsGenuine(Pending& pending) noexcept {
  const Authenticator& authenticator = *wiring_.authenticator;
  const Heartbeat& heartbeat = pending.heartbeat;
  const EndpointRecord* record =
      pending.slot == kNoSlot ? nullptr : &wiring_.index.records[pending.slot];
  const bool is_known =
      record != nullptr && record->id.load(std::memory_order_acquire) == heartbeat.id;
  const ProfileId has = is_known ? View(*record).state.profile : kDefaultProfile;
  const Authentication mode = is_known ? authenticator.ModeOf(has, heartbeat.profile)
                                       : authenticator.ModeOf(heartbeat.profile);
  if (mode == Authentication::kOff) {
    return true;
  }
  const std::span<const std::byte> datagram = pending.packet.payload;
  const std::size_t stated = kHeartbeatSize + heartbeat.payload_length;
  if (!IsTagged(datagram)) {
    if (mode == Authentication::kRequired) {
      wiring_.tally->Drop(DropReason::kUntagged);
    }
    return mode == Authentication::kAccepted;
  }
  if (datagram.size() != stated + static_cast<std::size_t>(authenticator.tag_size())) {
    wiring_.tally->Drop(DropReason::kBadTag);
    return false;
  }
  const auto master = authenticator.Verify(datagram);
  if (!master) {
    wiring_.tally->Drop(DropReason::kBadTag);
    return false;
  }
  pending.master = *master;
  wiring_.tally->Add(Counter::kAuthenticated);
  return true;
}

// Deals with a heartbeat as far as anybody may.
Ingest::Outcome Ingest::Settle(Pending& pending, const Reception& reception) noexcept {
  const Heartbeat& heartbeat = pending.heartbeat;
  EndpointRecord& record = wiring_.index.records[pending.slot];
  const bool own = IsOwn(heartbeat);
  for (;;) {
    if (record.id.load(std::memory_order_relaxed) != heartbeat.id) {
      // moved or retired since it was found, perhaps by an earlier one of this burst
      return Outcome::kForOwner;
    }
    const RecordView seen = View(record);
    const Consideration what =
        wiring_.own->detector().Consider(seen, heartbeat, Arrived::kFromNetwork);
    if (!what.stamps && !what.concerns_owner) {
      wiring_.tally->Drop(what.drop);
      return Outcome::kDropped;
    }
    // The owner stamps, and counts, in Hear.
    if (what.stamps && !(own && what.concerns_owner) && !Store(record, seen, pending, reception)) {
      continue;  // somebody else stamped it in this instant: look again
    }
    if (what.concerns_owner) {
      if (!own) {
        NoteForOwner(record, seen, what.stamps, reception.stamp, pending);
      }
      return Outcome::kForOwner;
    }
    Acknowledge(pending, pending.slot, seen.state.profile, reception.from);
    return Outcome::kCounted;
  }
}

// What the record said before it was stamped by us, who do not own it: the evidence of a change. A
// later life is the owner's to begin; until then it is only known to have spoken.
void Ingest::NoteForOwner(EndpointRecord& record,
                          const RecordView& seen,
                          bool is_stamped,
                          Stamp now,
                          Pending& pending) noexcept {
  const bool is_later = IsLaterLife(seen, pending.heartbeat);
  if (is_later) {
    StampSpoken(record, seen, now);
  }
  if (is_later || is_stamped) {
    pending.before = seen.heard.stamp;
  }
}

// False where another worker stamped the record since it was seen.
bool Ingest::Store(EndpointRecord& record,
                   const RecordView& seen,
                   const Pending& pending,
                   const Reception& reception) noexcept {
  const std::uint32_t sequence = pending.heartbeat.sequence;
  const bool own = IsOwn(pending.heartbeat);
  if (own) {
    StampOwn(record, sequence, reception.stamp);
  } else if (!StampForeign(record, seen, sequence, reception.stamp)) {
    return false;
  }
  NoteGap(record, seen, wiring_.own->detector().sampling(), sequence, reception.stamp);
  wiring_.tally->Add(Counter::kHeartbeats);
  wiring_.tally->Add(Counter::kForeign, own ? 0 : 1);
  return true;
}

Ingest::Outcome Ingest::ToOwner(const Pending& pending, const Reception& reception) noexcept {
  if (wiring_.neighbours != nullptr) {
    LearnWay(pending, reception);
  }
  const HearOutcome outcome =
      HandOver({.heartbeat = pending.heartbeat,
                .stamp = reception.stamp,
                .group = pending.group,
                .source = SourceAddressOf(*pending.frame, pending.packet, reception.from.port),
                .before = pending.before},
               reception);
  if (outcome.counted) {
    Acknowledge(pending, outcome.slot, outcome.profile, reception.from);
  }
  return outcome.counted || outcome.handed_over ? Outcome::kCounted : Outcome::kDropped;
}

// To this worker's shard at once, to another's over its ring: what comes of that it is not told.
HearOutcome Ingest::HandOver(const Handoff& handoff, const Reception& reception) noexcept {
  if (IsOwn(handoff.heartbeat)) {
    return wiring_.own->Hear(
        handoff, Arrived::kFromNetwork, reception.moment, *wiring_.ring, *wiring_.tally);
  }
  if (wiring_.handoffs[OwnerOf(handoff.heartbeat)]->TryPush(handoff)) {
    wiring_.tally->Add(Counter::kHandedOver);
    return {.handed_over = true};
  }
  wiring_.tally->Drop(DropReason::kHandoffFull);
  return {};
}

// By which way a frame of this endpoint came is the way back, should it be asked one day.
void Ingest::LearnWay(const Pending& pending, const Reception& reception) noexcept {
  const Frame& frame = *pending.frame;
  const Packet& packet = pending.packet;
  const ProfileId asked = pending.heartbeat.profile;
  const ProfileId has = pending.slot == kNoSlot
                            ? wiring_.own->detector().default_profile()
                            : View(wiring_.index.records[pending.slot]).state.profile;
  const ProbePlans& plans = wiring_.own->probe_plans();
  const std::size_t tag_bytes = packet.l3_offset - std::size_t{14};
  if ((plans.Of(asked).kind == ProbeKind::kOff && plans.Of(has).kind == ProbeKind::kOff) ||
      tag_bytes > kMostTagBytes || (frame.data[6] & std::byte{1}) != std::byte{0}) {
    return;
  }
  NextHop hop;
  std::memcpy(hop.mac.data(), frame.data + 6, hop.mac.size());
  hop.tag_bytes = static_cast<std::uint8_t>(tag_bytes);
  std::memcpy(hop.tags.data(), frame.data + 12, tag_bytes);
  hop.ours = DestinationOf(frame, packet);
  wiring_.neighbours->Learn(
      {.port = reception.from.port, .ip = SourceOf(frame, packet).ip}, hop, reception.moment.now);
}

// What a heartbeat that counted says of its endpoint, to be kept by the owner.
void Ingest::Convey(const Pending& pending, const Reception& reception) noexcept {
  const Heartbeat& heartbeat = pending.heartbeat;
  const auto elements = ParsePayloadElements(
      pending.packet.payload.subspan(kHeartbeatSize, heartbeat.payload_length));
  PayloadRing* const ring = IsOwn(heartbeat) ? nullptr : wiring_.payloads[OwnerOf(heartbeat)];
  if (!elements || !wiring_.own->keeps_payloads()) {
    return;
  }
  Payload said{.id = heartbeat.id,
               .heard_ns = reception.moment.now.time_since_epoch().count(),
               .sent_ns = heartbeat.sent_ns,
               .incarnation = heartbeat.incarnation,
               .sequence = heartbeat.sequence,
               .load = elements->load,
               .memory = elements->memory,
               .said = elements->said,
               .port = reception.from.port,
               .text_size = static_cast<std::uint8_t>(elements->text.size())};
  std::ranges::copy(std::as_bytes(std::span(elements->text)),
                    std::as_writable_bytes(std::span(said.text)).begin());
  if (ring == nullptr) {
    wiring_.own->KeepPayload(said, *wiring_.tally);
  } else if (!ring->TryPush(said)) {
    wiring_.tally->Add(Counter::kPayloadsRefused);
  }
}

void Ingest::Acknowledge(const Pending& pending,
                         Slot slot,
                         ProfileId profile,
                         const Attachment& to) noexcept {
  if (pending.heartbeat.wants_acknowledgement) {
    Reply({.frame = *pending.frame, .packet = pending.packet, .port = to, .master = pending.master},
          AcknowledgementOf(pending.heartbeat, slot, profile));
  }
}

void Ingest::Reply(const ReplyRoute& route, const Heartbeat& acknowledgement) noexcept {
  std::array<std::byte, kHeartbeatSize + kMostTag> message{};
  EncodeHeartbeat(acknowledgement, std::span(message).first<kHeartbeatSize>());
  if (SendReply(route, message, wiring_.authenticator, *wiring_.tally)) {
    wiring_.tally->Add(Counter::kAcknowledged);
  }
}

}  // namespace flatline
