#include "bench/generator/capture_sender.h"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <utility>

namespace flatline::generator {

namespace {

struct CaptureHeader {
  std::uint32_t magic = 0xA1B23C4D;  // stamps in nanoseconds
  std::uint16_t major = 2;
  std::uint16_t minor = 4;
  std::int32_t zone = 0;
  std::uint32_t accuracy = 0;
  std::uint32_t snap_length = 65535;
  std::uint32_t link = 1;  // Ethernet
};

struct FrameHeader {
  std::uint32_t seconds;
  std::uint32_t nanoseconds;
  std::uint32_t captured;
  std::uint32_t length;
};

static_assert(sizeof(CaptureHeader) == 24 && sizeof(FrameHeader) == 16);

constexpr std::int64_t kSecond = 1'000'000'000;

std::string WriteError(const std::string& path) {
  return fmt::format("needed to write the capture {}, found: {}; choose another path or make room",
                     path,
                     std::strerror(errno));  // NOLINT(concurrency-mt-unsafe): one thread
}

}  // namespace

CaptureSender::CaptureSender(std::FILE* file, std::string path, std::int64_t epoch_ns)
    : file_(file), path_(std::move(path)), epoch_ns_(epoch_ns), memory_(kBatch * kRoomSize) {
  for (std::size_t i = 0; i < kBatch; ++i) {
    rooms_[i] = memory_.data() + i * kRoomSize;
  }
  std::setvbuf(file, nullptr, _IOFBF, std::size_t{1} << 20);
}

std::expected<std::unique_ptr<CaptureSender>, std::string> CaptureSender::Create(
    const std::string& path, std::int64_t epoch_ns) {
  std::FILE* file = std::fopen(path.c_str(), "wbe");
  if (file == nullptr) {
    return std::unexpected(WriteError(path));
  }
  std::unique_ptr<CaptureSender> out(new CaptureSender(file, path, epoch_ns));
  const CaptureHeader header;
  if (std::fwrite(&header, sizeof header, 1, file) != 1) {
    return std::unexpected(WriteError(path));
  }
  return out;
}

std::span<std::byte* const> CaptureSender::Claim(std::size_t count) noexcept {
  return std::span<std::byte* const>(rooms_).first(count);
}

std::size_t CaptureSender::Send(std::size_t count, std::uint32_t length, Elapsed now) noexcept {
  const std::int64_t wall = epoch_ns_ + now.count();
  const FrameHeader header{static_cast<std::uint32_t>(wall / kSecond),
                           static_cast<std::uint32_t>(wall % kSecond),
                           length,
                           length};
  for (std::size_t i = 0; i < count; ++i) {
    if (std::fwrite(&header, sizeof header, 1, file_.get()) != 1 ||
        std::fwrite(rooms_[i], length, 1, file_.get()) != 1) {
      return i;
    }
  }
  return count;
}

std::expected<void, std::string> CaptureSender::Close() {
  const bool failed = std::ferror(file_.get()) != 0;
  if (std::fclose(file_.release()) != 0 || failed) {
    return std::unexpected(WriteError(path_));
  }
  return {};
}

}  // namespace flatline::generator
