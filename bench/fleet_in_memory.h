// A region in plain memory on huge pages with one shard full of live endpoints: what the benchmarks
// of the structures work on. Made once per size, outside the measured time.
#pragma once

#include "dataplane/page_array.h"
#include "dataplane/shard.h"
#include "dataplane/shared_region.h"

#include <flatline/config.h>
#include <flatline/region.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <utility>
#include <vector>

namespace flatline {

class FleetInMemory {
 public:
  static constexpr ProfileId kProfile = 2;  // database: 3 s
  static constexpr HearingInstant kStart{Milliseconds(1'000'000)};

  explicit FleetInMemory(std::uint64_t endpoints)
      : shape_(ShapeFor(ConfigFor(endpoints).dataplane, kSmallPage)),
        memory_(PageArray<std::byte>::Create(RegionLayout::Of(shape_).bytes, "a fleet").value()),
        region_(FormatRegion(memory_.data(), shape_, ConfigFor(endpoints), WallInstant{}, 0x5EED)),
        order_(endpoints) {
    std::mt19937_64 random(1);
    for (std::uint64_t i = 0; i < endpoints; ++i) {
      order_[i] = i + 1;
      std::swap(order_[i], order_[random() % (i + 1)]);
    }
    Populate();
    Start();
  }

  // A shard as after a restart: it adopts the records.
  void Start() {
    shard_ = Shard::Create(region_, 0, {.hearing = kStart, .horizon = kStart}).value();
  }

  // All alive, stamped at `kStart`, sequence 0.
  void Populate() noexcept {
    for (std::size_t i = 0; i < order_.size(); ++i) {
      EndpointRecord& record = region_.records()[i];
      record.heard = Heard{StampOf(kStart), 0}.Pack();
      record.incarnation = 1;
      record.state = EndpointState{Liveness::kAlive, Health::kReady, kProfile}.Pack();
      record.id = i + 1;
    }
  }

  [[nodiscard]] Shard& shard() noexcept { return *shard_; }

  [[nodiscard]] const RegionView& region() const noexcept { return region_; }

  // Every id once, in random order.
  [[nodiscard]] const std::vector<EndpointId>& order() const noexcept { return order_; }

  // Everything that grows with endpoints, the addresses apart, for each one configured.
  [[nodiscard]] double BytesPerEndpoint() const noexcept {
    const double region =
        static_cast<double>(shape_.slots() * (sizeof(EndpointRecord) + sizeof(Group)));
    return (region + static_cast<double>(shard_->bytes())) / static_cast<double>(order_.size());
  }

 private:
  static Config ConfigFor(std::uint64_t endpoints) {
    Config config;
    config.dataplane.endpoints = endpoints;
    config.dataplane.transition_ring = 1U << 20;
    for (std::size_t i = 0; i < kBuiltInProfiles.size(); ++i) {
      config.profiles[kFirstBuiltInProfile + i] = kBuiltInProfiles[i];
    }
    return config;
  }

  RegionShape shape_;
  PageArray<std::byte> memory_;
  RegionView region_;
  std::vector<EndpointId> order_;
  std::unique_ptr<Shard> shard_;
};

// The fleet of this size, kept from one benchmark to the next; one size at a time.
inline FleetInMemory& FleetOf(std::int64_t endpoints) {
  static std::unique_ptr<FleetInMemory> fleet;
  static std::int64_t size = 0;
  if (size != endpoints) {
    fleet.reset();
    fleet = std::make_unique<FleetInMemory>(static_cast<std::uint64_t>(endpoints));
    size = endpoints;
  }
  return *fleet;
}

}  // namespace flatline
