// A region in a file, fed with transitions by the benchmark instead of a dataplane, so that what
// control does with them is measured alone: one worker, whose ring is pushed into as fast as it has
// room. For the benchmarks of delivery. Removed with the object.
#pragma once

#include <flatline/check.h>
#include <flatline/config.h>
#include <flatline/region.h>
#include <flatline/transition_ring.h>

#include <chrono>
#include <cstdint>
#include <fcntl.h>
#include <new>
#include <optional>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace flatline {

class FedRegion {
 public:
  static constexpr std::uint32_t kRing = 1U << 16;

  // In `directory`, where control's region_directory points. `endpoints` of them are alive.
  FedRegion(const std::string& directory, std::uint32_t endpoints)
      : path_(directory + "/flatline-flatline"), view_(nullptr, RegionShape{}) {
    RegionShape shape;
    shape.workers = 1;
    shape.slots_per_worker = (endpoints / kBlockSlots + 1) * kBlockSlots;
    shape.transition_capacity = kRing;
    shape.command_capacity = 64;
    const std::uint64_t bytes = RegionLayout::Of(shape).bytes;
    const int file = ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FLATLINE_CHECK(file >= 0 && ::ftruncate(file, static_cast<off_t>(bytes)) == 0);
    void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    FLATLINE_CHECK(at != MAP_FAILED);
    ::close(file);
    view_ = RegionView(static_cast<std::byte*>(at), shape);
    auto& header = *new (at) RegionHeader;
    header.magic = kRegionMagic;
    header.version = kRegionVersion;
    header.shape = shape;
    header.bytes = bytes;
    header.generation =
        static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
    header.hash_key = 0x1234;
    header.capacity = shape.slots();
    header.profiles = DefaultConfig().profiles;
    header.default_profile.store(5);
    for (std::uint32_t slot = 0; slot < endpoints; ++slot) {
      EndpointRecord& record = view_.records()[slot];
      record.state.store(EndpointState{Liveness::kAlive, Health::kReady, 5}.Pack());
      record.heard.store(Heard{1, 1}.Pack());
      record.id.store(slot + 1);
    }
    header.state.store(RegionState::kLive);
    producer_.emplace(view_.dataplane().transition_heads[0],
                      view_.control().transition_tails[0],
                      view_.transitions(0));
  }

  ~FedRegion() {
    ::munmap(view_.base(), view_.layout().bytes);
    ::unlink(path_.c_str());
  }

  FedRegion(const FedRegion&) = delete;
  FedRegion& operator=(const FedRegion&) = delete;

  // The death of `id`, decided now. False: the ring is full.
  [[nodiscard]] bool Kill(EndpointId id) {
    Transition told;
    told.at = Instant{
        std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())};
    told.id = id;
    told.slot = static_cast<Slot>(id - 1);
    told.from = static_cast<std::uint8_t>(Liveness::kSuspect);
    told.to = static_cast<std::uint8_t>(Liveness::kDead);
    told.liveness = Liveness::kDead;
    told.reason = Reason::kNotConfirmed;
    // NOLINTNEXTLINE(bugprone-unchecked-optional-access): made by the constructor
    if (!producer_->TryPush(told)) {
      return false;
    }
    view_.dataplane().progress[0].published_ns.store(told.at.time_since_epoch().count(),
                                                     std::memory_order_release);
    return true;
  }

 private:
  std::string path_;
  RegionView view_;
  std::optional<TransitionProducer> producer_;
};

}  // namespace flatline
