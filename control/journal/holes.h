// The sequences that a journal has lost amid what it keeps: stretches in order, apart from each
// other. Kept by the journal's writer, copied into what its readers see. Cost: linear in the
// stretches, of which there are none on a sound machine.
#pragma once

#include <cstdint>
#include <vector>

namespace flatline {

// Sequences [first, last] whose records are damaged or missing.
struct Hole {
  std::uint64_t first = 0;
  std::uint64_t last = 0;

  constexpr bool operator==(const Hole&) const = default;
};

class Holes {
 public:
  // Joined with those it touches. Returns how many of its sequences were not in a hole before.
  std::uint64_t Add(Hole hole);

  // Forgets what is before `sequence`.
  void ForgetBefore(std::uint64_t sequence);

  [[nodiscard]] const std::vector<Hole>& list() const noexcept { return list_; }

 private:
  std::vector<Hole> list_;
};

}  // namespace flatline
