// What one worker counts, in its own memory, until housekeeping publishes it in the region. Written
// by one poll core, read by nobody else. Cost: an addition in a line that is hot anyway.
#pragma once

#include <flatline/counters.h>
#include <flatline/drop_reason.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace flatline {

struct alignas(64) Tally {
  std::array<std::uint64_t, kCounters> values{};
  std::array<std::uint64_t, kDropReasons> drops{};

  void Add(Counter counter, std::uint64_t n = 1) noexcept {
    values[static_cast<std::size_t>(counter)] += n;
  }

  void Set(Counter gauge, std::uint64_t value) noexcept {
    values[static_cast<std::size_t>(gauge)] = value;
  }

  void Drop(DropReason reason) noexcept { ++drops[static_cast<std::size_t>(reason)]; }

  // Goes on from what a predecessor published: counters grow while the region lives, gauges and
  // maxima are this process's own.
  void Resume(const PublishedCounters& published) noexcept {
    for (std::size_t i = 0; i < kCounters; ++i) {
      if (kCounterDescriptions[i].type == CounterType::kCounter) {
        values[i] = published.values[i].load(std::memory_order_relaxed);
      }
    }
    for (std::size_t i = 0; i < kDropReasons; ++i) {
      drops[i] = published.drops[i].load(std::memory_order_relaxed);
    }
  }

  void Publish(PublishedCounters& published) const noexcept {
    for (std::size_t i = 0; i < kCounters; ++i) {
      published.values[i].store(values[i], std::memory_order_relaxed);
    }
    for (std::size_t i = 0; i < kDropReasons; ++i) {
      published.drops[i].store(drops[i], std::memory_order_relaxed);
    }
  }
};

}  // namespace flatline
