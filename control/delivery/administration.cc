#include "control/delivery/administration.h"

#include "control/commentary/maintenance.h"
#include "control/delivery/frames.h"

#include <algorithm>

namespace flatline {
namespace {

// A ticket is the batch's serial and the entry's index in it.
constexpr int kIndexBits = 16;
static_assert(kMaxAdminEntries <= 1U << kIndexBits);

SharedRing<Command> CommandsOf(const RegionView& region, unsigned worker) {
  // The tail is the worker's; it is only read here.
  return {region.control().command_heads[worker],
          region.dataplane().command_tails[worker],
          region.commands(worker)};
}

SharedRing<CommandResult> ResultsOf(const RegionView& region, unsigned worker) {
  return {region.dataplane().result_heads[worker],
          region.control().result_tails[worker],
          region.results(worker)};
}

}  // namespace

void AdminBatch::TakeAnswers(std::vector<DeliveryRecord>& out, std::size_t limit) {
  const std::lock_guard lock(mutex_);
  while (limit != 0 && answered_ < entries_.size() && statuses_[answered_] != kOpen) {
    out.push_back(frames::CommandAnswer(entries_[answered_].id,
                                        static_cast<CommandStatus>(statuses_[answered_])));
    ++answered_;
    --limit;
  }
}

void Administration::Attach(const RegionView& region) {
  const std::lock_guard lock(mutex_);
  region_ = region;
  is_attached_.store(true);
  for (const auto& weak : batches_) {
    if (const auto batch = weak.lock()) {
      const std::lock_guard of_batch(batch->mutex_);
      batch->commanded_ = batch->answered_;
    }
  }
}

void Administration::Detach() {
  is_attached_.store(false);
  region_.reset();
}

std::shared_ptr<AdminBatch> Administration::Submit(std::vector<AdminEntry> entries,
                                                   MaintenanceWish wish) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t serial = next_serial_++ & (~std::uint64_t{0} >> kIndexBits);
  auto out = std::make_shared<AdminBatch>(serial, std::move(entries), std::move(wish));
  batches_.push_back(out);
  return out;
}

bool Administration::Turn(WallInstant wall) {
  if (!region_) {
    return false;
  }
  const std::lock_guard lock(mutex_);
  const RegionView& region = *region_;
  bool worked = false;
  for (unsigned worker = 0; worker < region.shape().workers; ++worker) {
    worked = ReadResults(region, worker) || worked;
  }
  std::erase_if(batches_, [](const auto& weak) { return weak.expired(); });
  for (const auto& weak : batches_) {
    if (const auto batch = weak.lock()) {
      worked = Give(region, *batch, wall) || worked;
    }
  }
  if (batches_.size() > 1) {
    std::ranges::rotate(batches_, batches_.begin() + 1);  // another is first next time
  }
  return worked;
}

bool Administration::ReadResults(const RegionView& region, unsigned worker) {
  SharedRing<CommandResult> results = ResultsOf(region, worker);
  bool worked = false;
  while (const CommandResult* const result = results.Front()) {
    Settle(*result);
    results_.fetch_add(1);
    results.PopFront();
    worked = true;
  }
  return worked;
}

void Administration::Settle(const CommandResult& result) {
  const std::uint64_t serial = result.ticket >> kIndexBits;
  const std::size_t index = result.ticket & ((1U << kIndexBits) - 1);
  for (const auto& weak : batches_) {
    const auto batch = weak.lock();
    if (batch && batch->serial_ == serial && index < batch->statuses_.size()) {
      const std::lock_guard of_batch(batch->mutex_);
      if (batch->statuses_[index] == AdminBatch::kOpen) {
        batch->statuses_[index] = static_cast<std::uint8_t>(result.status);
      }
      return;
    }
  }
}

// Commands not taken and results not read share the room of one ring; a worker that is between the
// two counts in both.
std::size_t Administration::RoomOf(const RegionView& region, unsigned worker) noexcept {
  const auto load = [](const std::atomic<std::uint64_t>& index) {
    return index.load(std::memory_order_acquire);
  };
  const std::uint64_t commands = load(region.control().command_heads[worker].value) -
                                 load(region.dataplane().command_tails[worker].value);
  const std::uint64_t results = load(region.dataplane().result_heads[worker].value) -
                                load(region.control().result_tails[worker].value);
  const std::uint64_t capacity = region.shape().command_capacity;
  const std::uint64_t taken = commands + results;
  return commands > capacity || results > capacity || taken > capacity ? 0 : capacity - taken;
}

// What is control's own to do.
CommandStatus Administration::CarryOut(const AdminEntry& entry,
                                       const MaintenanceWish& wish,
                                       WallInstant wall) {
  const MaintenanceTarget target{entry.id, entry.group};
  if (maintenance_ == nullptr) {
    return CommandStatus::kNoSuchOrder;
  }
  if (static_cast<CommandKind>(entry.command) == CommandKind::kEndMaintenance) {
    return maintenance_->End(target, wall) ? CommandStatus::kDone : CommandStatus::kUnknownEndpoint;
  }
  const Duration length{std::int64_t{wish.seconds} * 1'000'000'000};
  return maintenance_->Begin(target, length, wish.reason, wall) ? CommandStatus::kDone
                                                                : CommandStatus::kTableFull;
}

bool Administration::Give(const RegionView& region, AdminBatch& batch, WallInstant wall) {
  std::array<std::size_t, kMaxWorkers> room{};
  const unsigned workers = region.shape().workers;
  for (unsigned worker = 0; worker < workers; ++worker) {
    room[worker] = RoomOf(region, worker);
  }
  const std::lock_guard of_batch(batch.mutex_);
  const std::size_t before = batch.commanded_;
  for (; batch.commanded_ < batch.entries_.size(); ++batch.commanded_) {
    if (batch.statuses_[batch.commanded_] != AdminBatch::kOpen) {
      continue;  // came back from the region before this one
    }
    const AdminEntry& entry = batch.entries_[batch.commanded_];
    const auto kind = static_cast<CommandKind>(entry.command);
    if (kind == CommandKind::kMaintain || kind == CommandKind::kEndMaintenance) {
      batch.statuses_[batch.commanded_] =
          static_cast<std::uint8_t>(CarryOut(entry, batch.wish_, wall));
      continue;
    }
    const unsigned owner = kind == CommandKind::kGuard
                               ? 0  // the leader
                               : ShardOf(HashEndpoint(entry.id, region.header().hash_key), workers);
    if (room[owner] == 0) {
      break;
    }
    const Command command{.id = entry.id,
                          .ticket = (batch.serial_ << kIndexBits) | batch.commanded_,
                          .group = entry.group,
                          .profile = entry.profile,
                          .kind = kind};
    if (!CommandsOf(region, owner).TryPush(command)) {
      break;
    }
    --room[owner];
  }
  return batch.commanded_ != before;
}

}  // namespace flatline
