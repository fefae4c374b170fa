#include "dataplane/fleet_guard.h"

#include <atomic>

namespace flatline {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// Once it holds, it leaves below three quarters of the share at which it began.
constexpr std::uint64_t kLowNumerator = 3;
constexpr std::uint64_t kLowDenominator = 4;

constexpr Duration Seconds(std::uint32_t seconds) noexcept {
  return Duration{std::int64_t{seconds} * 1'000'000'000};
}

// `silence` is for how long it has held, at its end; at its beginning the window of the counts.
Transition Telling(bool begins,
                   GroupCause cause,
                   const SilenceCounts& counts,
                   Duration silence,
                   Instant now) noexcept {
  Transition out;
  out.at = now;
  out.silence = silence;
  out.kind = TransitionKind::kGroup;
  out.reason = Reason::kGuard;
  out.from = static_cast<std::uint8_t>(cause);
  out.to = begins ? 1 : 0;
  out.incarnation = static_cast<std::uint32_t>(counts.silent());
  out.sequence = static_cast<std::uint32_t>(counts.watched);
  return out;
}

}  // namespace

void FleetGuard::Judge(const SilenceCounts& counts, Instant now, HearingInstant horizon) noexcept {
  const std::uint64_t reached = counts.silent() * kWholeShare;
  const std::uint64_t share = settings_.share_ppm * counts.watched;
  const bool guards = settings_.share_ppm != 0 && counts.watched >= settings_.least_endpoints;
  const bool is_low = !guards || reached * kLowDenominator < share * kLowNumerator;
  state_->silent.store(static_cast<std::uint32_t>(counts.silent()), kRelaxed);
  state_->watched.store(static_cast<std::uint32_t>(counts.watched), kRelaxed);
  if (is_low) {
    state_->spent.store(0, kRelaxed);
  }
  const GuardMode mode = OrderedMode(settings_, *state_, now);
  if (!holds()) {
    if (mode == GuardMode::kHold) {
      Begin(GroupCause::kOperator, counts, now);
    } else if (mode == GuardMode::kAuto && guards && reached >= share &&
               state_->spent.load(kRelaxed) == 0) {
      Begin(CauseOfShare(), counts, now);
    }
    return;
  }
  const Instant since{Duration{state_->holds_since_ns.load(kRelaxed)}};
  if (mode == GuardMode::kRelease) {
    state_->eased_ns.store(0, kRelaxed);
    End(GroupCause::kOperator, counts, now);
  } else if (mode == GuardMode::kAuto && is_low) {
    state_->eased_ns.store(horizon.time_since_epoch().count(), kRelaxed);
    End(CauseOfShare(), counts, now);
  } else if (mode == GuardMode::kAuto && now - since >= settings_.release_after) {
    state_->eased_ns.store(0, kRelaxed);
    state_->spent.store(1, kRelaxed);
    End(GroupCause::kTimeOver, counts, now);
  }
}

void FleetGuard::Mend(GuardState& state, Instant now) noexcept {
  const auto has_been = [now](const std::atomic<std::int64_t>& ns) {
    return ns.load(kRelaxed) >= 0 && ns.load(kRelaxed) <= now.time_since_epoch().count();
  };
  if (has_been(state.order_ns) && has_been(state.holds_since_ns) && has_been(state.eased_ns)) {
    return;
  }
  state.order.store(0, kRelaxed);
  state.order_ns.store(0, kRelaxed);
  state.holds_since_ns.store(0, kRelaxed);
  state.eased_ns.store(0, kRelaxed);
}

GuardMode FleetGuard::OrderedMode(const GuardSettings& settings,
                                  const GuardState& state,
                                  Instant now) noexcept {
  const Instant from{Duration{state.order_ns.load(std::memory_order_acquire)}};
  GuardOrder order;
  if (!GuardOrder::Unpack(state.order.load(kRelaxed), order)) {
    return GuardMode::kAuto;
  }
  const bool is_for_ever = order.mode == GuardMode::kRelease && order.seconds == 0;
  const Duration length = order.seconds != 0 ? Seconds(order.seconds) : settings.release_after;
  return is_for_ever || now - from < length ? order.mode : GuardMode::kAuto;
}

void FleetGuard::Begin(GroupCause cause, const SilenceCounts& counts, Instant now) noexcept {
  state_->holds_since_ns.store(now.time_since_epoch().count(), kRelaxed);
  Announce(Telling(true, cause, counts, settings_.window, now));
}

void FleetGuard::End(GroupCause cause, const SilenceCounts& counts, Instant now) noexcept {
  const Duration since{state_->holds_since_ns.load(kRelaxed)};
  state_->holds_since_ns.store(0, kRelaxed);
  Announce(Telling(false, cause, counts, now.time_since_epoch() - since, now));
}

void FleetGuard::Announce(const Transition& transition) noexcept {
  if (untold_) {
    untold_.reset();  // the opposite: together they are nothing
  } else {
    untold_ = transition;
    untold_->group = group();
  }
}

}  // namespace flatline
