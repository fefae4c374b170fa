// The ring by which control asks one worker to enrol or retire endpoints, and is told what came of
// each: commands go one way, results come back in a ring of their own beside it.
// Control is the only producer of commands, the owning worker their only consumer, who drains it
// with a limit in housekeeping. Control sends an endpoint to the worker that owns it (ShardOf).
// Assumes power-of-two capacity and zeroed memory. Control keeps at most `capacity` commands in
// flight whose results it has not read, so a result always finds room.
// Both processes may die: an index is stored after the effect, and effects are idempotent.
#pragma once

#include <flatline/endpoint.h>
#include <flatline/transition_ring.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

namespace flatline {

enum class CommandKind : std::uint8_t {
  kEnrol = 1,
  kRetire = 2,
  kGuard = 3,  // `id` is a GuardOrder, packed; for the leader, worker 0
  // For control itself, of an endpoint or of a group; no worker knows them:
  kMaintain = 4,
  kEndMaintenance = 5,
  // Where an endpoint is to be asked: its address (16 bytes, IPv4 as ::ffff:a.b.c.d) six bytes at a
  // time, in `group` and `profile`, and with the last four its UDP port. In this order.
  kLocateFirst = 7,
  kLocateNext = 8,
  kLocateLast = 9,
};

constexpr bool IsLocating(CommandKind kind) noexcept {
  return kind >= CommandKind::kLocateFirst && kind <= CommandKind::kLocateLast;
}

struct alignas(32) Command {
  EndpointId id = kNoEndpoint;
  std::uint64_t ticket = 0;  // control's own, returned with the result
  Group group = kNoGroup;
  ProfileId profile = kDefaultProfile;
  CommandKind kind = CommandKind::kEnrol;
};

enum class CommandStatus : std::uint8_t {
  kDone = 1,
  kAlreadyEnrolled = 2,  // profile and group are brought up to date
  kUnknownEndpoint = 3,
  kUnknownProfile = 4,
  kTableFull = 5,
  kNotOwner = 6,  // sent to the wrong worker: a defect in control
  kNoSuchOrder = 7,
};

inline constexpr std::array<std::string_view, 8> kCommandStatusNames{"?",
                                                                     "done",
                                                                     "already-enrolled",
                                                                     "unknown-endpoint",
                                                                     "unknown-profile",
                                                                     "table-full",
                                                                     "not-owner",
                                                                     "no-such-order"};

struct CommandResult {
  std::uint64_t ticket = 0;
  Slot slot = kNoSlot;
  CommandStatus status = CommandStatus::kDone;
};

static_assert(sizeof(Command) == 32 && sizeof(CommandResult) == 16);

// One end of a single-producer single-consumer ring of T in shared memory.
template <typename T>
class SharedRing {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  SharedRing(RingHead& head, RingTail& tail, std::span<T> entries) noexcept
      : head_(&head), tail_(&tail), entries_(entries) {}

  // Producer only.
  [[nodiscard]] bool TryPush(const T& entry) noexcept {
    const std::uint64_t head = head_->value.load(std::memory_order_relaxed);
    if (head - tail_->value.load(std::memory_order_acquire) >= entries_.size()) {
      return false;
    }
    entries_[head & (entries_.size() - 1)] = entry;
    head_->value.store(head + 1, std::memory_order_release);
    return true;
  }

  // Consumer only: the oldest entry, or null. Valid until PopFront.
  [[nodiscard]] const T* Front() const noexcept {
    const std::uint64_t tail = tail_->value.load(std::memory_order_relaxed);
    if (tail == head_->value.load(std::memory_order_acquire)) {
      return nullptr;
    }
    return &entries_[tail & (entries_.size() - 1)];
  }

  // Consumer only, after Front gave an entry and its effect is done.
  void PopFront() noexcept {
    tail_->value.store(tail_->value.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  [[nodiscard]] std::size_t capacity() const noexcept { return entries_.size(); }

 private:
  RingHead* head_;
  RingTail* tail_;
  std::span<T> entries_;
};

}  // namespace flatline
