#include "dataplane/group_silence.h"

#include "dataplane/recent_count.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace flatline {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr std::size_t kLeastEntries = 64;
constexpr std::size_t kMostEntries = std::size_t{1} << 18;
constexpr std::size_t kSlotsAGroup = 4;  // fewer members and group are not reckoned with

// Written by one thread.
void AddTo(std::atomic<std::uint32_t>& count, std::uint32_t step) noexcept {
  count.store(count.load(kRelaxed) + step, kRelaxed);
}

}  // namespace

std::expected<GroupCounts, std::string> GroupCounts::Create(std::size_t slots,
                                                            Duration window,
                                                            std::uint64_t key) {
  GroupCounts out(std::max(window / static_cast<std::int64_t>(kParts), Duration{1}), key);
  auto entries = PageArray<Entry>::Create(
      std::bit_ceil(std::clamp(slots / kSlotsAGroup, kLeastEntries, kMostEntries)),
      "the counts of groups");
  if (!entries) {
    return std::unexpected(entries.error());
  }
  out.entries_ = std::move(*entries);
  return out;
}

std::size_t GroupCounts::PlaceOf(Group group) const noexcept {
  return HashEndpoint(group, key_) & (entries_.size() - 1);
}

// Takes a place where the group has none; null: there is no room.
GroupCounts::Entry* GroupCounts::EntryFor(Group group) noexcept {
  std::size_t at = PlaceOf(group);
  for (;; at = (at + 1) & (entries_.size() - 1)) {
    const Group there = entries_[at].group.load(kRelaxed);
    if (there == group) {
      return &entries_[at];
    }
    if (there == kNoGroup) {
      break;
    }
  }
  if (used_ >= entries_.size() / 4 * 3) {
    return nullptr;
  }
  ++used_;
  entries_[at].group.store(group, kRelaxed);
  return &entries_[at];
}

void GroupCounts::Add(Group group, Liveness liveness, std::uint32_t step) noexcept {
  if (group == kNoGroup) {
    return;
  }
  Entry* const entry = EntryFor(group);
  if (entry == nullptr) {
    uncounted_ += static_cast<std::uint64_t>(static_cast<std::int32_t>(step));
    return;
  }
  if (liveness == Liveness::kAlive) {
    flatline::AddTo(entry->alive, step);
  } else if (liveness == Liveness::kSuspect) {
    flatline::AddTo(entry->suspect, step);
  }
}

void GroupCounts::Enter(Group group, Liveness liveness) noexcept {
  Add(group, liveness, 1);
}

void GroupCounts::Leave(Group group, Liveness liveness) noexcept {
  Add(group, liveness, ~std::uint32_t{0});
}

void GroupCounts::Change(Group group, Liveness from, Liveness to) noexcept {
  Leave(group, from);
  Enter(group, to);
}

void GroupCounts::Died(Group group, Instant at) noexcept {
  Entry* const entry = group == kNoGroup ? nullptr : EntryFor(group);
  if (entry == nullptr) {
    return;
  }
  const std::uint32_t part = PartAt(at);
  std::atomic<std::uint64_t>& word = entry->died[part % kParts];
  const std::uint64_t before = word.load(kRelaxed);
  const auto later = static_cast<std::int32_t>(static_cast<std::uint32_t>(before >> 32) - part);
  if ((before & kCount) != 0 && later > 0) {
    return;  // it is out of the window
  }
  const std::uint64_t count = (before >> 32) == part ? before & kCount : 0;
  word.store((std::uint64_t{part} << 32) | (count + 1), kRelaxed);
}

void GroupCounts::TakeBack(Group group, Instant at, Instant now) noexcept {
  Entry* const entry = group == kNoGroup ? nullptr : EntryFor(group);
  if (entry == nullptr) {
    return;
  }
  const auto word_of = [entry](std::int64_t part) -> std::atomic<std::uint64_t>& {
    return entry->died[static_cast<std::uint32_t>(part) % kParts];
  };
  const auto part =
      PartToTakeFrom(PartAt(at), PartAt(now), kParts, [&word_of](std::int64_t of) -> std::uint64_t {
        const std::uint64_t word = word_of(of).load(kRelaxed);
        return (word >> 32) == static_cast<std::uint32_t>(of) ? word & kCount : 0;
      });
  if (part) {
    std::atomic<std::uint64_t>& word = word_of(*part);
    word.store(word.load(kRelaxed) - 1, kRelaxed);
  }
}

void GroupCounts::AddTo(SilenceCounts& counts, Group group, Instant now) const noexcept {
  std::size_t at = PlaceOf(group);
  for (;; at = (at + 1) & (entries_.size() - 1)) {
    const Group there = entries_[at].group.load(kRelaxed);
    if (there == group) {
      break;
    }
    if (there == kNoGroup) {
      return;
    }
  }
  const Entry& entry = entries_[at];
  const std::uint32_t part = PartAt(now);
  std::uint64_t died = 0;
  for (const std::atomic<std::uint64_t>& word : entry.died) {
    const std::uint64_t seen = word.load(kRelaxed);
    died += part - static_cast<std::uint32_t>(seen >> 32) < kParts ? seen & kCount : 0;
  }
  const std::uint64_t suspect = entry.suspect.load(kRelaxed);
  counts.suspect += suspect;
  counts.died += died;
  counts.watched += entry.alive.load(kRelaxed) + suspect + died;
}

std::expected<std::unique_ptr<GroupSilence>, std::string> GroupSilence::Create(
    unsigned workers, std::size_t slots_per_worker, Duration window, std::uint64_t key) {
  auto out = std::make_unique<GroupSilence>();
  for (unsigned worker = 0; worker < workers; ++worker) {
    auto table = GroupCounts::Create(slots_per_worker, window, key);
    if (!table) {
      return std::unexpected(table.error());
    }
    out->tables_.push_back(std::move(*table));
  }
  return out;
}

SilenceCounts GroupSilence::Of(Group group, Instant now) const noexcept {
  SilenceCounts out;
  if (group != kNoGroup) {
    for (const GroupCounts& table : tables_) {
      table.AddTo(out, group, now);
    }
  }
  return out;
}

}  // namespace flatline
