// From a burst of frames to stamped records: what a worker does with what it receives. The fast
// path takes what is routine; the rest, in the order in which it came, goes the thorough way:
// parsed, decoded, looked up in bulk, stamped, answered; what only the owner of an endpoint may do
// goes to it. Called by one worker from its turn; several workers' ingests run side by side over
// the same records. Nothing of a frame is believed, and each one ends in a counter. No allocation.
// Cost: one line of the record by handle, one more of the index without, misses of a burst
// overlapped.
#pragma once

#include "dataplane/attachment.h"
#include "dataplane/authenticator.h"
#include "dataplane/detector.h"
#include "dataplane/endpoint_index.h"
#include "dataplane/fast_path.h"
#include "dataplane/frame.h"
#include "dataplane/handoff.h"
#include "dataplane/lease_desk.h"
#include "dataplane/neighbours.h"
#include "dataplane/packet.h"
#include "dataplane/plain_heartbeat.h"
#include "dataplane/reply.h"
#include "dataplane/shard.h"
#include "dataplane/tally.h"

#include <flatline/endpoint.h>
#include <flatline/heartbeat.h>
#include <flatline/time.h>
#include <flatline/transition_ring.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace flatline {

// Whom a worker's ingest works for. What the pointers name outlives it.
struct IngestWiring {
  unsigned worker = 0;
  IndexSet index;                      // of all shards
  Shard* own = nullptr;                // this worker's
  std::vector<HandoffRing*> handoffs;  // to each worker, by number; null at this one's own place
  std::vector<PayloadRing*> payloads;  // the same; all null where none are kept
  TransitionProducer* ring = nullptr;
  Tally* tally = nullptr;
  const Authenticator* authenticator = nullptr;  // null: no tag is looked at
  Neighbours* neighbours = nullptr;              // null: nobody asks, and no answer is expected
  SipKey probe_key{};                            // of cookies
  LeaseDesk* leases = nullptr;                   // null: none is granted
};

class Ingest {
 public:
  explicit Ingest(IngestWiring wiring) noexcept;

  // Deals with the frames of one burst, at most kBurst. Nothing of them is kept. `forms` are the
  // plain heartbeats of the port, made from its identity.
  void Take(std::span<const Frame> frames,
            std::span<const PlainHeartbeat> forms,
            const Attachment& from,
            const Moment& moment) noexcept;

 private:
  // A heartbeat on its way through the three passes of the thorough way.
  struct Pending {
    Heartbeat heartbeat;
    Packet packet;
    const Frame* frame = nullptr;
    Group group = kNoGroup;
    Slot slot = kNoSlot;
    std::optional<Stamp> before;  // of the record, where this heartbeat's replaced it
    bool says = false;            // something of itself, in its payload
    Authenticator::Master master = Authenticator::kNoMaster;  // by which its tag was right
  };

  // What became of a heartbeat so far.
  enum class Outcome : std::uint8_t { kDropped, kCounted, kForOwner };

  // What is the same for a whole burst.
  struct Reception {
    const Attachment& from;
    const Moment& moment;
    Stamp stamp;
  };

  void AnswerStamped(const Attachment& to) noexcept;
  [[nodiscard]] std::size_t Decode(std::span<const Frame* const> frames,
                                   const Reception& reception) noexcept;
  [[nodiscard]] bool DecodeDatagram(const Packet& packet, Pending& out) noexcept;
  void Answer(const Frame& frame, const Packet& packet, const Attachment& from) noexcept;
  void TakeAnswer(const Frame& frame, const Packet& packet, const Reception& reception) noexcept;
  [[nodiscard]] bool IsOurProbe(const Heartbeat& answer) noexcept;
  void LearnWay(const Pending& pending, const Reception& reception) noexcept;
  void Find(std::span<Pending> burst) noexcept;
  void Deliver(Pending& pending, const Reception& reception) noexcept;
  [[nodiscard]] bool IsGenuine(Pending& pending) noexcept;
  [[nodiscard]] Outcome Settle(Pending& pending, const Reception& reception) noexcept;
  static void NoteForOwner(EndpointRecord& record,
                           const RecordView& seen,
                           bool is_stamped,
                           Stamp now,
                           Pending& pending) noexcept;
  [[nodiscard]] bool Store(EndpointRecord& record,
                           const RecordView& seen,
                           const Pending& pending,
                           const Reception& reception) noexcept;
  [[nodiscard]] Outcome ToOwner(const Pending& pending, const Reception& reception) noexcept;
  void Convey(const Pending& pending, const Reception& reception) noexcept;
  HearOutcome HandOver(const Handoff& handoff, const Reception& reception) noexcept;
  void Acknowledge(const Pending& pending,
                   Slot slot,
                   ProfileId profile,
                   const Attachment& to) noexcept;
  void Reply(const ReplyRoute& route, const Heartbeat& acknowledgement) noexcept;

  [[nodiscard]] bool IsOwn(const Heartbeat& heartbeat) const noexcept {
    return OwnerOf(heartbeat) == wiring_.worker;
  }

  [[nodiscard]] unsigned OwnerOf(const Heartbeat& heartbeat) const noexcept {
    return ShardOf(wiring_.index.HashOf(heartbeat.id),
                   static_cast<unsigned>(wiring_.index.shards.size()));
  }

  IngestWiring wiring_;
  FastPath fast_path_;
  std::array<Pending, kLookupBurst> burst_{};
};

}  // namespace flatline
