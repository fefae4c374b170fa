// A number that stands for everything that happened in a simulated world, in order: two runs of one
// seed are the same run where their digests are equal. FNV-1a over 64-bit words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace flatline {

class Digest {
 public:
  void Add(std::uint64_t word) { value_ = (value_ ^ word) * 0x100000001B3ULL; }

  void Add(std::span<const std::byte> bytes) {
    for (; bytes.size() >= sizeof(std::uint64_t); bytes = bytes.subspan(sizeof(std::uint64_t))) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data(), sizeof(word));
      Add(word);
    }
    for (const std::byte byte : bytes) {
      Add(static_cast<std::uint64_t>(byte));
    }
  }

  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xCBF29CE484222325ULL;
};

}  // namespace flatline
