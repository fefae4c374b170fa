// Counts what a stretch of code takes from the heap: for poll cores, who must not. The operators
// new of this program count where one is watching. Not under sanitizers, whose own they stay.
#pragma once

#include <cstdint>

namespace flatline {

class AllocationWatch {
 public:
  AllocationWatch();
  ~AllocationWatch();
  AllocationWatch(const AllocationWatch&) = delete;
  AllocationWatch& operator=(const AllocationWatch&) = delete;

  // Calls of operator new by this thread since this object was made.
  [[nodiscard]] std::uint64_t count() const;

  // False where nothing is counted.
  [[nodiscard]] static bool IsCounting();
};

}  // namespace flatline
