#include "bench/generator/truth.h"

namespace flatline::generator {

Truth::Truth(const Fleet& fleet)
    : fleet_(&fleet), lives_(std::make_unique<std::atomic<std::uint64_t>[]>(fleet.size())) {}

void Truth::TakeGaps(std::vector<Gap>& out) {
  const std::scoped_lock lock(mutex_);
  out.insert(out.end(), gaps_.begin(), gaps_.end());
  gaps_.clear();
}

void Truth::Left(Index index, Elapsed before, Elapsed after, bool is_leave) {
  Life life = Of(index);
  if (life.has_spoken() && after - life.left_at() >= fleet_->Of(index).timeout) [[unlikely]] {
    const std::scoped_lock lock(mutex_);
    gaps_.push_back({index, life.stamp, TruthStamp(after) + 1, life.flags});
  }
  life.stamp = TruthStamp(before);
  life.flags &= static_cast<std::uint8_t>(~(kDied | kLost | kRefused | kLeaving | kAbsent));
  if (is_leave) {
    life.flags |= kGone;
  }
  Store(index, life);
}

void Truth::Set(Index index, std::uint8_t flags) noexcept {
  Life life = Of(index);
  life.flags |= flags;
  Store(index, life);
}

void Truth::Clear(Index index, std::uint8_t flags) noexcept {
  Life life = Of(index);
  life.flags &= static_cast<std::uint8_t>(~flags);
  Store(index, life);
}

void Truth::Restart(Index index) noexcept {
  Life life = Of(index);
  ++life.restarts;
  if (life.Is(kMuted)) {
    life.flags |= kDied;
  }
  if (life.Is(kGone)) {
    life.flags |= kBack;
  }
  life.flags &= static_cast<std::uint8_t>(~(kMuted | kLeaving | kGone));
  Store(index, life);
}

}  // namespace flatline::generator
