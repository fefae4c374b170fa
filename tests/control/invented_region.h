// A region in memory that forked processes share, with a dataplane that does as the test says:
// publishes transitions, changes records after, takes commands. As small as the test wants.
#pragma once

#include <flatline/command_ring.h>
#include <flatline/region.h>
#include <flatline/transition_ring.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <sys/mman.h>
#include <vector>

namespace flatline {

class InventedRegion {
 public:
  struct Size {
    std::uint32_t workers = 1;
    std::uint32_t slots_per_worker = kBlockSlots;
    std::uint32_t transitions = 64;
    std::uint32_t commands = 64;
    std::uint32_t leases = 0;
  };

  explicit InventedRegion(Size size, std::uint64_t generation_s = 1'790'000'000)
      : shape_{.workers = size.workers,
               .slots_per_worker = size.slots_per_worker,
               .transition_capacity = size.transitions,
               .command_capacity = size.commands,
               .page = kSmallPage,
               .leases_per_worker = size.leases},
        memory_(Allocate(RegionLayout::Of(shape_).bytes)),
        view_(memory_.get(), shape_) {
    auto& header = *new (memory_.get()) RegionHeader;
    header.magic = kRegionMagic;
    header.version = kRegionVersion;
    header.shape = shape_;
    header.bytes = view_.layout().bytes;
    header.generation = generation_s * 1'000'000'000;
    header.hash_key = 0x1234;
    header.capacity = shape_.slots();
    header.state.store(RegionState::kLive);
    MakeProducers();
  }

  [[nodiscard]] const RegionView& view() const noexcept { return view_; }

  // As after a restart of the dataplane: the producers go on from what the region says.
  void MakeProducers() {
    producers_.clear();
    for (unsigned worker = 0; worker < shape_.workers; ++worker) {
      producers_.emplace_back(view_.dataplane().transition_heads[worker],
                              view_.control().transition_tails[worker],
                              view_.transitions(worker));
    }
  }

  [[nodiscard]] bool Push(unsigned worker, const Transition& transition) {
    return producers_[worker].TryPush(transition);
  }

  // A death of `id`, decided at `at_ns`.
  [[nodiscard]] bool PushDeath(unsigned worker, EndpointId id, std::int64_t at_ns) {
    Transition out;
    out.at = Instant{Duration{at_ns}};
    out.id = id;
    out.from = static_cast<std::uint8_t>(Liveness::kSuspect);
    out.to = static_cast<std::uint8_t>(Liveness::kDead);
    out.liveness = Liveness::kDead;
    out.reason = Reason::kNotConfirmed;
    return Push(worker, out);
  }

  // The worker has published all that it decided before.
  void Published(unsigned worker, std::int64_t at_ns) {
    view_.dataplane().progress[worker].published_ns.store(at_ns);
  }

  // The commands that a worker finds, at most `limit`; `status` is what comes of each.
  std::vector<Command> TakeCommands(unsigned worker, std::size_t limit, CommandStatus status) {
    SharedRing<Command> commands(view_.control().command_heads[worker],
                                 view_.dataplane().command_tails[worker],
                                 view_.commands(worker));
    SharedRing<CommandResult> results(view_.dataplane().result_heads[worker],
                                      view_.control().result_tails[worker],
                                      view_.results(worker));
    std::vector<Command> out;
    for (const Command* front = commands.Front(); front != nullptr && out.size() < limit;
         front = commands.Front()) {
      out.push_back(*front);
      FLATLINE_CHECK(results.TryPush({front->ticket, kNoSlot, status}));  // control left room
      commands.PopFront();
    }
    return out;
  }

 private:
  struct Unmap {
    std::uint64_t bytes = 0;

    void operator()(std::byte* memory) const noexcept { ::munmap(memory, bytes); }
  };

  static std::unique_ptr<std::byte, Unmap> Allocate(std::uint64_t bytes) {
    void* const out =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    FLATLINE_CHECK(out != MAP_FAILED);
    return {static_cast<std::byte*>(out), Unmap{bytes}};
  }

  RegionShape shape_;
  std::unique_ptr<std::byte, Unmap> memory_;
  RegionView view_;
  std::vector<TransitionProducer> producers_;
};

}  // namespace flatline
