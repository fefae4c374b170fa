#include "dataplane/hearing_clock.h"

#include <algorithm>

namespace flatline {

HearingClock::HearingClock(Instant since, Duration blind_total, Duration overload) noexcept
    : blind_total_(blind_total),
      horizon_(since.time_since_epoch() - blind_total),
      blind_until_(since),
      accounted_(since),
      overload_(overload) {
  blind_.Add(Instant{}, since);  // the monotonic clock begins at 0
}

void HearingClock::Account(const BlindReport& report) noexcept {
  accounted_ = std::max(accounted_, report.to);
  const BlindIntervals::Added added = blind_.Add(report.from, report.to);
  if (added.length == Duration{0}) {
    return;
  }
  blind_total_ += added.length;
  blind_until_ = std::max(blind_until_, report.to);
  Remember(added);
  Extend(added, report);
}

void HearingClock::Remember(const BlindIntervals::Added& added) noexcept {
  deaf_length_ = added.from > deaf_to_ + kBlindGap ? added.length : deaf_length_ + added.length;
  deaf_to_ = std::max(deaf_to_, added.to);
  const HearingInstant over{deaf_to_.time_since_epoch() - blind_total_};
  for (std::size_t n = 0; n < kDeafnesses && Milliseconds(std::int64_t{1} << n) <= deaf_length_;
       ++n) {
    deaf_until_[n] = over;
  }
}

void HearingClock::Observe(std::uint8_t port, std::int64_t deaf_since_ns, Instant now) noexcept {
  const std::int64_t before = deaf_since_ns_[port];
  deaf_since_ns_[port] = deaf_since_ns;
  if (deaf_since_ns == 0) {
    return;
  }
  const Instant since{Duration{deaf_since_ns}};
  if (before == 0) {
    Announce({.from = since, .to = since, .reason = Reason::kLinkDown, .port = port});
  }
  Account({.from = since, .to = now, .reason = Reason::kLinkDown, .port = port});
}

void HearingClock::Advance(const Hearing& slowest, Instant now) noexcept {
  if (now - slowest.drained > overload_) {
    // It either does not turn at all, or turns and cannot keep up.
    const bool turns = now - slowest.turn <= overload_;
    Account({.from = slowest.drained,
             .to = now,
             .reason = turns ? Reason::kOverloaded : Reason::kWorkerStalled});
  }
  const HearingInstant heard{slowest.drained.time_since_epoch() - blind_total_};
  horizon_ = std::max(horizon_, heard);
  accounted_ = std::max(accounted_, now);
  CloseEpisode(now);
}

std::int64_t HearingClock::deaf_since_ns() const noexcept {
  std::int64_t least = 0;
  for (const std::int64_t since : deaf_since_ns_) {
    if (since != 0 && (least == 0 || since < least)) {
      least = since;
    }
  }
  return least;
}

// Joins new blindness to the running episode, or ends that one and begins the next.
void HearingClock::Extend(const BlindIntervals::Added& added, const BlindReport& report) noexcept {
  const Episode news{.from = added.from,
                     .to = added.to,
                     .longest = added.length,
                     .reason = report.reason,
                     .port = report.port,
                     .begun = true};
  if (!episode_.begun) {
    episode_ = news;
    return;
  }
  if (!QueueIsFull()) {
    if (added.to + kBlindGap < episode_.from) {
      Announce(news);
      return;
    }
    if (added.from > episode_.to + kBlindGap) {
      Announce(episode_);
      episode_ = news;
      return;
    }
  }
  // Touching, or nobody takes the announcements: one interval that covers both is still true.
  episode_.from = std::min(episode_.from, added.from);
  episode_.to = std::max(episode_.to, added.to);
  if (episode_.reason == news.reason && episode_.port == news.port) {
    episode_.longest += added.length;
  } else if (added.length > episode_.longest) {
    episode_.longest = added.length;
    episode_.reason = news.reason;
    episode_.port = news.port;
  }
}

// Announces the episode when it is over, or long; one of a dead link ends with the link's return.
void HearingClock::CloseEpisode(Instant now) noexcept {
  if (!episode_.begun || QueueIsFull() || deaf_since_ns() != 0) {
    return;
  }
  if (now - episode_.to >= kBlindGap || episode_.to - episode_.from >= kBlindPart) {
    Announce(episode_);
    episode_ = {};
  }
}

void HearingClock::Announce(const Episode& episode) noexcept {
  if (QueueIsFull()) {
    return;  // a link's early notice only: what lasts is announced by its episode
  }
  Transition& out = queue_[queued_ % kQueue];
  out = {};
  out.at = episode.to;
  out.silence = episode.to - episode.from;
  out.kind = TransitionKind::kBlind;
  out.reason = episode.reason;
  out.port = episode.port;
  ++queued_;
}

}  // namespace flatline
