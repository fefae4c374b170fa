// A fuzzer's bytes, taken from the front: numbers, pieces, and zeroes where they have run out. Used
// by the targets that make several steps out of one input. Reads, and never beyond the end; no
// cost.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace flatline {

class FuzzInput {
 public:
  FuzzInput(const std::uint8_t* data, std::size_t size) noexcept
      : rest_(std::as_bytes(std::span{data, size})) {}

  [[nodiscard]] bool empty() const noexcept { return rest_.empty(); }

  template <typename T>
  [[nodiscard]] T Take() noexcept {
    T out{};
    const auto bytes = Bytes(sizeof(T));
    std::memcpy(&out, bytes.data(), bytes.size());
    return out;
  }

  // At most so many.
  [[nodiscard]] std::span<const std::byte> Bytes(std::size_t most) noexcept {
    const auto out = rest_.first(std::min(most, rest_.size()));
    rest_ = rest_.subspan(out.size());
    return out;
  }

  [[nodiscard]] std::string_view Text() noexcept {
    const auto all = Bytes(rest_.size());
    return {reinterpret_cast<const char*>(all.data()), all.size()};
  }

 private:
  std::span<const std::byte> rest_;
};

}  // namespace flatline
