// The clock on which silence is measured: it stands still while the detector is deaf. Takes reports
// of blindness, gives the horizon up to which everything has been heard, and the blind intervals to
// be announced. Called by the leader's turn only; pure, with `now` as an argument, no allocation.
// Hearing time = monotonic time − blind time, and the horizon never goes back: where a report comes
// late, it waits until hearing time has caught up. Cost: a few comparisons a turn.
//
//   monotonic  ──────────────┤ deaf ├──────────────── now
//   hearing    ──────────────┼──────────────── now − blind_total
//                     horizon = hearing time of the least instant up to which a queue is drained
#pragma once

#include "dataplane/blind_intervals.h"
#include "dataplane/blindness.h"

#include <flatline/endpoint.h>
#include <flatline/region.h>
#include <flatline/time.h>
#include <flatline/transition.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace flatline {

// Blind intervals nearer to each other than this are announced as one.
inline constexpr Duration kBlindGap{100'000'000};
// A blindness that goes on in pieces is announced in parts no longer than this.
inline constexpr Duration kBlindPart{1'000'000'000};

// How far the slowest worker is.
struct Hearing {
  Instant drained{};  // its queues were empty then
  Instant turn{};     // its latest turn began then
};

class HearingClock {
 public:
  // Begins at `since`, with the blind time of a predecessor already subtracted; blindness before
  // `since` is no matter of this clock. `overload`: a worker whose queues were last empty longer
  // ago than this is deaf.
  HearingClock(Instant since, Duration blind_total, Duration overload) noexcept;

  // Subtracts what is new in a report from everyone's silence.
  void Account(const BlindReport& report) noexcept;

  // Since when a port has been without a link, in monotonic nanoseconds; 0 while it has one. To be
  // said every turn, before Advance.
  void Observe(std::uint8_t port, std::int64_t deaf_since_ns, Instant now) noexcept;

  // Moves the horizon to what the slowest worker has heard. Reports about the time before
  // `slowest.drained` have been accounted for already.
  void Advance(const Hearing& slowest, Instant now) noexcept;

  [[nodiscard]] Duration blind_total() const noexcept { return blind_total_; }

  [[nodiscard]] HearingInstant horizon() const noexcept { return horizon_; }

  // When the latest blindness in blind_total was over, which may be after `now`: who reported it
  // looked at the clock later.
  [[nodiscard]] Instant blind_until() const noexcept { return blind_until_; }

  // Up to when all known blindness is in blind_total.
  [[nodiscard]] Instant accounted() const noexcept { return accounted_; }

  // When a blindness of at least 2^n ms was last over, for each n; pieces that are less than
  // kBlindGap apart count together.
  [[nodiscard]] const std::array<HearingInstant, kDeafnesses>& deaf_until() const noexcept {
    return deaf_until_;
  }

  // The earliest instant since when a port is deaf, in monotonic nanoseconds; 0 while all hear.
  [[nodiscard]] std::int64_t deaf_since_ns() const noexcept;

  // The oldest interval not yet announced, or null.
  [[nodiscard]] const Transition* Announcement() const noexcept {
    return announced_ == queued_ ? nullptr : &queue_[announced_ % kQueue];
  }

  void PopAnnouncement() noexcept { ++announced_; }

 private:
  static constexpr std::size_t kQueue = 64;

  // Neighbouring blind intervals that will be announced as one.
  struct Episode {
    Instant from{};
    Instant to{};
    Duration longest{};  // of the reports in it, whose reason and port it takes
    Reason reason = Reason::kNone;
    std::uint8_t port = kAllPorts;
    bool begun = false;
  };

  void Remember(const BlindIntervals::Added& added) noexcept;
  void Extend(const BlindIntervals::Added& added, const BlindReport& report) noexcept;
  void CloseEpisode(Instant now) noexcept;
  void Announce(const Episode& episode) noexcept;

  [[nodiscard]] bool QueueIsFull() const noexcept { return queued_ - announced_ == kQueue; }

  std::array<Transition, kQueue> queue_{};  // first, for its alignment
  Duration blind_total_;
  HearingInstant horizon_;
  Instant blind_until_;
  Instant accounted_;
  Duration overload_;
  BlindIntervals blind_;
  Episode episode_;
  std::array<std::int64_t, kMaxPorts> deaf_since_ns_{};
  std::array<HearingInstant, kDeafnesses> deaf_until_{};
  Instant deaf_to_{};       // the end of the latest blindness
  Duration deaf_length_{};  // of it, with the pieces near before it
  std::size_t queued_ = 0;
  std::size_t announced_ = 0;
};

}  // namespace flatline
