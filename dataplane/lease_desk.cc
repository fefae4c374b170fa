#include "dataplane/lease_desk.h"

#include "dataplane/detector.h"
#include "dataplane/reply.h"

#include <flatline/check.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <span>
#include <utility>

namespace flatline {
namespace {

constexpr std::size_t kUdpHeader = 8;

bool IsAlive(Liveness liveness) noexcept {
  return liveness == Liveness::kAlive || liveness == Liveness::kSuspect;
}

void Refuse(LeaseAnswer why, LeaseErrand& errand) noexcept {
  errand.is_answer = true;
  errand.request.message.what = static_cast<std::uint8_t>(why);
  errand.request.message.term_ms = 0;
  errand.request.message.token = 0;
  errand.request.message.holder = kNoEndpoint;
}

}  // namespace

LeaseDesk::LeaseDesk(LeaseDeskWiring wiring) : wiring_(std::move(wiring)) {}

void LeaseDesk::Take(const LeaseCall& call, const Moment& moment) noexcept {
  LeaseErrand errand;
  if (!Admit(call, errand)) {
    return;
  }
  wiring_.tally->Add(Counter::kLeaseRequests);
  if (errand.is_answer) {
    wiring_.tally->Add(Counter::kLeasesRefused);
    Answer(errand);
    return;
  }
  const unsigned owner = OwnerOf(errand.request.message.name);
  if (owner == wiring_.worker) {
    bool answers = false;
    Decide(errand, moment, answers);
    if (answers) {
      Answer(errand);
    }
  } else if (!wiring_.outgoing[owner]->TryPush(errand)) {
    wiring_.tally->Drop(DropReason::kHandoffFull);
  }
}

// False: it is dropped, and counted. An errand that is an answer by then was refused.
bool LeaseDesk::Admit(const LeaseCall& call, LeaseErrand& errand) noexcept {
  const Heartbeat& heartbeat = call.heartbeat;
  Tally& tally = *wiring_.tally;
  const auto message = DecodeLease(
      call.packet.payload.subspan(kHeartbeatSize, heartbeat.payload_length), kElementLeaseRequest);
  const std::size_t header_bytes = call.packet.l4_offset + kUdpHeader;
  if (!message || message->term_ms == 0 || heartbeat.sent_ns == 0 ||
      message->what > static_cast<std::uint8_t>(LeaseWish::kRelease)) {
    tally.Drop(DropReason::kBadPayload);
    return false;
  }
  if (header_bytes > kMostHeaders) {
    tally.Drop(DropReason::kBadExtension);
    return false;
  }
  const auto records = wiring_.region.records();
  if (call.slot >= records.size() ||
      records[call.slot].id.load(std::memory_order_acquire) != heartbeat.id) {
    tally.Drop(DropReason::kUnknownEndpoint);
    return false;
  }
  const RecordView seen = View(records[call.slot]);
  if (heartbeat.incarnation < seen.incarnation) {
    tally.Drop(DropReason::kOldIncarnation);
    return false;
  }
  const bool is_of_this_life = heartbeat.incarnation == seen.incarnation;
  // A request follows the heartbeat whose sequence it repeats: one from before the last that was
  // heard is an old one that comes again, or was overtaken.
  if (is_of_this_life && static_cast<std::int32_t>(heartbeat.sequence - seen.heard.sequence) < 0) {
    tally.Drop(DropReason::kOldSequence);
    return false;
  }
  errand.sequence = heartbeat.sequence;
  errand.request = {.message = *message,
                    .id = heartbeat.id,
                    .incarnation = heartbeat.incarnation,
                    .group = wiring_.region.groups()[call.slot].load(std::memory_order_relaxed),
                    .sent_ns = heartbeat.sent_ns};
  errand.route = {.headers = {},
                  .header_bytes = static_cast<std::uint16_t>(header_bytes),
                  .l3_offset = call.packet.l3_offset,
                  .l4_offset = call.packet.l4_offset,
                  .l4_length = call.packet.l4_length,
                  .is_ipv6 = call.packet.is_ipv6,
                  .port = call.port,
                  .master = call.master};
  std::memcpy(errand.route.headers.data(), call.frame.data, header_bytes);
  if (!is_of_this_life || !IsAlive(seen.state.liveness)) {
    Refuse(LeaseAnswer::kNotAlive, errand);
  } else if (!IsEntitled(errand.request)) {
    Refuse(LeaseAnswer::kNotEntitled, errand);
  }
  return true;
}

bool LeaseDesk::IsEntitled(const LeaseRequest& request) const noexcept {
  const LeaseName& name = request.message.name;
  switch (name.space) {
    case LeaseSpace::kOwn:
      return name.number == request.id;
    case LeaseSpace::kLeader:
      return name.number != kNoGroup && name.number == request.group;
    case LeaseSpace::kName:
      break;
  }
  return true;
}

// As the owner of the name.
void LeaseDesk::Decide(LeaseErrand& errand, const Moment& moment, bool& answers) noexcept {
  const auto answer = wiring_.own->Ask(errand.request, moment, *wiring_.ring, *wiring_.tally);
  answers = answer.has_value();
  if (answer) {
    errand.is_answer = true;
    errand.request.message = *answer;
  }
}

bool LeaseDesk::Turn(const Moment& moment) noexcept {
  for (std::size_t from = 0; from < wiring_.incoming.size(); ++from) {
    LeaseRing* const ring = wiring_.incoming[from];
    if (ring == nullptr) {
      continue;
    }
    ring->Drain([&](const LeaseErrand& errand) {
      if (errand.is_answer) {
        Answer(errand);
        return;
      }
      LeaseErrand back = errand;
      bool answers = false;
      Decide(back, moment, answers);
      if (answers && !wiring_.outgoing[from]->TryPush(back)) {
        wiring_.tally->Add(Counter::kReplyDropped);
      }
    });
  }
  if (std::exchange(has_sent_, false)) {
    for (const Attachment& port : ports_) {
      wiring_.tally->Add(Counter::kReplyDropped, port.sink->Flush());
    }
  }
  return wiring_.own->Expire(moment, kLeasesPerTurn, *wiring_.ring, *wiring_.tally);
}

const Attachment* LeaseDesk::PortOf(const LeaseErrand& errand) const noexcept {
  const auto found = std::ranges::find(ports_, errand.route.port, &Attachment::port);
  return found == ports_.end() ? nullptr : &*found;
}

// With a tag where the request had one, and of its length: so never longer than the request.
void LeaseDesk::Answer(const LeaseErrand& errand) noexcept {
  const LeaseRoute& route = errand.route;
  const Attachment* const port = PortOf(errand);
  if (port == nullptr) {
    wiring_.tally->Add(Counter::kReplyDropped);
    return;
  }
  std::array<std::byte, kHeartbeatSize + kLeasePayload + kMostTag> message{};
  EncodeHeartbeat({.id = errand.request.id,
                   .sent_ns = errand.request.sent_ns,
                   .incarnation = errand.request.incarnation,
                   .sequence = errand.sequence,
                   .kind = HeartbeatKind::kLeaseGrant,
                   .payload_length = kLeasePayload},
                  std::span(message).first<kHeartbeatSize>());
  EncodeLease(errand.request.message,
              kElementLeaseGrant,
              std::span(message).subspan<kHeartbeatSize, kLeasePayload>());
  const Frame frame{.data = route.headers.data(), .length = route.header_bytes};
  Packet packet;
  packet.is_ipv6 = route.is_ipv6;
  packet.l3_offset = route.l3_offset;
  packet.l4_offset = route.l4_offset;
  packet.l4_length = route.l4_length;
  has_sent_ |= SendReply({.frame = frame, .packet = packet, .port = *port, .master = route.master},
                         message,
                         wiring_.authenticator,
                         *wiring_.tally);
}

}  // namespace flatline
