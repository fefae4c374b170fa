#include "dataplane/leader.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

namespace flatline {

Leader::Leader(const RegionView& region, LeaderWiring wiring, const HearingClock& clock) noexcept
    : region_(region),
      wiring_(std::move(wiring)),
      clock_(clock),
      guard_(region.header().guard, region.dataplane().guard) {
  Publish();
}

void Leader::Turn(Instant now, Tally& tally) noexcept {
  const Duration blind_before = clock_.blind_total();
  const Hearing slowest = SlowestWorker();
  TakeReports(now);
  clock_.Advance(slowest, now);
  Publish();
  Guard(now, tally);
  Announce(tally);
  tally.Add(Counter::kBlindNs,
            static_cast<std::uint64_t>((clock_.blind_total() - blind_before).count()));
}

Hearing Leader::SlowestWorker() const noexcept {
  Hearing out{.drained = Instant::max(), .turn = {}};
  for (std::size_t w = 0; w < wiring_.reports.size(); ++w) {
    const WorkerProgress& progress = region_.dataplane().progress[w];
    // Acquire: with the instant come the stamps and the report of blindness before it.
    const Instant drained{Duration{progress.drained_ns.load(std::memory_order_acquire)}};
    if (drained < out.drained) {
      out.drained = drained;
      out.turn = Instant{Duration{progress.turn_ns.load(std::memory_order_relaxed)}};
    }
  }
  return out;
}

void Leader::TakeReports(Instant now) noexcept {
  // A port that hears again has reported its interval before it says so: ask first, drain then.
  std::array<std::int64_t, kMaxPorts> deaf_since_ns{};
  for (std::size_t port = 0; port < kMaxPorts; ++port) {
    deaf_since_ns[port] = wiring_.ports->DeafSince(port);
  }
  const auto account = [this](const BlindReport& report) { clock_.Account(report); };
  wiring_.ports->reports().Drain(account);
  for (BlindReports* reports : wiring_.reports) {
    reports->Drain(account);
  }
  for (std::size_t port = 0; port < kMaxPorts; ++port) {
    clock_.Observe(static_cast<std::uint8_t>(port), deaf_since_ns[port], now);
  }
}

void Leader::Publish() noexcept {
  RegionHeader& header = region_.header();
  if (clock_.blind_total() != remembered_) {
    remembered_ = clock_.blind_total();
    for (std::size_t n = 0; n < kDeafnesses; ++n) {
      const std::int64_t until_ns = clock_.deaf_until()[n].time_since_epoch().count();
      if (until_ns != 0) {  // else what a predecessor knew holds
        header.deaf_until_ns[n].store(until_ns, std::memory_order_relaxed);
      }
    }
  }
  // Each before what is seen with it: who sees the horizon sees the clock that it was measured on.
  wiring_.blind_until_ns->store(clock_.blind_until().time_since_epoch().count(),
                                std::memory_order_relaxed);
  header.blind_total_ns.store(clock_.blind_total().count(), std::memory_order_release);
  header.accounted_ns.store(clock_.accounted().time_since_epoch().count(),
                            std::memory_order_release);
  header.horizon_ns.store(clock_.horizon().time_since_epoch().count(), std::memory_order_release);
  header.deaf_since_ns.store(clock_.deaf_since_ns(), std::memory_order_relaxed);
}

// The instants first, then the counts: these are then as of those, or later. What the guard makes
// of them is published before the instant that it clears.
void Leader::Guard(Instant now, Tally& tally) noexcept {
  std::int64_t expired_ns = std::numeric_limits<std::int64_t>::max();
  SilenceCounts counts;
  for (std::size_t w = 0; w < wiring_.reports.size(); ++w) {
    const WorkerProgress& progress = region_.dataplane().progress[w];
    expired_ns = std::min(expired_ns, progress.expired_ns.load(std::memory_order_acquire));
    counts.suspect += progress.suspect.load(std::memory_order_relaxed);
    counts.died += progress.died.load(std::memory_order_relaxed);
    counts.watched += progress.watched.load(std::memory_order_relaxed);
  }
  const bool held = guard_.holds();
  guard_.Judge(counts, now, clock_.horizon());
  tally.Add(Counter::kGuardHolds, guard_.holds() && !held ? 1 : 0);
  if (wiring_.group_guards != nullptr) {
    wiring_.group_guards->Turn(now, clock_.horizon(), *wiring_.ring, tally);
  }
  region_.header().cleared_ns.store(expired_ns, std::memory_order_release);
}

void Leader::Announce(Tally& tally) noexcept {
  if (const Transition* next = guard_.Announcement()) {
    if (!wiring_.ring->TryPush(*next)) {
      tally.Add(Counter::kRingFull);
      return;
    }
    tally.Add(Counter::kTransitions);
    guard_.PopAnnouncement();
  }
  while (const Transition* next = clock_.Announcement()) {
    if (!wiring_.ring->TryPush(*next)) {
      tally.Add(Counter::kRingFull);
      return;
    }
    tally.Add(Counter::kTransitions);
    clock_.PopAnnouncement();
  }
}

}  // namespace flatline
