// What a record has no room for and a snapshot must know of each of the last transitions: the slot
// it was about, and the liveness behind it. Written by the scribe before the record is; read by
// snapshots on other threads, of sequences that are written. Bounds: the last kLength sequences.
// Cost: one store each.
#pragma once

#include <flatline/endpoint.h>
#include <flatline/liveness.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace flatline {

struct Trace {
  Slot slot = kNoSlot;
  Liveness liveness = Liveness::kUnknown;  // after the transition
};

class Trail {
 public:
  static constexpr std::size_t kLength = std::size_t{1} << 20;
  // So far behind the writer a reader may be.
  static constexpr std::size_t kReach = kLength / 2;

  void Put(std::uint64_t sequence, Trace trace) noexcept {
    traces_[sequence % kLength].store(
        std::uint64_t{trace.slot} << 8 | static_cast<std::uint8_t>(trace.liveness),
        std::memory_order_relaxed);
  }

  [[nodiscard]] Trace At(std::uint64_t sequence) const noexcept {
    const std::uint64_t packed = traces_[sequence % kLength].load(std::memory_order_relaxed);
    return {static_cast<Slot>(packed >> 8), static_cast<Liveness>(packed & 0xFF)};
  }

 private:
  std::vector<std::atomic<std::uint64_t>> traces_ =
      std::vector<std::atomic<std::uint64_t>>(kLength);
};

}  // namespace flatline
