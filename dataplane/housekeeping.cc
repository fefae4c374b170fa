#include "dataplane/housekeeping.h"

namespace flatline {

Housekeeping::Housekeeping(const RegionView& region,
                           unsigned worker,
                           GroupGuards* group_guards) noexcept
    : published_(&region.dataplane().counters[worker]),
      commands_(region.control().command_heads[worker],
                region.dataplane().command_tails[worker],
                region.commands(worker)),
      results_(region.dataplane().result_heads[worker],
               region.control().result_tails[worker],
               region.results(worker)),
      guard_(worker == 0 ? &region.dataplane().guard : nullptr),
      group_guards_(worker == 0 ? group_guards : nullptr) {}

bool Housekeeping::IsDue(Instant now) noexcept {
  if (++turns_ < kHousekeepingTurns && now - last_ < kHousekeepingPeriod) {
    return false;
  }
  turns_ = 0;
  last_ = now;
  return true;
}

bool Housekeeping::Run(const Moment& moment,
                       Shard& shard,
                       TransitionProducer& ring,
                       Tally& tally) noexcept {
  std::size_t done = 0;
  while (done < kCommandsAtOnce && CarryOutOne(moment, shard, ring, tally)) {
    ++done;
  }
  shard.CountInto(tally);
  tally.Publish(*published_);
  return done == kCommandsAtOnce;
}

// For the leader, in its next turn.
std::optional<CommandResult> Housekeeping::NoteOrder(const Command& command, Instant now) noexcept {
  CommandResult out{.ticket = command.ticket, .slot = kNoSlot, .status = CommandStatus::kDone};
  GuardOrder order;
  if (guard_ == nullptr) {
    out.status = CommandStatus::kNotOwner;
  } else if (!GuardOrder::Unpack(command.id, order)) {
    out.status = CommandStatus::kNoSuchOrder;
  } else if (command.group != kNoGroup) {
    const bool is_noted =
        group_guards_ != nullptr && group_guards_->Order(command.group, command.id, now);
    out.status = is_noted ? CommandStatus::kDone : CommandStatus::kTableFull;
  } else {
    guard_->order.store(command.id, std::memory_order_relaxed);
    guard_->order_ns.store(now.time_since_epoch().count(), std::memory_order_release);
  }
  return out;
}

// False where there is no command, or no room for its transition or its result.
bool Housekeeping::CarryOutOne(const Moment& moment,
                               Shard& shard,
                               TransitionProducer& ring,
                               Tally& tally) noexcept {
  const Command* command = commands_.Front();
  if (command == nullptr) {
    return false;
  }
  if (!unsent_) {
    // A copy: what was checked is then what is done, whatever control writes meanwhile.
    const Command taken = *command;
    unsent_ = taken.kind == CommandKind::kGuard ? NoteOrder(taken, moment.now)
                                                : shard.Execute(taken, moment, ring, tally);
    if (!unsent_) {
      return false;
    }
    tally.Add(Counter::kCommands);
  }
  if (!results_.TryPush(*unsent_)) {
    return false;
  }
  unsent_.reset();
  commands_.PopFront();
  return true;
}

}  // namespace flatline
