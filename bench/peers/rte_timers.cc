#include "bench/peers/eal.h"
#include "bench/peers/timer_scheme.h"
#include "dataplane/page_array.h"

#include <stdexcept>

#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_timer.h>

namespace flatline::peers {
namespace {

constexpr std::size_t kEalBytes = std::size_t{64} << 20;

void Ignore(rte_timer* timer, void* argument) {
  static_cast<void>(timer);
  static_cast<void>(argument);
}

class RteTimers final : public TimerScheme {
 public:
  explicit RteTimers(std::size_t endpoints)
      : eal_(kEalBytes, false),
        timers_(PageArray<rte_timer>::Create(endpoints, "the timers").value()),
        cycles_(rte_get_timer_hz() * kTimeoutMs / 1000) {
    if (rte_timer_subsystem_init() != 0) {
      throw std::runtime_error("rte_timer does not start");
    }
    for (std::size_t number = 0; number < endpoints; ++number) {
      rte_timer_init(&timers_[number]);
      Arm(static_cast<Number>(number));
    }
  }

  ~RteTimers() override { rte_timer_subsystem_finalize(); }

  void Beat(std::span<const Number> numbers, std::uint32_t /*now_ms*/) override {
    for (const Number number : numbers) {
      __builtin_prefetch(&timers_[number], 1);
    }
    for (const Number number : numbers) {
      Arm(number);
    }
  }

  void Tick(std::uint32_t /*now_ms*/) override { rte_timer_manage(); }

  [[nodiscard]] std::uint64_t overdue() const override { return 0; }

 private:
  void Arm(Number number) {
    if (rte_timer_reset(&timers_[number], cycles_, SINGLE, rte_lcore_id(), &Ignore, nullptr) != 0) {
      throw std::runtime_error("rte_timer refuses a reset");
    }
  }

  Eal eal_;  // first, so that it outlives the rest
  PageArray<rte_timer> timers_;
  std::uint64_t cycles_;
};

}  // namespace

std::unique_ptr<TimerScheme> MakeRteTimers(std::size_t endpoints) {
  return std::make_unique<RteTimers>(endpoints);
}

}  // namespace flatline::peers
