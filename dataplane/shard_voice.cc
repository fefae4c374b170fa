// What a shard makes of how its endpoints speak, beyond that they do: payloads, lateness, ports.
#include "dataplane/delay_history.h"
#include "dataplane/shard.h"

#include <flatline/detectors.h>

namespace flatline {

void Shard::KeepPayload(const Payload& said, Tally& tally) noexcept {
  const Slot slot = index_.Find(said.id, HashOf(said.id));
  if (slot == kNoSlot || !keeps_payloads()) {
    return;  // retired since, or never admitted
  }
  NotePort(slot, said.port, tally);
  const PayloadPool::Kept kept = payloads_.Keep(said);
  tally.Add(Counter::kPayloads, kept == PayloadPool::Kept::kKept ? 1 : 0);
  tally.Add(Counter::kPayloadsRefused, kept == PayloadPool::Kept::kFull ? 1 : 0);
}

// By how much the heartbeat that ends a silence was late, where it was sent before the deadline
// that it missed: then the endpoint was there, and only its word was not. By the sender's clock,
// and the transits of its heartbeats before the silence; nothing where these were not looked at.
std::optional<Duration> Shard::LatenessOf(const Handoff& heard,
                                          const Change& change,
                                          Slot slot,
                                          std::int64_t silence,
                                          const Moment& moment) const noexcept {
  if (change.reason != Reason::kHeartbeatResumed) {
    return std::nullopt;
  }
  const EndpointRecord& record = table_.record(slot);
  const auto known = payloads_.Find(record.id.load(std::memory_order_relaxed));
  if (!known || known->incarnation != heard.heartbeat.incarnation) {
    return std::nullopt;
  }
  const auto late = flatline::LatenessOf(*known, heard.heartbeat.sent_ns, moment.now);
  const SilenceRule& rule = detector_.TimingOf(change.next.profile).silence;
  const std::int64_t allowed{AllowedSilence(rule, record.arrival.load(std::memory_order_relaxed))};
  return late && SilenceOf(silence) - *late < kStampUnit * allowed ? late : std::nullopt;
}

// Who comes by another port of ours than the one under which it is known is counted. Only where the
// owner hears of a heartbeat, which is not the case of plain ones.
void Shard::NotePort(Slot slot, std::uint8_t port, Tally& tally) noexcept {
  const SourceAddress& known = table_.address(slot);
  if (known.udp_port != 0 && known.port < kMaxPorts && known.port != port) {
    tally.Add(Counter::kOtherPort);
  }
}

// Where an endpoint that is alive again comes from now. A later life may begin anywhere.
void Shard::MoveTo(Slot slot, const SourceAddress& source, Reason reason, Tally& tally) noexcept {
  if (reason != Reason::kRestarted) {
    NotePort(slot, source.port, tally);
  }
  SourceAddress& known = table_.address(slot);
  const bool has_moved = known.ip != source.ip;
  const std::uint8_t round_trip = has_moved ? std::uint8_t{0} : known.round_trip;
  known = source;
  known.round_trip = round_trip;
}

}  // namespace flatline
