// How many were sent away, by cause, since control began: what an operator looks at when somebody
// out there does not keep to the protocol. Counted by the sessions of all publisher threads, told
// by the control loop, a line at most every ten seconds. Cost: one relaxed addition for each, and a
// lock for what TLS failed at.
#pragma once

#include <flatline/delivery.h>
#include <flatline/time.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

namespace flatline {

class Dismissals {
 public:
  static constexpr Duration kInterval{10'000'000'000};

  // Was sent an error frame.
  void CountRefused(DeliveryError error) noexcept {
    CounterOf(error).fetch_add(1, std::memory_order_relaxed);
  }

  // Took nothing, or said nothing, for so long that it was closed without a word.
  void CountStuck() noexcept { stuck_.fetch_add(1, std::memory_order_relaxed); }

  // Was no TLS 1.3 with who may come in: what was found instead.
  void CountUnshaken(const std::string& fault);

  [[nodiscard]] std::uint64_t refused(DeliveryError error) const noexcept {
    return refused_[IndexOf(error)].load(std::memory_order_relaxed);
  }

  [[nodiscard]] std::uint64_t stuck() const noexcept {
    return stuck_.load(std::memory_order_relaxed);
  }

  [[nodiscard]] std::uint64_t unshaken() const noexcept {
    return unshaken_.load(std::memory_order_relaxed);
  }

  // What to say of it: empty where nothing was added, or it is too early. The control loop's.
  [[nodiscard]] std::string News(Instant now);

 private:
  static constexpr std::size_t kErrors = 16;

  static constexpr std::size_t IndexOf(DeliveryError error) noexcept {
    return static_cast<std::size_t>(error) % kErrors;
  }

  std::atomic<std::uint64_t>& CounterOf(DeliveryError error) noexcept {
    return refused_[IndexOf(error)];
  }

  std::array<std::atomic<std::uint64_t>, kErrors> refused_{};
  std::atomic<std::uint64_t> stuck_{0};
  std::atomic<std::uint64_t> unshaken_{0};
  mutable std::mutex mutex_;  // of last_fault_
  std::string last_fault_;
  std::uint64_t told_ = 0;  // the sum when it was last told
  Instant tell_at_{};
};

}  // namespace flatline
