// A capture sent over and over, as fast as the outlet takes it: for frames that no fleet sends,
// such as those of an attacker. Called in a loop by one thread. What is refused is offered again.
// Bounds: frames of at most kRoomSize bytes, in the classic pcap format as this machine writes it.
// No allocation after construction. Cost: a copy of each frame.
#pragma once

#include "bench/generator/sender.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <vector>

namespace flatline::generator {

class Replay {
 public:
  // The error says what is wrong with the file.
  [[nodiscard]] static std::expected<Replay, std::string> Open(const std::string& path);

  // Offers one batch, frames of one length that follow each other; returns how many were accepted.
  std::size_t Step(Elapsed now, Sender& sender);

  [[nodiscard]] std::size_t frames() const noexcept { return frames_.size(); }

  [[nodiscard]] std::uint64_t offered() const noexcept { return offered_; }

  [[nodiscard]] std::uint64_t accepted() const noexcept { return accepted_; }

 private:
  Replay() = default;

  // How many of the frames from the next one on have its length.
  [[nodiscard]] std::size_t Alike() const noexcept;

  std::vector<std::vector<std::byte>> frames_;
  std::size_t position_ = 0;  // of the next one to be accepted
  std::uint64_t offered_ = 0;
  std::uint64_t accepted_ = 0;
};

}  // namespace flatline::generator
