// What the two processes of the memif benchmark share: who is to speak, in which order, and how far
// both have come. Made before the fork, in memory of its own. The receiver writes the order and the
// members (while the sender waits), each side its own counts. Assumes one sender, one receiver.
// Cost: 16 bytes a member; a line each for what only one side writes.
#pragma once

#include <flatline/endpoint.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>

namespace flatline {

// What the receiver wants of the sender.
enum class LoadOrder : std::uint32_t { kWait, kById, kByHandle, kSpoilt, kLeave };

class MemifFleet {
 public:
  // As it goes on the wire, so that the sender's work for a frame is a few stores.
  struct Member {
    std::uint64_t id = 0;      // big-endian
    std::uint32_t handle = 0;  // big-endian
    std::uint32_t sum = 0;     // of the 16-bit words of both
  };

  // `endpoints` members with ids 1 to `endpoints`, in random order, without handles.
  [[nodiscard]] static std::expected<MemifFleet, std::string> Create(std::size_t endpoints);

  MemifFleet(MemifFleet&& other) noexcept;
  MemifFleet& operator=(MemifFleet&&) = delete;
  MemifFleet(const MemifFleet&) = delete;
  MemifFleet& operator=(const MemifFleet&) = delete;
  ~MemifFleet();

  // By id: from a table of id + 1 slots.
  void SetHandles(std::span<const Slot> slot_of) noexcept;

  [[nodiscard]] std::span<const Member> members() const noexcept { return members_; }

  // Receiver writes.
  [[nodiscard]] std::atomic<LoadOrder>& order() noexcept { return page_->order; }

  [[nodiscard]] std::atomic<std::uint64_t>& taken() noexcept { return page_->taken; }

  // Sender writes: frames that the port took, and the order that it obeys now.
  [[nodiscard]] std::atomic<std::uint64_t>& accepted() noexcept { return page_->accepted; }

  [[nodiscard]] std::atomic<LoadOrder>& obeyed() noexcept { return page_->obeyed; }

 private:
  struct Page {
    alignas(64) std::atomic<LoadOrder> order{LoadOrder::kWait};
    alignas(64) std::atomic<std::uint64_t> taken{0};
    alignas(64) std::atomic<std::uint64_t> accepted{0};
    std::atomic<LoadOrder> obeyed{LoadOrder::kWait};
  };

  MemifFleet(Page* page, std::span<Member> members, std::size_t bytes) noexcept
      : page_(page), members_(members), bytes_(bytes) {}

  Page* page_;
  std::span<Member> members_;
  std::size_t bytes_;
};

}  // namespace flatline
