// What a poll core does between two turns: nothing while there is work, then pauses, then short
// sleeps, so that an idle appliance costs little power and still wakes within kNap.
// One per worker, asked after every turn. Pure: says what to do, the loop does it.
// Bounds: a nap is at most kNap, far below any `stall`. Cost: a counter.
#pragma once

#include <flatline/config.h>
#include <flatline/time.h>

#include <cstdint>

namespace flatline {

class Idle {
 public:
  enum class Action : std::uint8_t { kTurn, kPause, kNap };

  // Turns without work before the first pause and before the first nap: at some 100 ns a turn,
  // about 5 µs of turning and 50 µs of pausing, so that a busy port never naps.
  static constexpr std::uint32_t kTurnsBeforePause = 50;
  static constexpr std::uint32_t kTurnsBeforeNap = 500;
  static constexpr Duration kNap{80'000};

  explicit Idle(IdleMode mode) noexcept : mode_(mode) {}

  [[nodiscard]] Action After(bool worked) noexcept {
    if (worked || mode_ == IdleMode::kPoll) {
      empty_ = 0;
      return Action::kTurn;
    }
    if (empty_ >= kTurnsBeforeNap) {
      return Action::kNap;
    }
    ++empty_;
    return empty_ <= kTurnsBeforePause ? Action::kTurn : Action::kPause;
  }

 private:
  IdleMode mode_;
  std::uint32_t empty_ = 0;
};

}  // namespace flatline
