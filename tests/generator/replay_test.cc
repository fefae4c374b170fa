// A capture written by the test, sent into an outlet that takes a part of each batch.
#include "bench/generator/replay.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <span>
#include <string>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

namespace flatline::generator {
namespace {

using Frames = std::vector<std::string>;

class PartialSender final : public Sender {
 public:
  explicit PartialSender(std::size_t takes) : takes_(takes) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      rooms_[i] = memory_.data() + i * kRoomSize;
    }
  }

  [[nodiscard]] std::span<std::byte* const> Claim(std::size_t count) noexcept override {
    return std::span<std::byte* const>(rooms_).first(count);
  }

  [[nodiscard]] std::size_t Send(std::size_t count,
                                 std::uint32_t length,
                                 Elapsed /*now*/) noexcept override {
    const std::size_t taken = std::min(count, takes_);
    for (std::size_t i = 0; i < taken; ++i) {
      sent.emplace_back(reinterpret_cast<const char*>(rooms_[i]), length);
    }
    return taken;
  }

  [[nodiscard]] std::span<const std::span<const std::byte>> Receive() noexcept override {
    return {};
  }

  Frames sent;

 private:
  std::size_t takes_;
  std::array<std::byte, kBatch * kRoomSize> memory_{};
  std::array<std::byte*, kBatch> rooms_{};
};

class ReplayTest : public testing::Test {
 public:
  ReplayTest() : path_("/tmp/flatline-replay-test-" + std::to_string(::getpid())) {}

  ~ReplayTest() override { ::unlink(path_.c_str()); }

 protected:
  void Write(const Frames& frames, std::uint32_t magic = 0xA1B2C3D4) const {
    std::ofstream file(path_, std::ios::binary);
    const std::array<std::uint32_t, 6> header{magic, 0, 0, 0, 65535, 1};
    file.write(reinterpret_cast<const char*>(header.data()), sizeof header);
    for (const std::string& frame : frames) {
      const auto size = static_cast<std::uint32_t>(frame.size());
      const std::array<std::uint32_t, 4> before{0, 0, size, size};
      file.write(reinterpret_cast<const char*>(before.data()), sizeof before);
      file.write(frame.data(), static_cast<std::streamsize>(frame.size()));
    }
  }

  std::string path_;
};

TEST_F(ReplayTest, SendsEachFrameInItsTurnAndBeginsAnew) {
  const Frames frames{"aaa", "bbb", "ccc", "dd", "ee", "f"};
  Write(frames);
  auto replay = Replay::Open(path_);
  ASSERT_TRUE(replay) << replay.error();
  PartialSender sender(2);
  while (sender.sent.size() < 2 * frames.size()) {
    ASSERT_NE(replay->Step(Elapsed{}, sender), 0U);
  }
  Frames twice = frames;
  twice.insert(twice.end(), frames.begin(), frames.end());
  EXPECT_EQ(sender.sent, twice);
  EXPECT_EQ(replay->accepted(), twice.size());
  EXPECT_GT(replay->offered(), replay->accepted()) << "what was refused was offered again";
}

TEST_F(ReplayTest, RefusesWhatIsNoCapture) {
  const auto refusal = [this] {
    const auto replay = Replay::Open(path_);
    return replay ? std::string{"was not refused"} : replay.error();
  };
  EXPECT_NE(refusal().find("no such file"), std::string::npos);
  Write({"a"}, 7);
  EXPECT_NE(refusal().find("classic pcap"), std::string::npos);
  Write({});
  EXPECT_NE(refusal().find("found none"), std::string::npos);
  Write({std::string(kRoomSize + 1, 'x')});
  EXPECT_NE(refusal().find("found one of 257"), std::string::npos);
  Write({"whole"});
  ASSERT_EQ(::truncate(path_.c_str(), 24 + 16 + 3), 0);
  EXPECT_NE(refusal().find("cut short"), std::string::npos);
}

}  // namespace
}  // namespace flatline::generator
