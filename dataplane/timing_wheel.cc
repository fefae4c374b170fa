#include "dataplane/timing_wheel.h"

#include <flatline/check.h>

#include <algorithm>
#include <bit>

namespace flatline {

namespace {

constexpr Tick kFarthest = Tick{1} << 31;

constexpr unsigned ByteOf(Tick tick, unsigned level) noexcept {
  return static_cast<unsigned>(tick >> (8 * level)) & 0xFFU;
}

}  // namespace

std::expected<TimingWheel, std::string> TimingWheel::Create(std::uint32_t capacity, Tick now) {
  auto due = PageArray<std::uint32_t>::Create(capacity, "the wheel");
  if (!due) {
    return std::unexpected(due.error());
  }
  // Every full chunk holds kChunkIndices of `capacity` entries (one more while it is visited and
  // armed anew); every bucket, the chain being drained and the one being brought down may have one
  // that is not full. Chunk 0 is not used.
  const std::size_t chunk_count =
      (std::size_t{capacity} + 1) / kChunkIndices + std::size_t{kLevels} * kBuckets + 2 + 1;
  auto chunks = PageArray<Chunk>::Create(chunk_count, "the wheel");
  if (!chunks) {
    return std::unexpected(chunks.error());
  }
  TimingWheel out;
  out.due_ = std::move(*due);
  out.chunks_ = std::move(*chunks);
  out.now_ = now;
  for (std::size_t i = chunk_count - 1; i > kNoChunk; --i) {
    out.FreeChunk(static_cast<std::uint32_t>(i));
  }
  return out;
}

Tick TimingWheel::DueOf(std::uint32_t index) const noexcept {
  const std::uint32_t ahead = due_[index] - 1 - static_cast<std::uint32_t>(now_);
  return now_ + ahead;
}

void TimingWheel::Arm(std::uint32_t index, Tick due) noexcept {
  FLATLINE_DCHECK(!armed(index));
  due_[index] = Mark(std::clamp(due, now_ + 1, now_ + kFarthest));
  Place(index, DueOf(index));
  ++armed_;
}

// The level is that of the highest byte in which the due tick differs from the present one. Beyond
// the wrap of 32 bits it is the topmost one, whose buckets go round.
void TimingWheel::Place(std::uint32_t index, Tick due) noexcept {
  const Tick difference = due ^ now_;
  const unsigned highest_bit =
      difference == 0 ? 0 : static_cast<unsigned>(std::bit_width(difference)) - 1;
  const unsigned level = std::min(highest_bit / kLevelBits, kLevels - 1);
  Push(level, ByteOf(due, level), index);
}

void TimingWheel::Push(unsigned level, unsigned bucket, std::uint32_t index) noexcept {
  std::uint32_t& head = levels_[level].heads[bucket];
  if (head == kNoChunk || chunks_[head].count == kChunkIndices) {
    const std::uint32_t chunk = free_;
    FLATLINE_DCHECK(chunk != kNoChunk);
    free_ = chunks_[chunk].next;
    chunks_[chunk].next = head;
    chunks_[chunk].count = 0;
    head = chunk;
    levels_[level].occupied[bucket / 64] |= std::uint64_t{1} << (bucket % 64);
  }
  Chunk& into = chunks_[head];
  into.indices[into.count] = index;
  ++into.count;
}

std::uint32_t TimingWheel::Detach(unsigned level, unsigned bucket) noexcept {
  levels_[level].occupied[bucket / 64] &= ~(std::uint64_t{1} << (bucket % 64));
  const std::uint32_t head = levels_[level].heads[bucket];
  levels_[level].heads[bucket] = kNoChunk;
  return head;
}

void TimingWheel::FreeChunk(std::uint32_t chunk) noexcept {
  chunks_[chunk].next = free_;
  free_ = chunk;
}

bool TimingWheel::FindDue(Tick horizon, std::size_t& budget) noexcept {
  while (draining_ == kNoChunk) {
    if (cascade_level_ != 0) {
      if (!Cascade(budget)) {
        return false;
      }
      continue;
    }
    if (now_ >= horizon || budget == 0) {
      return false;
    }
    --budget;
    EnterNextTick(horizon);
  }
  return true;
}

// The next tick with entries, or the next at which a level above turns, or the horizon.
void TimingWheel::EnterNextTick(Tick horizon) noexcept {
  const Tick window = now_ & ~Tick{kBuckets - 1};
  now_ = std::min(window + NextOccupied(ByteOf(now_, 0) + 1), horizon);
  if (ByteOf(now_, 0) != 0) {
    draining_ = Detach(0, ByteOf(now_, 0));
    return;
  }
  cascade_level_ = 1;
  while (cascade_level_ + 1 < kLevels && ByteOf(now_, cascade_level_) == 0) {
    ++cascade_level_;
  }
}

// The first bucket of level 0 from `from` on that has entries, or kBuckets.
unsigned TimingWheel::NextOccupied(unsigned from) const noexcept {
  for (unsigned word = from / 64; word < kBuckets / 64; ++word) {
    std::uint64_t bits = levels_[0].occupied[word];
    if (word == from / 64) {
      bits &= ~std::uint64_t{0} << (from % 64);
    }
    if (bits != 0) {
      return word * 64 + static_cast<unsigned>(std::countr_zero(bits));
    }
  }
  return kBuckets;
}

// Brings the entries of the levels that have turned down to where they belong now, the topmost
// level first, then begins with those that are due. False: the budget ended before.
bool TimingWheel::Cascade(std::size_t& budget) noexcept {
  while (cascade_level_ != 0) {
    if (cascading_ == kNoChunk) {
      cascading_ = Detach(cascade_level_, ByteOf(now_, cascade_level_));
      if (cascading_ == kNoChunk) {
        --cascade_level_;
        continue;
      }
    }
    Chunk& chunk = chunks_[cascading_];
    for (; chunk.count != 0; --chunk.count) {
      if (budget == 0) {
        return false;
      }
      --budget;
      const std::uint32_t index = chunk.indices[chunk.count - 1];
      Place(index, DueOf(index));
    }
    const std::uint32_t next = chunk.next;
    FreeChunk(cascading_);
    cascading_ = next;
  }
  draining_ = Detach(0, ByteOf(now_, 0));
  return true;
}

}  // namespace flatline
