#include "bench/generator/replay.h"

#include <array>
#include <cstring>
#include <fmt/format.h>
#include <fstream>

namespace flatline::generator {
namespace {

constexpr std::uint32_t kMagic = 0xA1B2C3D4;
constexpr std::size_t kFileHeader = 24;
constexpr std::size_t kFrameHeader = 16;
constexpr std::size_t kLengthAt = 8;

std::uint32_t LoadWord(const char* at) {
  std::uint32_t out = 0;
  std::memcpy(&out, at, sizeof(out));
  return out;
}

}  // namespace

std::expected<Replay, std::string> Replay::Open(const std::string& path) {
  const auto fail = [&path](const std::string& found) {
    return std::unexpected(
        fmt::format("{}: needed a capture in the classic pcap format with "
                    "frames of at most {} bytes, found {}",
                    path,
                    kRoomSize,
                    found));
  };
  std::ifstream file(path, std::ios::binary);
  std::array<char, kFileHeader> header{};
  if (!file.read(header.data(), header.size()) || LoadWord(header.data()) != kMagic) {
    return fail("no such file");
  }
  Replay out;
  std::array<char, kFrameHeader> before{};
  while (file.read(before.data(), before.size())) {
    const std::uint32_t length = LoadWord(before.data() + kLengthAt);
    if (length == 0 || length > kRoomSize) {
      return fail(fmt::format("one of {}", length));
    }
    std::vector<std::byte> frame(length);
    if (!file.read(reinterpret_cast<char*>(frame.data()), length)) {
      return fail("one that is cut short");
    }
    out.frames_.push_back(std::move(frame));
  }
  if (out.frames_.empty()) {
    return fail("none");
  }
  return out;
}

std::size_t Replay::Alike() const noexcept {
  std::size_t count = 1;
  while (count < kBatch && position_ + count < frames_.size() &&
         frames_[position_ + count].size() == frames_[position_].size()) {
    ++count;
  }
  return count;
}

std::size_t Replay::Step(Elapsed now, Sender& sender) {
  const auto rooms = sender.Claim(Alike());
  for (std::size_t i = 0; i < rooms.size(); ++i) {
    const std::vector<std::byte>& frame = frames_[position_ + i];
    std::memcpy(rooms[i], frame.data(), frame.size());
  }
  const auto length = static_cast<std::uint32_t>(frames_[position_].size());
  const std::size_t accepted = sender.Send(rooms.size(), length, now);
  offered_ += rooms.size();
  accepted_ += accepted;
  position_ = (position_ + accepted) % frames_.size();
  return accepted;
}

}  // namespace flatline::generator
