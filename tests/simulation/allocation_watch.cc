#include "tests/simulation/allocation_watch.h"

#include <cstddef>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FLATLINE_COUNTS_ALLOCATIONS 0
#else
#define FLATLINE_COUNTS_ALLOCATIONS 1
#endif

namespace flatline {
namespace {

// All that operator new can reach.
// NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables)
thread_local bool is_watching = false;
thread_local std::uint64_t allocations = 0;
// NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables)

}  // namespace

AllocationWatch::AllocationWatch() {
  allocations = 0;
  is_watching = true;
}

AllocationWatch::~AllocationWatch() {
  is_watching = false;
}

std::uint64_t AllocationWatch::count() const {
  return allocations;
}

bool AllocationWatch::IsCounting() {
  return FLATLINE_COUNTS_ALLOCATIONS != 0;
}

namespace {

#if FLATLINE_COUNTS_ALLOCATIONS

void* Take(std::size_t bytes, std::size_t alignment) {
  if (is_watching) {
    ++allocations;
  }
  void* const out =
      alignment <= alignof(std::max_align_t)
          ? std::malloc(bytes)
          : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (out == nullptr) {
    throw std::bad_alloc();
  }
  return out;
}

#endif

}  // namespace
}  // namespace flatline

#if FLATLINE_COUNTS_ALLOCATIONS

// The array and nothrow forms of the library come by these.
void* operator new(std::size_t bytes) {
  return flatline::Take(bytes == 0 ? 1 : bytes, 1);
}

void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return flatline::Take(bytes, static_cast<std::size_t>(alignment));
}

void operator delete(void* memory) noexcept {
  std::free(memory);
}

void operator delete(void* memory, std::size_t /*bytes*/) noexcept {
  std::free(memory);
}

void operator delete(void* memory, std::align_val_t /*alignment*/) noexcept {
  std::free(memory);
}

void operator delete(void* memory, std::size_t /*bytes*/, std::align_val_t /*alignment*/) noexcept {
  std::free(memory);
}

#endif
