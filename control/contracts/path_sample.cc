#include "control/contracts/path_sample.h"

#include "control/config/contract.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <utility>

namespace flatline {
namespace {

// Of what it takes to call one dead: who is silent for longer was away, or cut off.
constexpr double kAway = 4;

double InStampUnits(Duration duration) {
  return static_cast<double>(duration.count()) / static_cast<double>(kStampUnit.count());
}

Duration FromStampUnits(double units) {
  constexpr double kMost = 1e12;
  return Duration{
      std::llround(std::clamp(units, 0.0, kMost) * static_cast<double>(kStampUnit.count()))};
}

// The value that this share of them does not exceed.
Duration AtShare(std::vector<Duration>& values, double share) {
  if (values.empty()) {
    return {};
  }
  const auto at = static_cast<std::size_t>(share * static_cast<double>(values.size()));
  const auto place = values.begin() + static_cast<std::ptrdiff_t>(std::min(at, values.size() - 1));
  std::ranges::nth_element(values, place);
  return *place;
}

}  // namespace

double LossCounts::least_loss() const noexcept {
  return sent > 0 ? std::max(0.0, lost - 3 * std::sqrt(lost)) / sent : 0;
}

// Of none among n, three in n: the rule of three.
double LossCounts::most_loss() const noexcept {
  constexpr double kMost = 0.999;
  return sent > 0 ? std::min(kMost, (lost + 2 * std::sqrt(lost) + 3) / sent) : kMost;
}

void LossCounts::Fade(double share) noexcept {
  sent *= share;
  lost *= share;
  behind_a_lost_one *= share;
  lost_behind_a_lost_one *= share;
}

LossCounts& LossCounts::operator+=(const LossCounts& more) noexcept {
  sent += more.sent;
  lost += more.lost;
  behind_a_lost_one += more.behind_a_lost_one;
  lost_behind_a_lost_one += more.lost_behind_a_lost_one;
  return *this;
}

void PathSample::Line::Add(double steps, double late) noexcept {
  last_x += steps;
  last_y += late;
  count += 1;
  x += last_x;
  y += last_y;
  xx += last_x * last_x;
  xy += last_x * last_y;
  yy += last_y * last_y;
}

void PathSample::Lines::Add(const Line& line) noexcept {
  if (line.count == 0) {
    return;
  }
  steps += line.count - 1;
  xx += line.xx - line.x * line.x / line.count;
  xy += line.xy - line.x * line.y / line.count;
  yy += line.yy - line.y * line.y / line.count;
}

void PathSample::Follow(const std::vector<Slot>& slots) {
  followed_.clear();
  for (const Slot slot : slots) {
    followed_.push_back({.slot = slot, .heard = {}, .before = {}, .line = {}});
  }
}

void PathSample::ForgetBeats() {
  for (Followed& one : followed_) {
    one.before = {};
    one.line = {};
  }
}

LossCounts PathSample::TakeLosses() noexcept {
  return std::exchange(losses_, {});
}

// After a pause of ours nobody knows how many came in between; after one of our hearing, not even
// when.
void PathSample::Look(const RegionView& region, Instant now) {
  const std::int64_t blind = region.header().blind_total_ns.load(std::memory_order_relaxed);
  const bool was_deaf = blind != std::exchange(blind_ns_, blind);
  const bool counts = now - std::exchange(looked_, now) <= interval_ / 2;
  const auto records = region.records();
  for (Followed& one : followed_) {
    if (one.slot < records.size()) {
      LookAt(one, records[one.slot], was_deaf, counts);
    }
  }
}

void PathSample::LookAt(Followed& one, const EndpointRecord& record, bool was_deaf, bool counts) {
  const EndpointId id = record.id.load(std::memory_order_relaxed);
  const std::uint32_t incarnation = record.incarnation.load(std::memory_order_relaxed);
  const auto state = EndpointState::Unpack(record.state.load(std::memory_order_relaxed));
  const Heard heard = Heard::Unpack(record.heard.load(std::memory_order_relaxed));
  if (one.id != id || one.incarnation != incarnation || state.profile != profile_) {
    one = {.slot = one.slot,
           .id = state.profile == profile_ ? id : kNoEndpoint,
           .incarnation = incarnation,
           .heard = heard,
           .is_stamp_late = was_deaf,
           .before = {},
           .line = {}};
    return;
  }
  if (was_deaf) {
    one.before.Add(std::exchange(one.line, {}));
    one.heard = heard;
    one.is_stamp_late = true;
    return;
  }
  const std::uint32_t steps = heard.sequence - one.heard.sequence;
  if (id == kNoEndpoint || steps == 0 || steps >= 1U << 31) {
    return;
  }
  const auto gap = static_cast<std::int32_t>(heard.stamp - one.heard.stamp);
  one.heard = heard;
  const bool is_gap_true = !std::exchange(one.is_stamp_late, false);
  const double beats = InStampUnits(interval_) * static_cast<double>(steps);
  const double most = kAway * InStampUnits(detection_);
  if (static_cast<double>(gap) > most || (steps > 1 && beats > most)) {
    one.before = {};  // it was away
    one.line = {};
    return;
  }
  if (counts) {
    Count(steps);
  }
  if (!is_gap_true) {
    return;  // the next line begins with this one
  }
  if (one.line.count == 0) {
    one.line.Add(0, 0);
  }
  one.line.Add(static_cast<double>(steps), static_cast<double>(gap) - beats);
}

// The last of so many was heard, and what was before them, too.
void PathSample::Count(std::uint32_t steps) noexcept {
  losses_.sent += steps;
  losses_.lost += steps - 1;
  losses_.behind_a_lost_one += steps - 1;
  losses_.lost_behind_a_lost_one += steps > 1 ? steps - 2 : 0;
}

BeatFindings PathSample::Findings(const Contract& contract, double loss, Doubt doubt) const {
  BeatFindings out;
  std::vector<Duration> jitters;
  std::vector<Duration> intervals;
  for (const Followed& one : followed_) {
    Lines all = one.before;
    all.Add(one.line);
    if (all.steps + 1 < kLeastHeard) {
      continue;
    }
    const double drift = all.xx > 0 ? all.xy / all.xx : 0;
    const double variance = std::max(0.0, all.yy - drift * all.xy) / (all.steps - 1);
    jitters.push_back(FromStampUnits(std::sqrt(variance)));
    intervals.push_back(std::max(FromStampUnits(InStampUnits(interval_) + drift), Duration{1}));
    const double believed = doubt == Doubt::kNone ? 1 : 1 - 3 / std::sqrt(2 * (all.steps + 1));
    const Promise quality =
        QualityOf(intervals.back(),
                  contract.promise.detection,
                  {.loss = loss, .jitter = FromStampUnits(believed * std::sqrt(variance))});
    ++out.endpoints;
    out.keep += Keeps(quality, contract.promise) ? 1 : 0;
  }
  out.interval = AtShare(intervals, 0.5);
  out.jitter = AtShare(jitters, 0.5);
  out.worst_jitter = AtShare(jitters, 0.99);
  return out;
}

}  // namespace flatline
