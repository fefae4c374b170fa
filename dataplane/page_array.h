// An array of T in memory of its own: zeroed, on transparent huge pages where the kernel grants
// them, populated when Create returns. For the structures that grow with the number of endpoints.
// Created once at start, on a cold path. Assumes that zero bytes are a valid T. A look-up in a
// table of gigabytes costs twice as much on small pages (bench/README.md), hence not a vector.
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <type_traits>

namespace flatline {

// One anonymous mapping, unmapped at destruction.
class PageMemory {
 public:
  PageMemory() noexcept = default;
  ~PageMemory();
  PageMemory(PageMemory&& other) noexcept;
  PageMemory& operator=(PageMemory&& other) noexcept;
  PageMemory(const PageMemory&) = delete;
  PageMemory& operator=(const PageMemory&) = delete;

  // `purpose` is for the message: "needed 800 MiB for the index, …".
  [[nodiscard]] static std::expected<PageMemory, std::string> Create(std::size_t bytes,
                                                                     const std::string& purpose);

  [[nodiscard]] void* data() const noexcept { return data_; }

  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

template <typename T>
class PageArray {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  PageArray() noexcept = default;

  [[nodiscard]] static std::expected<PageArray, std::string> Create(std::size_t size,
                                                                    const std::string& purpose) {
    auto memory = PageMemory::Create(size * sizeof(T), purpose);
    if (!memory) {
      return std::unexpected(memory.error());
    }
    PageArray out;
    out.memory_ = std::move(*memory);
    out.size_ = size;
    return out;
  }

  [[nodiscard]] T& operator[](std::size_t i) noexcept { return data()[i]; }

  [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return data()[i]; }

  [[nodiscard]] T* data() const noexcept { return static_cast<T*>(memory_.data()); }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  [[nodiscard]] std::size_t bytes() const noexcept { return memory_.bytes(); }

 private:
  PageMemory memory_;
  std::size_t size_ = 0;
};

}  // namespace flatline
