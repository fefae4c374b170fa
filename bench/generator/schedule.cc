#include "bench/generator/schedule.h"

#include <bit>

namespace flatline::generator {

Schedule::Schedule(const Fleet& fleet, std::size_t cohort)
    : cohort_(fleet.cohorts()[cohort]),
      shuffled_(cohort_.endpoints, fleet.seed() + cohort),
      shuffles_(cohort_.timeout > 2 * cohort_.interval + cohort_.jitter),
      seed_(Mix(fleet.seed() ^ (0x5851F42D4C957F2DULL + cohort))),
      spacing_(static_cast<double>(cohort_.interval.count()) /
               static_cast<double>(cohort_.endpoints)),
      offset_(static_cast<double>(seed_ >> 11) * 0x1p-53 * spacing_),
      calendar_(std::bit_ceil(static_cast<std::size_t>(cohort_.jitter.count() >> kTickShift) + 3)) {
}

Elapsed Schedule::NominalAt(std::uint32_t round, Index position) const noexcept {
  const auto phase = static_cast<std::int64_t>(static_cast<double>(position) * spacing_ + offset_);
  return Elapsed{cohort_.interval.count() * round + phase};
}

Elapsed Schedule::DueAt(std::uint32_t round, Index position) const noexcept {
  const Elapsed nominal = NominalAt(round, position);
  if (round == 0 || cohort_.jitter.count() == 0) {
    return nominal;
  }
  const double drawn = static_cast<double>(Draw(seed_, position, round) >> 11) * 0x1p-53;
  return nominal +
         Elapsed{static_cast<std::int64_t>(drawn * static_cast<double>(cohort_.jitter.count()))};
}

Index Schedule::IndexAt(std::uint32_t round, Index position) const noexcept {
  const Index within =
      round == 0 && shuffles_ ? static_cast<Index>(shuffled_.At(position)) : position;
  return cohort_.first + within;
}

void Schedule::Fill() {
  while (NominalAt(round_, position_) < due()) {
    const std::int64_t tick = DueAt(round_, position_).count() >> kTickShift;
    bucket(tick).push_back({IndexAt(round_, position_), round_});
    if (++position_ == cohort_.endpoints) {
      position_ = 0;
      ++round_;
    }
  }
  filled_ = true;
}

std::span<const Beat> Schedule::Due(Elapsed elapsed) {
  while (due() <= elapsed) {
    if (!filled_) {
      Fill();
    }
    std::vector<Beat>& beats = bucket(tick_);
    if (taken_ < beats.size()) {
      return std::span<const Beat>(beats).subspan(taken_);
    }
    beats.clear();
    taken_ = 0;
    filled_ = false;
    ++tick_;
  }
  return {};
}

}  // namespace flatline::generator
