// One shard of the table with everything its owner does to it: index, slots, wheel and detector
// together, and the order in which they change. Hears heartbeats that are more than a stamp,
// carries out enrolment and retirement, visits what the wheel says is due. Called by the owning
// worker alone, with time as an argument; others only read the index and stamp. All memory is taken
// in Create, everything after is noexcept. Cost: a visit of a block reads 64 records (32 lines).
//
// Publish, then change: a record changes only after its transition is in the ring; where the ring
// is full nothing changes, and the visit is made again. So after a kill at most one transition, the
// last in the ring, may be told and not made: the ring says whether, and Reapply makes it.
//
// The wheel holds one entry for each block with somebody to watch (unknown, alive, suspect), due at
// the earliest deadline in the block and never later than the least timeout of its profile from its
// last visit. A heartbeat therefore never needs to move it, nor does one that makes an endpoint
// alive: whatever history it leaves, it allows at least so much silence from then on.
#pragma once

#include "dataplane/detector.h"
#include "dataplane/endpoint_index.h"
#include "dataplane/endpoint_table.h"
#include "dataplane/enrolment_limit.h"
#include "dataplane/group_guards.h"
#include "dataplane/group_silence.h"
#include "dataplane/handoff.h"
#include "dataplane/page_array.h"
#include "dataplane/payload_pool.h"
#include "dataplane/probe_plan.h"
#include "dataplane/probe_rounds.h"
#include "dataplane/recent_count.h"
#include "dataplane/tally.h"
#include "dataplane/timing_wheel.h"

#include <flatline/command_ring.h>
#include <flatline/endpoint.h>
#include <flatline/region.h>
#include <flatline/time.h>
#include <flatline/transition.h>
#include <flatline/transition_ring.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>

namespace flatline {

// The times of one turn, read once.
struct Moment {
  Instant now{};             // stands on transitions
  HearingInstant hearing{};  // of `now`
  HearingInstant horizon{};  // read before the hand-over rings were drained
  // What the guard says, read with the horizon.
  bool holds = false;             // nobody dies
  std::int64_t uncleared = 0;     // stamp units before the horizon that it has not looked at
  std::int64_t eased = kForever;  // stamp units since it left because many were heard again
};

// What became of a heartbeat.
struct HearOutcome {
  bool counted = false;
  bool handed_over = false;             // to the owner, who does not tell what came of it
  Slot slot = kNoSlot;                  // where counted
  ProfileId profile = kDefaultProfile;  // where counted: for the acknowledgement
  std::optional<DropReason> drop = {};  // where not counted, unless the ring was full
};

class Shard {
 public:
  // What a visit of a block costs, its 32 lines on their way, in transitions.
  static constexpr std::size_t kVisitSteps = 8;

  // Shard `number` of a region. Takes its options, profiles and hash key from the header, and
  // adopts the records that are there: index and slots are rebuilt, a record that cannot be
  // (another shard's id, an id twice, a liveness that does not exist) is cleared, and every block
  // with somebody to watch is due at once; who died of late is counted as that. Linear in the
  // slots of the shard. `stopped`: up to when the predecessor vouched for what it heard.
  // `groups`, where there is any, counts those of all shards; it outlives this one.
  [[nodiscard]] static std::expected<std::unique_ptr<Shard>, std::string> Create(
      const RegionView& region,
      unsigned number,
      const Moment& stopped,
      GroupSilence* groups = nullptr,
      const EnrolmentLimits& limits = {});

  // The last transition in this worker's ring, at adoption only, where the ring does not say that
  // it was made. Nothing happens where the record says so.
  void Reapply(const Transition& told, const Moment& stopped) noexcept;

  // A heartbeat or leave that found no record by its handle or by the index, or that Consider says
  // concerns the owner; from the network or from another worker. Looks it up, enrols it where
  // enrolment is open, stamps, and publishes what changes. Counts drops, enrolments, transitions,
  // and heartbeats and leaves that count, but not again what another worker stamped already.
  HearOutcome Hear(const Handoff& heard,
                   Arrived arrived,
                   const Moment& moment,
                   TransitionProducer& ring,
                   Tally& tally) noexcept;

  // The prober: all probes to a suspect went unanswered. Dead, if it is as it was when it was last
  // heard at `heard`; where its profile weighs evidence, that is what this is. False: the ring is
  // full, try again.
  bool Condemn(Slot slot,
               Stamp heard,
               const Moment& moment,
               TransitionProducer& ring,
               Tally& tally) noexcept;

  // The prober: a pull of one that only answers fell to the bound of its address. We did not ask,
  // so the time until it is asked next is no silence of its.
  void Excuse(Slot slot, const Moment& moment) noexcept;

  // The prober: how long it takes of late to ask everybody of a profile that pulls.
  void SetLap(ProfileId profile, Duration lap) noexcept { probe_plans_.SetLap(profile, lap); }

