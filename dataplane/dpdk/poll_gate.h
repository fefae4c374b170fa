// The gate before a port's queues: pollers pass it for each burst, its keeper closes it and then
// knows that nobody is inside. For drivers that free under a poller's feet what a burst uses
// (net_memif, when its peer leaves). Pollers are workers, each with an index of its own; the keeper
// is one thread. Assumes that a burst ends: Close waits for it.
// Cost: one exchange and two stores on a private line for each burst; Close, one burst at most.
//
// Why it holds: a poller stores `inside`, then loads `queues`; the keeper stores `queues`, then
// loads `inside`; all four are in one total order (seq_cst). So either the poller's store comes
// before the keeper's load, and the keeper waits for it, or the keeper's store comes before the
// poller's load, and the poller finds the gate closed.
#pragma once

#include <flatline/command_ring.h>
#include <flatline/region.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

namespace flatline::dpdk {

class PollGate {
 public:
  // Poller: whether queue `queue` of this direction may be polled now. True must be followed by
  // Leave.
  [[nodiscard]] bool EnterReceive(std::size_t poller, unsigned queue) noexcept {
    return Enter(pollers_[poller], receive_queues_, queue);
  }

  [[nodiscard]] bool EnterTransmit(std::size_t poller, unsigned queue) noexcept {
    return Enter(pollers_[poller], transmit_queues_, queue);
  }

  void Leave(std::size_t poller) noexcept {
    pollers_[poller].inside.store(false, std::memory_order_release);
  }

  // Keeper: lets pollers in, to so many queues: the peer may have set up fewer than we have.
  void Open(unsigned receive_queues, unsigned transmit_queues) noexcept {
    transmit_queues_.store(transmit_queues, std::memory_order_release);
    receive_queues_.store(receive_queues, std::memory_order_release);
  }

  // Keeper: when it returns, no poller is inside and none will be before the next Open.
  void Close() noexcept {
    receive_queues_.store(0, std::memory_order_seq_cst);
    transmit_queues_.store(0, std::memory_order_seq_cst);
    closings_.fetch_add(1, std::memory_order_relaxed);
    for (const Poller& poller : pollers_) {
      while (poller.inside.load(std::memory_order_seq_cst)) {
        std::this_thread::yield();
      }
    }
  }

  // Anyone: whether frames can come in, and how often that has ended.
  [[nodiscard]] bool is_open() const noexcept {
    return receive_queues_.load(std::memory_order_acquire) > 0;
  }

  [[nodiscard]] std::uint64_t closings() const noexcept {
    return closings_.load(std::memory_order_acquire);
  }

 private:
  struct alignas(64) Poller {
    std::atomic<bool> inside{false};
  };

  static bool Enter(Poller& poller,
                    const std::atomic<unsigned>& open_queues,
                    unsigned queue) noexcept {
    poller.inside.store(true, std::memory_order_seq_cst);
    if (queue < open_queues.load(std::memory_order_seq_cst)) [[likely]] {
      return true;
    }
    poller.inside.store(false, std::memory_order_release);
    return false;
  }

  alignas(64) std::atomic<unsigned> receive_queues_{0};
  std::atomic<unsigned> transmit_queues_{0};
  std::atomic<std::uint64_t> closings_{0};
  std::array<Poller, kMaxWorkers> pollers_{};
};

}  // namespace flatline::dpdk
