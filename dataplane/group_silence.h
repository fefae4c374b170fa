// How many of each group are silent: counted by the owners of the shards as liveness changes, each
// in a table of its own, and added up by whoever judges a suspect or a group. An owner writes its
// own table, every worker reads all; nothing of it is on a heartbeat's path. Made at start, only
// where a profile weighs evidence or groups have guards; built anew from the records then. Bounds:
// 2^18 groups a worker, three quarters of it in use; a group keeps its place while the process
// lives, and those for whom there is none count for none. Cost: a line for each change of liveness;
// of a question one for each worker.
#pragma once

#include "dataplane/page_array.h"

#include <flatline/endpoint.h>
#include <flatline/liveness.h>
#include <flatline/time.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

namespace flatline {

// Of all workers together, or of one.
struct SilenceCounts {
  std::uint64_t suspect = 0;
  std::uint64_t died = 0;     // within the window, after they had been heard, and not back
  std::uint64_t watched = 0;  // these, and the living; nobody who was never heard

  [[nodiscard]] constexpr std::uint64_t silent() const noexcept { return suspect + died; }
};

// So many others of a suspect's group have to be silent, and so large a part of it, to speak for
// its death.
inline constexpr std::uint64_t kLeastFallen = 2;
inline constexpr std::uint64_t kFallingPart = 4;  // a quarter

// `counts` of its group, itself among them.
constexpr bool IsFalling(const SilenceCounts& counts) noexcept {
  return counts.silent() > kLeastFallen && counts.silent() * kFallingPart >= counts.watched;
}

// One worker's table.
class GroupCounts {
 public:
  // For a shard of so many slots. `key` is secret: groups are what endpoints say.
  [[nodiscard]] static std::expected<GroupCounts, std::string> Create(std::size_t slots,
                                                                      Duration window,
                                                                      std::uint64_t key);

  // Owner only. Of kNoGroup nothing is counted.
  void Enter(Group group, Liveness liveness) noexcept;
  void Leave(Group group, Liveness liveness) noexcept;
  void Change(Group group, Liveness from, Liveness to) noexcept;
  void Died(Group group, Instant at) noexcept;
  // One that died at about `at` is back, and no longer silent.
  void TakeBack(Group group, Instant at, Instant now) noexcept;

  // Owner only: endpoints whose groups have no place.
  [[nodiscard]] std::uint64_t uncounted() const noexcept { return uncounted_; }

  // Any worker.
  void AddTo(SilenceCounts& counts, Group group, Instant now) const noexcept;

  [[nodiscard]] std::size_t bytes() const noexcept { return entries_.bytes(); }

 private:
  static constexpr std::size_t kParts = 6;              // of the window
  static constexpr std::uint64_t kCount = 0xFFFF'FFFF;  // of a word of `died`; its part above

  struct alignas(64) Entry {
    std::atomic<Group> group;
    std::atomic<std::uint32_t> alive;
    std::atomic<std::uint32_t> suspect;
    std::array<std::atomic<std::uint64_t>, kParts> died;  // number of the part, and how many in it
  };

  static_assert(sizeof(Entry) == 64);

  GroupCounts(Duration part, std::uint64_t key) noexcept : part_(part), key_(key) {}

  [[nodiscard]] std::size_t PlaceOf(Group group) const noexcept;
  [[nodiscard]] Entry* EntryFor(Group group) noexcept;
  void Add(Group group, Liveness liveness, std::uint32_t step) noexcept;

  [[nodiscard]] std::uint32_t PartAt(Instant now) const noexcept {
    return static_cast<std::uint32_t>(now.time_since_epoch() / part_);
  }

  PageArray<Entry> entries_;  // open addressing
  Duration part_;
  std::uint64_t key_;
  std::size_t used_ = 0;
  std::uint64_t uncounted_ = 0;
};

// Those of all workers.
class GroupSilence {
 public:
  [[nodiscard]] static std::expected<std::unique_ptr<GroupSilence>, std::string> Create(
      unsigned workers, std::size_t slots_per_worker, Duration window, std::uint64_t key);

  [[nodiscard]] GroupCounts& of(unsigned worker) noexcept { return tables_[worker]; }

  [[nodiscard]] SilenceCounts Of(Group group, Instant now) const noexcept;

 private:
  std::vector<GroupCounts> tables_;
};

}  // namespace flatline