  // What an endpoint said of itself in a heartbeat that counted, from the network or from another
  // worker: kept where there is room and nothing later, never anything to do with liveness.
  void KeepPayload(const Payload& said, Tally& tally) noexcept;

  // A command of control. Nullopt: the ring is full, try again at the next housekeeping.
  [[nodiscard]] std::optional<CommandResult> Execute(const Command& command,
                                                     const Moment& moment,
                                                     TransitionProducer& ring,
                                                     Tally& tally) noexcept;

  // Judges what is due up to the horizon. Ends when `budget` steps are used up, or in the block in
  // which they are: a transition is one step, a block visited kVisitSteps, a block brought down a
  // level of the wheel one. True: something due was left, for want of budget or of room in the
  // ring.
  bool Expire(const Moment& moment,
              std::size_t budget,
              TransitionProducer& ring,
              Tally& tally) noexcept;

  // Once a turn, before Hear and Execute: slots whose quarantine is over become free.
  void Reclaim(const Moment& moment) noexcept;

  // For the guard, up to `expired`: everything that was due then is done.
  void CountInto(WorkerProgress& progress, HearingInstant horizon, Instant now) noexcept;

  // The gauges: endpoints by liveness.
  void CountInto(Tally& tally) const noexcept;

  [[nodiscard]] const EndpointIndex& index() const noexcept { return index_; }

  [[nodiscard]] const EndpointTable& table() const noexcept { return table_; }

  [[nodiscard]] const TimingWheel& wheel() const noexcept { return wheel_; }

  [[nodiscard]] const Detector& detector() const noexcept { return detector_; }

  [[nodiscard]] const ProbePlans& probe_plans() const noexcept { return probe_plans_; }

  // Before the first turn: who guards groups.
  void GuardGroupsBy(GroupGuards* guards) noexcept { group_guards_ = guards; }

  // Of suspects to be asked; null where no profile asks.
  [[nodiscard]] ProbeRounds* probe_rounds() noexcept { return probe_rounds_.get(); }

  [[nodiscard]] bool keeps_payloads() const noexcept { return payloads_.capacity() != 0; }

  // Private memory taken, the region's apart.
  [[nodiscard]] std::size_t bytes() const noexcept {
    return index_.bytes() + table_.bytes() + wheel_.bytes() + payloads_.bytes();
  }

 private:
  // A change on its way: what is needed to tell it and to make it.
  struct Verdict {
    Slot slot = kNoSlot;
    Reason reason = Reason::kNone;
    EndpointState next;
    std::uint32_t incarnation = 0;
    std::uint32_t sequence = 0;
    Duration silence{};
    Evidence evidence = 0;
  };

  // What came with the call.
  struct Turn {
    const Moment& moment;
    TransitionProducer& ring;
    Tally& tally;
  };

  // What Create made, and any of which it could have failed to.
  struct Parts {
    EndpointIndex index;
    EndpointTable table;
    TimingWheel wheel;
    PayloadPool payloads;
  };

  Shard(const RegionView& region,
        unsigned number,
        Parts parts,
        GroupSilence* groups,
        const EnrolmentLimits& limits) noexcept;

  [[nodiscard]] std::uint64_t HashOf(EndpointId id) const noexcept {
    return HashEndpoint(id, hash_key_);
  }

  // shard_adoption.cc
  using BlockHashes = std::array<std::uint64_t, kBlockSlots>;

  void Adopt(const Moment& stopped) noexcept;
  void AdoptPayloads();
  void HashBlock(std::uint32_t block, BlockHashes& out) const noexcept;
  void AdoptBlock(std::uint32_t block, const BlockHashes& hashes, const Moment& stopped) noexcept;
  [[nodiscard]] bool Mend(EndpointRecord& record, std::uint64_t hash) noexcept;
  void CountIfDead(Slot slot, const Moment& stopped) noexcept;

  // shard.cc
  [[nodiscard]] std::expected<Slot, DropReason> Admit(const Handoff& heard, Turn& turn) noexcept;
  HearOutcome HearKnown(const Handoff& heard, Slot slot, Arrived arrived, Turn& turn) noexcept;
  [[nodiscard]] bool Make(const Change& change,
                          const Handoff& heard,
                          Slot slot,
                          const RecordView& seen,
                          Turn& turn) noexcept;

  // shard_voice.cc
  [[nodiscard]] std::optional<Duration> LatenessOf(const Handoff& heard,
                                                   const Change& change,
                                                   Slot slot,
                                                   std::int64_t silence,
                                                   const Moment& moment) const noexcept;
  void NotePort(Slot slot, std::uint8_t port, Tally& tally) noexcept;
  void MoveTo(Slot slot, const SourceAddress& source, Reason reason, Tally& tally) noexcept;

