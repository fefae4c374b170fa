// The rings of all workers as one stream, in the order of the decisions: a merge by `at`, up to the
// instant before which no worker can come with anything older, waiting at most kPatience for one
// that lags. Called by the control loop, the rings' only consumer. Knows neither journal nor
// subscribers; `now` is an argument. The order within a ring is kept whatever its instants say.
// Bounds: as many at once as the caller asks for. Cost: one copy an entry, and a look at every
// worker's next one.
#pragma once

#include <flatline/region.h>
#include <flatline/time.h>
#include <flatline/transition.h>
#include <flatline/transition_ring.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace flatline {

// A transition as a worker told it, and where it stood.
struct Told {
  Transition transition;
  std::uint64_t position = 0;  // in the worker's ring
  std::uint8_t worker = 0;
};

using RingPositions = std::array<std::uint64_t, kMaxWorkers>;

// One past the last published entry of each worker, as of now; and whether everything before such
// positions has been given back, which is to say journaled. By any thread.
[[nodiscard]] RingPositions HeadsOf(const RegionView& region) noexcept;
[[nodiscard]] bool HasReleased(const RegionView& region, const RingPositions& positions) noexcept;

class TransitionReader {
 public:
  static constexpr Duration kPatience{10'000'000};

  explicit TransitionReader(const RegionView& region);

  // The next transitions, oldest first, at most `limit`; valid until the next call. The same again
  // until they are released. The error says that the region is not sound.
  [[nodiscard]] std::expected<std::span<const Told>, std::string> Read(Instant now,
                                                                       std::size_t limit);

  // Gives the first `count` of what Read returned back to the workers: the journal has them.
  void Release(std::size_t count) noexcept;

  // Goes on at `position` of a worker: what is before it is in the journal already.
  void SkipTo(unsigned worker, std::uint64_t position) noexcept;

  [[nodiscard]] const RegionView& region() const noexcept { return region_; }

  [[nodiscard]] unsigned workers() const noexcept { return static_cast<unsigned>(rings_.size()); }

  // Position of the first entry not released.
  [[nodiscard]] std::uint64_t tail(unsigned worker) const noexcept {
    return rings_[worker].consumer.tail();
  }

  // One past the last published entry of each worker, as of now.
  [[nodiscard]] RingPositions Heads() const noexcept;

  // The last transition released by each worker, as far as it is still in the ring: the one that
  // may have been told and not yet applied to its record.
  [[nodiscard]] std::optional<Transition> LastReleased(unsigned worker) const noexcept;

 private:
  struct Ring {
    TransitionConsumer consumer;
    const std::atomic<std::int64_t>* published_ns;
    std::int64_t released;       // greatest `at` released: keeps the ring in its own order
    std::uint64_t next = 0;      // to be looked at by the running Read
    std::uint64_t head = 0;      // as that Read found it
    std::int64_t published = 0;  // likewise
    std::int64_t latest = 0;     // as `released`, of what this Read has taken
    std::int64_t candidate = 0;  // when the entry at `next` counts as decided
  };

  [[nodiscard]] std::expected<void, std::string> Refresh() noexcept;
  static void Peek(Ring& ring) noexcept;
  [[nodiscard]] Ring* Oldest() noexcept;
  [[nodiscard]] bool IsSafe(std::int64_t candidate, Instant now) const noexcept;

  RegionView region_;
  std::vector<Ring> rings_;
  std::vector<Told> told_;
};

}  // namespace flatline
