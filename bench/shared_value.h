// One value that a process shares with those it forks: anonymous shared memory, zeroed or as T
// initialises itself. Used by benchmarks of several processes. Who writes when is the users'
// matter.
#pragma once

#include <cerrno>
#include <expected>
#include <new>
#include <string>
#include <sys/mman.h>
#include <system_error>
#include <utility>

namespace flatline {

template <typename T>
class SharedValue {
 public:
  [[nodiscard]] static std::expected<SharedValue, std::string> Create() {
    void* memory =
        mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      return std::unexpected("needed memory to share, found: " +
                             std::generic_category().message(errno));
    }
    return SharedValue(new (memory) T);
  }

  SharedValue(SharedValue&& other) noexcept : value_(std::exchange(other.value_, nullptr)) {}

  SharedValue& operator=(SharedValue&&) = delete;
  SharedValue(const SharedValue&) = delete;
  SharedValue& operator=(const SharedValue&) = delete;

  ~SharedValue() {
    if (value_ != nullptr) {
      munmap(value_, sizeof(T));
    }
  }

  [[nodiscard]] T& value() const noexcept { return *value_; }

 private:
  explicit SharedValue(T* value) noexcept : value_(value) {}

  T* value_;
};

}  // namespace flatline
