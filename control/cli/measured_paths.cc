#include "control/cli/measured_paths.h"

#include "control/config/contract.h"

#include <flatline/detectors.h>

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace flatline::cli {
namespace {

// Jitters by powers of an eighth of two, from a nanosecond on: percentiles of ten million in a
// kilobyte.
class Jitters {
 public:
  void Add(double ns) {
    const double octaves = ns > 1 ? std::log2(ns) : 0;
    const auto at = static_cast<std::size_t>(octaves * double{kAnOctave});
    ++counts_[std::min(at, counts_.size() - 1)];
    ++all_;
  }

  // The upper end of the class in which that share of them is reached.
  [[nodiscard]] Duration Percentile(double share) const {
    std::uint64_t below = 0;
    std::size_t at = 0;
    while (at + 1 < counts_.size() &&
           static_cast<double>(below + counts_[at]) < share * static_cast<double>(all_)) {
      below += counts_[at++];
    }
    return Duration{std::llround(std::exp2(static_cast<double>(at + 1) / double{kAnOctave}))};
  }

 private:
  static constexpr std::size_t kAnOctave = 8;

  std::array<std::uint64_t, 64 * kAnOctave> counts_{};
  std::uint64_t all_ = 0;
};

Duration JitterOf(const Arrival& arrival) {
  const double units = std::sqrt(std::max(0.0F, arrival.variance) / 2);
  return Duration{std::llround(std::min(units, 1e9) * static_cast<double>(kStampUnit.count()))};
}

}  // namespace

SequencesSeen::SequencesSeen(const RegionView& region) {
  for (unsigned worker = 0; worker < region.shape().workers; ++worker) {
    heard_ += region.dataplane().counters[worker][Counter::kHeartbeats];
  }
  slots_.reserve(region.shape().slots());
  for (const EndpointRecord& record : region.records()) {
    slots_.push_back(
        {.id_low = static_cast<std::uint32_t>(record.id.load(std::memory_order_relaxed)),
         .incarnation = record.incarnation.load(std::memory_order_relaxed),
         .sequence = Heard::Unpack(record.heard.load(std::memory_order_relaxed)).sequence});
  }
}

double SequencesSeen::LossSince(const SequencesSeen& before) const {
  double sent = 0;
  for (std::size_t slot = 0; slot < slots_.size() && slot < before.slots_.size(); ++slot) {
    const Seen& now = slots_[slot];
    const Seen& then = before.slots_[slot];
    const std::uint32_t ahead = now.sequence - then.sequence;
    if (now.id_low != 0 && now.id_low == then.id_low && now.incarnation == then.incarnation &&
        ahead < 1U << 31) {
      sent += ahead;
    }
  }
  const auto heard = static_cast<double>(heard_ - before.heard_);
  return sent > 0 ? std::clamp(1 - heard / sent, 0.0, 0.999) : 0;
}

std::array<ProfilePaths, kMaxProfiles> MeasurePaths(
    const RegionView& region, const std::array<Contract, kMaxProfiles>& contracts, double loss) {
  std::array<ProfilePaths, kMaxProfiles> out{};
  std::vector<Jitters> jitters(kMaxProfiles);
  for (const EndpointRecord& record : region.records()) {
    const auto state = EndpointState::Unpack(record.state.load(std::memory_order_relaxed));
    const Arrival arrival = Arrival::Unpack(record.arrival.load(std::memory_order_relaxed));
    if (record.id.load(std::memory_order_relaxed) == kNoEndpoint ||
        state.liveness != Liveness::kAlive || state.profile >= kMaxProfiles ||
        !contracts[state.profile].is_made() || arrival.count < kYoungHistory) {
      continue;
    }
    const Promise& promise = contracts[state.profile].promise;
    const Path path{.loss = loss, .jitter = JitterOf(arrival)};
    const Duration interval = region.header().profiles[state.profile].interval;
    ProfilePaths& paths = out[state.profile];
    ++paths.endpoints;
    paths.keep += Keeps(QualityOf(interval, promise.detection, path), promise) ? 1 : 0;
    jitters[state.profile].Add(static_cast<double>(path.jitter.count()));
  }
  for (std::size_t profile = 0; profile < out.size(); ++profile) {
    out[profile].jitter = jitters[profile].Percentile(0.5);
    out[profile].worst_jitter = jitters[profile].Percentile(0.99);
  }
  return out;
}

}  // namespace flatline::cli
