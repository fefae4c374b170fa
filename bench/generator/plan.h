// A scenario's events, unfolded: one order per endpoint and instant, in time order; and the choice
// of endpoints behind a selector. Made at start; the traffic loop takes orders as they fall due.
// Bounds: 16 bytes an order, at most two for each endpoint that an event concerns.
#pragma once

#include "bench/generator/fleet.h"
#include "bench/generator/scenario.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace flatline::generator {

enum class Action : std::uint8_t { kMute, kLeave, kReturn, kRestart };

struct Order {
  Elapsed at{};
  Index index = 0;
  Action action = Action::kMute;
};

// Remembers for which endpoints something is planned, so that drawn ones do not coincide.
class Claims {
 public:
  explicit Claims(Index endpoints) : taken_(endpoints) {}

  [[nodiscard]] bool Has(Index index) const { return taken_[index]; }

  void Add(Index index) { taken_[index] = true; }

 private:
  std::vector<bool> taken_;
};

// Calls `visit` for each endpoint meant, in a fixed order: racks one after the other, drawn ones as
// drawn under `salt`. Drawn ones avoid `claims`, where that is given.
void ForEachSelected(const Selector& who,
                     const Fleet& fleet,
                     std::uint64_t salt,
                     const Claims* claims,
                     const std::function<void(Index)>& visit);

class Plan {
 public:
  Plan(const std::vector<Event>& events, const Fleet& fleet);

  // The orders due by `elapsed` that were not given out before.
  [[nodiscard]] std::span<const Order> Due(Elapsed elapsed) noexcept;

  [[nodiscard]] std::span<const Order> orders() const noexcept { return orders_; }

 private:
  void Unfold(const Event& event, Elapsed at, Index index);

  std::vector<Order> orders_;
  std::size_t given_ = 0;
};

}  // namespace flatline::generator
