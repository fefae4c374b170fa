// A value of several words in shared memory that one process writes and any other reads, and nobody
// ever sees torn. Its owner writes it (Write), a reader that meets the writer begins again (Read).
// What is in it may have been made up by a stranger: it is a copy of plain words and nothing more.
// Cost: the lines of the value, written or read once.
//
//   version: even, then odd while the words are written, then even again; a reader that finds the
//   same even one before and after has had what was written at once.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>

namespace flatline {

template <typename T>
struct alignas(64) Versioned {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % sizeof(std::uint64_t) == 0);
  static constexpr std::size_t kWords = sizeof(T) / sizeof(std::uint64_t);

  std::atomic<std::uint64_t> version{0};                 // owner writes
  std::array<std::atomic<std::uint64_t>, kWords> words;  // a T; owner writes

  // By the owner alone. Each word is released, so that who reads a new one also reads that the
  // version is odd, or a later one.
  void Write(const T& value) noexcept {
    const auto from = std::bit_cast<std::array<std::uint64_t, kWords>>(value);
    const std::uint64_t odd = version.load(std::memory_order_relaxed) | 1U;
    version.store(odd, std::memory_order_relaxed);
    for (std::size_t i = 0; i < kWords; ++i) {
      words[i].store(from[i], std::memory_order_release);
    }
    version.store(odd + 1, std::memory_order_release);
  }

  // Nothing where it was being written at every attempt: its owner is stopped, or was killed, in
  // the midst of it.
  [[nodiscard]] std::optional<T> Read() const noexcept {
    constexpr int kAttempts = 1000;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      const std::uint64_t before = version.load(std::memory_order_acquire);
      std::array<std::uint64_t, kWords> out{};
      for (std::size_t i = 0; i < kWords; ++i) {
        out[i] = words[i].load(std::memory_order_acquire);
      }
      if (before % 2 == 0 && version.load(std::memory_order_relaxed) == before) {
        return std::bit_cast<T>(out);
      }
    }
    return std::nullopt;
  }
};

}  // namespace flatline
