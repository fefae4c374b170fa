// What a worker does every so many turns, and not in each: a bounded number of control's commands,
// the counters into the region, the longest turn. Called from the worker's turn, on its core. A
// command is taken off its ring after its effect is made and its result is in the result ring, so a
// kill in between carries it out again, which changes nothing. Cost: bounded by kCommandsAtOnce.
#pragma once

#include "dataplane/group_guards.h"
#include "dataplane/shard.h"
#include "dataplane/tally.h"

#include <flatline/command_ring.h>
#include <flatline/region.h>
#include <flatline/time.h>
#include <flatline/transition_ring.h>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace flatline {

inline constexpr std::uint64_t kHousekeepingTurns = 256;
inline constexpr Duration kHousekeepingPeriod{1'000'000};
inline constexpr std::size_t kCommandsAtOnce = 1024;

class Housekeeping {
 public:
  // `group_guards` null: nobody guards groups.
  Housekeeping(const RegionView& region,
               unsigned worker,
               GroupGuards* group_guards = nullptr) noexcept;

  // Counts the turn, and says whether the house is to be kept in this one: after so many turns, or
  // so much time, whichever comes first.
  [[nodiscard]] bool IsDue(Instant now) noexcept;

  // True where commands were left for the next time.
  bool Run(const Moment& moment, Shard& shard, TransitionProducer& ring, Tally& tally) noexcept;

 private:
  [[nodiscard]] bool CarryOutOne(const Moment& moment,
                                 Shard& shard,
                                 TransitionProducer& ring,
                                 Tally& tally) noexcept;

  [[nodiscard]] std::optional<CommandResult> NoteOrder(const Command& command,
                                                       Instant now) noexcept;

  PublishedCounters* published_;
  SharedRing<Command> commands_;
  SharedRing<CommandResult> results_;
  GuardState* guard_;                    // of the leader alone: it takes orders
  GroupGuards* group_guards_;            // likewise
  std::optional<CommandResult> unsent_;  // of the command that is still at the front
  Instant last_{};
  std::uint64_t turns_ = 0;
};

}  // namespace flatline