  // shard.cc
  [[nodiscard]] CommandStatus Enrol(const Command& command, Turn& turn, Slot& slot) noexcept;
  [[nodiscard]] bool Retire(Slot slot, Turn& turn) noexcept;
  [[nodiscard]] Slot Move(Slot slot, ProfileId profile, Turn& turn) noexcept;
  [[nodiscard]] Slot Enter(const Newcomer& newcomer, Turn& turn) noexcept;
  void Leave(Slot slot) noexcept;
  void Dismiss(Slot slot) noexcept;
  void Watch(Slot slot, HearingInstant hearing) noexcept;
  [[nodiscard]] bool Publish(const Verdict& verdict, Turn& turn) noexcept;
  void CountTransition(const Transition& told, Turn& turn) noexcept;

  // For the guards, of one who is dead. A heartbeat of life 0 and number 0 alone does not show.
  [[nodiscard]] static constexpr bool WasHeard(std::uint32_t incarnation,
                                               std::uint32_t sequence) noexcept {
    return incarnation != 0 || sequence != 0;
  }

  [[nodiscard]] std::optional<Instant> DiedAbout(const RecordView& seen,
                                                 const Moment& moment) const noexcept;
  void CountDeath(Group group, Instant at) noexcept;
  void TakeBackDeath(const Transition& told, const Moment& moment) noexcept;

  // shard_probes.cc
  HearOutcome HearAnswer(const Handoff& heard, Turn& turn) noexcept;
  [[nodiscard]] bool IsAnswerTo(const Handoff& heard,
                                const RecordView& seen,
                                const SourceAddress& asked) const noexcept;
  void BeginRound(Slot slot, const RecordView& seen, Turn& turn) noexcept;
  [[nodiscard]] bool WasUnanswered(Slot slot) const noexcept;
  void NoteUnanswered(Slot slot, bool unanswered) noexcept;
  [[nodiscard]] std::uint32_t FloorOf(Slot slot, const RecordView& seen) const noexcept;
  [[nodiscard]] bool IsAskedLate(const RecordView& seen) const noexcept;
  [[nodiscard]] Stamp SettleLaps(Slot slot, RecordView seen, Stamp horizon) noexcept;
  static Stamp MoveStamp(EndpointRecord& record,
                         const RecordView& seen,
                         Stamp horizon,
                         std::uint32_t units) noexcept;
  [[nodiscard]] CommandStatus Locate(const Command& command, Slot slot) noexcept;

  // shard_expiry.cc
  void PrefetchBlock(std::uint32_t block) const noexcept;
  [[nodiscard]] std::size_t VisitBlock(std::uint32_t block, Turn& turn) noexcept;
  [[nodiscard]] std::optional<std::int64_t> JudgeRecord(Slot slot, Turn& turn) noexcept;
  // As of so many stamp units before the horizon.
  [[nodiscard]] Judgement JudgeAsOf(const Moment& moment,
                                    std::int64_t back,
                                    Slot slot,
                                    const RecordView& seen) const noexcept;
  [[nodiscard]] Judgement JudgeSuspectAsOf(const Moment& moment,
                                           std::int64_t back,
                                           Slot slot,
                                           const RecordView& seen) const noexcept;
  [[nodiscard]] Evidence EvidenceOf(Slot slot, const RecordView& seen, Instant now) const noexcept;
  [[nodiscard]] std::int64_t DeafAgo(const Timing& timing, const Moment& moment) const noexcept;
  [[nodiscard]] std::int64_t GuardWait(const Judgement& due,
                                       Slot slot,
                                       const RecordView& seen,
                                       const Moment& moment) const noexcept;
  [[nodiscard]] std::int64_t GroupWait(Slot slot,
                                       const RecordView& seen,
                                       const Moment& moment) const noexcept;
  static bool PullBack(EndpointRecord& record,
                       const RecordView& seen,
                       HearingInstant hearing) noexcept;
  static void Restamp(EndpointRecord& record, const RecordView& seen, Stamp stamp) noexcept;

  RegionView region_;
  unsigned number_;
  std::uint64_t hash_key_;
  bool enrolment_closed_;
  EnrolmentLimit enrolment_limit_;
  Detector detector_;
  ProbePlans probe_plans_;
  std::unique_ptr<ProbeRounds> probe_rounds_;  // null where no profile asks
  EndpointIndex index_;
  EndpointTable table_;
  TimingWheel wheel_;
  PayloadPool payloads_;
  RecentCount died_;      // after they had been heard
  GroupSilence* groups_;  // null where nobody asks for groups
  GroupGuards* group_guards_ = nullptr;
  // Suspects all of whose probes went unanswered, a bit for each slot; empty where nobody weighs
  // that. Meaningless of whoever is not suspect.
  PageArray<std::uint64_t> unanswered_;
};

}  // namespace flatline
