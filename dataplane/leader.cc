#include "dataplane/leader.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace flatline {

Leader::Leader(const RegionView& region,
               std::vector<BlindReports*> reports,
               PortWatch& ports,
               TransitionProducer& ring,
               const HearingClock& clock) noexcept
    : region_(region), reports_(std::move(reports)), ports_(&ports), ring_(&ring), clock_(clock) {
  Publish();
}

void Leader::Turn(Instant now, Tally& tally) noexcept {
  const Duration blind_before = clock_.blind_total();
  const Hearing slowest = SlowestWorker();
  TakeReports(now);
  clock_.Advance(slowest, now);
  Publish();
  Announce(tally);
  tally.Add(Counter::kBlindNs,
            static_cast<std::uint64_t>((clock_.blind_total() - blind_before).count()));
}

Hearing Leader::SlowestWorker() const noexcept {
  Hearing out{.drained = Instant::max(), .turn = {}};
  for (std::size_t w = 0; w < reports_.size(); ++w) {
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
    deaf_since_ns[port] = ports_->DeafSince(port);
  }
  const auto account = [this](const BlindReport& report) { clock_.Account(report); };
  ports_->reports().Drain(account);
  for (BlindReports* reports : reports_) {
    reports->Drain(account);
  }
  for (std::size_t port = 0; port < kMaxPorts; ++port) {
    clock_.Observe(static_cast<std::uint8_t>(port), deaf_since_ns[port], now);
  }
}

void Leader::Publish() noexcept {
  RegionHeader& header = region_.header();
  // The blind total first: who sees the horizon sees the clock that it was measured on.
  header.blind_total_ns.store(clock_.blind_total().count(), std::memory_order_release);
  header.accounted_ns.store(clock_.accounted().time_since_epoch().count(),
                            std::memory_order_release);
  header.horizon_ns.store(clock_.horizon().time_since_epoch().count(), std::memory_order_release);
  header.deaf_since_ns.store(clock_.deaf_since_ns(), std::memory_order_relaxed);
}

void Leader::Announce(Tally& tally) noexcept {
  while (const Transition* next = clock_.Announcement()) {
    if (!ring_->TryPush(*next)) {
      tally.Add(Counter::kRingFull);
      return;
    }
    tally.Add(Counter::kTransitions);
    clock_.PopAnnouncement();
  }
}

}  // namespace flatline
