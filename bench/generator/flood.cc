#include "bench/generator/flood.h"

namespace flatline::generator {

Flood::Flood(const Fleet& fleet, const TrafficOptions& options)
    : fleet_(&fleet), options_(options), order_(fleet.size(), fleet.seed()) {
  for (const Cohort& cohort : fleet.cohorts()) {
    templates_.emplace_back(options.addresses, cohort.profile_id);
  }
}

std::size_t Flood::Step(Elapsed now, Sender& sender) {
  const auto rooms = sender.Claim(kBatch);
  std::uint64_t position = position_;
  std::uint32_t round = round_;
  const auto step = [&] {
    if (++position == fleet_->size()) {
      position = 0;
      ++round;
    }
  };
  for (std::byte* room : rooms) {
    const auto index = static_cast<Index>(order_.At(position));
    templates_[fleet_->CohortOf(index)].Write(
        room,
        {.id = fleet_->IdOf(index),
         .sent_ns = static_cast<std::uint64_t>(options_.epoch_ns + now.count()),
         .incarnation = options_.incarnation,
         .sequence = round + 1,
         .index = index,
         .rack = fleet_->RackOf(index)});
    step();
  }
  const std::size_t accepted = sender.Send(rooms.size(), templates_.front().length(), now);
  offered_ += rooms.size();
  accepted_ += accepted;
  position = position_;
  round = round_;
  for (std::size_t i = 0; i < accepted; ++i) {
    step();
  }
  position_ = position;
  round_ = round;
  return accepted;
}

}  // namespace flatline::generator
