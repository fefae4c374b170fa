#include "bench/fleet_in_memory.h"
#include "bench/peers/timer_scheme.h"

#include <flatline/transition_ring.h>

namespace flatline::peers {
namespace {

class FlatlineTimers final : public TimerScheme {
 public:
  explicit FlatlineTimers(std::size_t endpoints)
      : fleet_(endpoints),
        records_(fleet_.region().records()),
        ring_(fleet_.region().dataplane().transition_heads[0],
              fleet_.region().control().transition_tails[0],
              fleet_.region().transitions(0)) {}

  void Beat(std::span<const Number> numbers, std::uint32_t now_ms) override {
    for (const Number number : numbers) {
      PrefetchOnce(&records_[number]);
    }
    const std::uint64_t heard = Heard{StampOf(At(now_ms)), now_ms}.Pack();
    for (const Number number : numbers) {
      records_[number].heard.store(heard, std::memory_order_relaxed);
    }
  }

  void Tick(std::uint32_t now_ms) override {
    const HearingInstant now = At(now_ms);
    const Moment moment{.now = Instant{now.time_since_epoch()}, .hearing = now, .horizon = now};
    while (fleet_.shard().Expire(moment, kSteps, ring_, tally_)) {
      Drain();
    }
    Drain();
  }

  [[nodiscard]] std::uint64_t overdue() const override {
    const EndpointTable& table = fleet_.shard().table();
    return table.count(Liveness::kSuspect) + table.count(Liveness::kDead);
  }

 private:
  static constexpr std::size_t kSteps = 1024;

  static HearingInstant At(std::uint32_t now_ms) {
    return FleetInMemory::kStart + Milliseconds(now_ms);
  }

  void Drain() {
    fleet_.region().control().transition_tails[0].value.store(ring_.pushed(),
                                                              std::memory_order_relaxed);
  }

  mutable FleetInMemory fleet_;
  std::span<EndpointRecord> records_;
  TransitionProducer ring_;
  Tally tally_;
};

}  // namespace

std::unique_ptr<TimerScheme> MakeFlatlineTimers(std::size_t endpoints) {
  return std::make_unique<FlatlineTimers>(endpoints);
}

}  // namespace flatline::peers
