// The leases of one shard: who holds which name, until when, with which token. Asked by the worker
// that owns the shard alone, with time as an argument; all it knows stands in the region too, for
// the tools and for a successor. Bounded: as many leases as it was made for, all memory taken in
// Create. Cost: a look-up and a line of the region for a request; the logarithm of the leases held
// for one that begins or ends.
//
// Publish, then change: a tenure begins or ends only after that is in the transition ring; where
// the ring is full nothing changes and nothing is answered. So after a kill at most one transition
// may be told and not made: Reapply makes it. Renewals are told to nobody.
//
// A tenure ends when the horizon has passed its end: what its holder asked before has been dealt
// with by then, and time in which we were deaf does not count.
#pragma once

#include "dataplane/deadline_heap.h"
#include "dataplane/lease_index.h"
#include "dataplane/shard.h"
#include "dataplane/tally.h"

#include <flatline/lease.h>
#include <flatline/lease_message.h>
#include <flatline/region.h>
#include <flatline/time.h>
#include <flatline/transition.h>
#include <flatline/transition_ring.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace flatline {

// On what terms a process grants: from the file of the epoch (lease_epoch.h).
struct LeaseTerms {
  std::uint64_t epoch = 0;           // 0: nothing new is granted
  Duration longest{60'000'000'000};  // term
  Duration wait{};  // before anything is granted, where the epoch is new to the region
};

// Of an endpoint that is known, alive, and may have the lease.
struct LeaseRequest {
  LeaseMessage message;
  EndpointId id = kNoEndpoint;
  std::uint32_t incarnation = 0;
  Group group = kNoGroup;
  std::uint64_t sent_ns = 0;
};

class LeaseTable {
 public:
  // Takes up what is in the region: tenures that are whole and possible go on. Where one is not, it
  // may still be held, so that nothing new is granted for the longest term.
  LeaseTable(const RegionView& region,
             unsigned number,
             const LeaseTerms& terms,
             HearingInstant now);
  LeaseTable(const LeaseTable&) = delete;
  LeaseTable& operator=(const LeaseTable&) = delete;

  // The last transition in this worker's ring, at adoption only: made if it was told and not made.
  void Reapply(const Transition& told, HearingInstant now) noexcept;

  // The answer, or nothing: a request that was overtaken by a later one, or the ring is full.
  [[nodiscard]] std::optional<LeaseMessage> Ask(const LeaseRequest& request,
                                                const Moment& moment,
                                                TransitionProducer& ring,
                                                Tally& tally) noexcept;

  // Ends what has run out by the horizon, at most `budget` of them. True: some were left.
  bool Expire(const Moment& moment,
              std::size_t budget,
              TransitionProducer& ring,
              Tally& tally) noexcept;

  [[nodiscard]] std::size_t held() const noexcept { return leases_.size() - free_.size(); }

 private:
  using Index = std::uint32_t;

  struct Turn {
    const Moment& moment;
    TransitionProducer& ring;
    Tally& tally;
  };

  void Begin(const LeaseTerms& terms, HearingInstant latest, HearingInstant now) noexcept;
  void Adopt(HearingInstant at_latest);
  [[nodiscard]] bool IsPossible(const Lease& lease) const noexcept;
  [[nodiscard]] std::optional<LeaseMessage> Grant(const LeaseRequest& request, Turn& turn) noexcept;
  [[nodiscard]] LeaseMessage Renew(Index index, const LeaseRequest& request, Turn& turn) noexcept;
  [[nodiscard]] std::optional<LeaseMessage> Release(Index index,
                                                    const LeaseRequest& request,
                                                    Turn& turn) noexcept;
  [[nodiscard]] bool Publish(const Lease& lease, Reason reason, Turn& turn) noexcept;
  [[nodiscard]] Duration TermOf(const LeaseRequest& request) const noexcept;
  void Enter(Index index, const Lease& lease) noexcept;
  void Leave(Index index) noexcept;

  LeaseState* state_;
  std::span<LeaseEntry> entries_;  // in the region
  std::uint64_t hash_key_;
  unsigned number_;
  unsigned shards_;
  std::vector<Lease> leases_;  // as entries_ have them
  std::vector<Index> free_;
  LeaseIndex index_;
  DeadlineHeap deadlines_;  // never later than the lease's own
};

}  // namespace flatline
