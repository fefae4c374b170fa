// The lock-free index and the quarantine of slots between real threads: readers look up bursts and
// stamp what they found while the owner enrols, retires and uses slots again. A stamp never lands
// in the record of another endpoint, and who is enrolled all the time is found every time. Meant
// for ThreadSanitizer; bounded by the owner's turns. Time is a counter that the owner moves on.
#include "dataplane/endpoint_index.h"

#include "dataplane/endpoint_table.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace flatline {
namespace {

constexpr std::uint64_t kKey = 0x5EED;
constexpr std::size_t kSlots = std::size_t{2} * kBlockSlots;
constexpr EndpointId kPermanent = 40;  // ids 1 to 40 stay
constexpr EndpointId kIds = 400;       // the others come and go
constexpr unsigned kReaders = 2;
constexpr std::uint64_t kReuses = 20'000;  // of slots, and then it ends
constexpr std::int64_t kMostTurns = 5'000'000;

class Arena {
 public:
  Arena()
      : records_(kSlots),
        groups_(kSlots),
        addresses_(kSlots),
        table_(EndpointTable::Create({records_, groups_, addresses_, 0}).value()),
        index_(EndpointIndex::Create(records_, kSlots).value()) {
    for (EndpointId id = 1; id <= kPermanent; ++id) {
      Enrol(id);
    }
  }

  void Own(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    for (std::int64_t turn = 0; turn < kMostTurns && reused_ < kReuses; ++turn) {
      const std::int64_t now = clock_.fetch_add(1, std::memory_order_acq_rel) + 1;
      std::int64_t horizon = now;
      for (const auto& drained : drained_) {
        horizon = std::min(horizon, drained.load(std::memory_order_acquire));
      }
      table_.Reclaim(At(now), At(horizon), kSlots);
      for (int i = 0; i < 4; ++i) {
        const EndpointId id = kPermanent + 1 + random() % (kIds - kPermanent);
        if (slot_of_[id] == kNoSlot) {
          Enrol(id);
        } else {
          Retire(id);
        }
      }
      std::this_thread::yield();
    }
    stop_.store(true, std::memory_order_release);
  }

  // What a worker does in a turn: looks a burst up, and only then stamps it.
  void Read(unsigned reader) {
    std::mt19937_64 random(reader + 1);
    const std::array<const EndpointIndex*, 1> shards{&index_};
    const IndexSet set{shards, records_, kKey};
    std::array<EndpointId, kLookupBurst> ids{};
    std::array<Slot, kLookupBurst> slots{};
    while (!stop_.load(std::memory_order_acquire)) {
      const std::int64_t now = clock_.load(std::memory_order_acquire);
      std::generate(ids.begin(), ids.end(), [&] { return random() % kIds + 1; });
      set.FindBurst(ids, slots);
      std::this_thread::yield();  // a worker may lose its core just here
      for (std::size_t i = 0; i < ids.size(); ++i) {
        if (slots[i] != kNoSlot) {
          // Not by compare and swap: the quarantine alone has to keep it right.
          records_[slots[i]].heard.store(HeardOf(ids[i]).Pack(), std::memory_order_relaxed);
          stamps_.fetch_add(1, std::memory_order_relaxed);
        } else if (ids[i] <= kPermanent) {
          missed_.fetch_add(1, std::memory_order_relaxed);
        }
      }
      drained_[reader].store(now, std::memory_order_release);
    }
  }

  void CheckAll() const {
    for (EndpointId id = 1; id <= kIds; ++id) {
      if (slot_of_[id] != kNoSlot) {
        EXPECT_EQ(Heard::Unpack(records_[slot_of_[id]].heard).sequence, id);
      }
    }
    EXPECT_EQ(strays_, 0U) << "a stamp landed in the record of another endpoint";
    EXPECT_EQ(missed_.load(), 0U) << "an endpoint that was there all the time was not found";
    EXPECT_GT(stamps_.load(), 1000U);
    EXPECT_GE(reused_, kReuses) << "slots did not come back";
  }

 private:
  static HearingInstant At(std::int64_t ms) { return HearingInstant{Milliseconds(ms)}; }

  static Heard HeardOf(EndpointId id) { return {1, static_cast<std::uint32_t>(id)}; }

  void Enrol(EndpointId id) {
    Newcomer newcomer;
    newcomer.id = id;
    newcomer.heard = HeardOf(id);
    newcomer.state.profile = 1;
    const Slot slot = table_.Enrol(newcomer);
    if (slot == kNoSlot) {
      return;
    }
    index_.Insert(HashEndpoint(id, kKey), slot);
    slot_of_[id] = slot;
    reused_ += used_[slot] ? 1 : 0;
    used_[slot] = true;
  }

  void Retire(EndpointId id) {
    const Slot slot = slot_of_[id];
    strays_ += Heard::Unpack(records_[slot].heard).sequence == id ? 0 : 1;
    index_.Remove(HashEndpoint(id, kKey), slot);
    table_.Retire(slot);
    slot_of_[id] = kNoSlot;
  }

  static std::array<Slot, kIds + 1> NoSlots() {
    std::array<Slot, kIds + 1> out{};
    out.fill(kNoSlot);
    return out;
  }

  std::vector<EndpointRecord> records_;
  std::vector<std::atomic<Group>> groups_;
  std::vector<SourceAddress> addresses_;
  EndpointTable table_;
  EndpointIndex index_;
  std::array<Slot, kIds + 1> slot_of_ = NoSlots();
  std::array<bool, kSlots> used_{};
  std::uint64_t reused_ = 0;
  std::uint64_t strays_ = 0;
  std::atomic<std::int64_t> clock_{0};
  std::array<std::atomic<std::int64_t>, kReaders> drained_{};
  std::atomic<std::uint64_t> stamps_{0};
  std::atomic<std::uint64_t> missed_{0};
  std::atomic<bool> stop_{false};
};

TEST(Interleaving, AStampNeverLandsInAnotherEndpointsRecord) {
  Arena arena;
  {
    std::vector<std::jthread> threads;
    threads.reserve(kReaders);
    for (unsigned reader = 0; reader < kReaders; ++reader) {
      threads.emplace_back([&arena, reader] { arena.Read(reader); });
    }
    arena.Own(1);
  }
  arena.CheckAll();
}

}  // namespace
}  // namespace flatline
