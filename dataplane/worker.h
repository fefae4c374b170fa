// One worker: everything that a poll core does, one turn at a time. dpdk/ owns the loop around it
// (receive, read the clock, turn; the idle policy, the pinning); the simulation calls the same
// steps with invented time. One thread per worker. Neither sleeps, reads a clock, allocates, locks
// nor throws. A turn is bounded: one burst a queue, so many blocks of the wheel, so many commands.
#pragma once

#include "dataplane/attachment.h"
#include "dataplane/authenticator.h"
#include "dataplane/blindness.h"
#include "dataplane/endpoint_index.h"
#include "dataplane/handoff.h"
#include "dataplane/hearing_clock.h"
#include "dataplane/housekeeping.h"
#include "dataplane/ingest.h"
#include "dataplane/leader.h"
#include "dataplane/lease_desk.h"
#include "dataplane/lease_table.h"
#include "dataplane/plain_heartbeat.h"
#include "dataplane/port_watch.h"
#include "dataplane/prober.h"
#include "dataplane/shard.h"
#include "dataplane/tally.h"

#include <flatline/region.h>
#include <flatline/time.h>
#include <flatline/transition_ring.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace flatline {

// Steps of expiry in one turn (Shard::Expire): some 40 µs of work when all are transitions.
inline constexpr std::size_t kExpirePerTurn = 1024;

// What the idle policy wants to know of a turn.
struct TurnOutcome {
  std::uint32_t frames = 0;  // dealt with
  bool more = false;         // work was left for the next turn: do not sleep
};

// Whom a worker works with. What the pointers name outlives it.
struct WorkerWiring {
  RegionView region;
  unsigned number = 0;
  Duration stall{};                    // a turn that began longer ago than this was a stall
  Instant began{};                     // first instant from which this process can hear
  HearingInstant hearing{};            // of `began`
  Shard* shard = nullptr;              // its own
  IndexSet index;                      // of all shards
  std::vector<HandoffRing*> outgoing;  // to each worker; null at its own place
  std::vector<HandoffRing*> incoming;  // from each worker; null at its own place
  std::vector<PayloadRing*> outgoing_payloads;  // as these; all null where none are kept
  std::vector<PayloadRing*> incoming_payloads;
  LeaseTable* leases = nullptr;             // its own; null: none is granted
  std::vector<LeaseRing*> outgoing_leases;  // as the others; empty where none is granted
  std::vector<LeaseRing*> incoming_leases;
  BlindReports* reports = nullptr;
  std::atomic<std::int64_t>* blind_until_ns = nullptr;  // the leader's (leader.h)
  const Authenticator* authenticator = nullptr;         // null: no tag is looked at
  Neighbours* neighbours = nullptr;                     // null: no profile asks its endpoints
  SipKey probe_key{};
  std::uint64_t probes_per_second = 0;
  GroupGuards* group_guards = nullptr;  // null: nobody guards groups
};

class Worker {
 public:
  explicit Worker(const WorkerWiring& wiring);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Takes a burst from every queue, for the turn that follows. Before the clock is read for it: so
  // no frame is stamped with an instant at which it had not come, however long the thread was
  // stopped in between, and no verdict comes before its deadline.
  void Receive() noexcept;

  // One turn, as of `now`: read after Receive, by the same clock in all workers, never going back.
  // Time from one call to the next beyond EngineOptions::stall counts as blind, so an idle loop
  // sleeps less than that.
  TurnOutcome Turn(Instant now) noexcept;

 private:
  friend class Engine;

  struct Queue {
    Attachment attachment;
    std::vector<PlainHeartbeat> forms;  // of its port
    std::span<const Frame> frames;      // received for this turn
  };

  // Before the first turn, by the engine.
  void Attach(const Attachment& attachment) {
    queues_.push_back({attachment, PlainHeartbeatsFor(*attachment.identity, tag_), {}});
    if (prober_ != nullptr) {
      prober_->Attach(attachment);
    }
    if (leases_ != nullptr) {
      leases_->Attach(attachment);
    }
  }

  void Lead(std::vector<BlindReports*> reports, PortWatch& ports, const HearingClock& clock);

  void BeginTurn(Instant now) noexcept;
  void ReadBlindTotal() noexcept;
  std::uint32_t Stamp() noexcept;
  void SendReplies() noexcept;
  void PublishDrained(Instant before) noexcept;
  void ReadHorizon() noexcept;
  void ReadGuard() noexcept;
  void TakeHandoffs() noexcept;
  void TakePayloads() noexcept;
  void PublishProgress() noexcept;
  [[nodiscard]] bool KeepHouse() noexcept;

  RegionView region_;
  unsigned number_;
  GroupGuards* group_guards_;
  std::atomic<std::int64_t>* blind_until_ns_;
  Duration stall_;
  TagSize tag_;               // of plain heartbeats, where tags are looked at
  WorkerProgress* progress_;  // in the region; this worker writes
  Tally tally_;
  TransitionProducer ring_;
  Shard* shard_;
  std::vector<HandoffRing*> incoming_;
  std::vector<PayloadRing*> incoming_payloads_;
  BlindReporter reporter_;
  std::vector<Queue> queues_;
  std::unique_ptr<LeaseDesk> leases_;  // where leases are granted
  Ingest ingest_;
  Housekeeping housekeeping_;
  std::unique_ptr<Leader> leader_;  // worker 0 only
  std::unique_ptr<Prober> prober_;  // where a profile asks

  Moment moment_;            // of this turn
  bool drained_ = false;     // the last Receive left no queue with more
  Duration blind_total_{0};  // no blindness after moment_.now is in it
  bool reported_ = true;     // nobody but us may be blind without the leader knowing
};

}  // namespace flatline
