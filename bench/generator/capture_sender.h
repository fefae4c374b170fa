// Heartbeats into a capture file (pcap with nanoseconds, Ethernet), stamped with the schedule's
// time: for replays through net_pcap, for a look with tcpdump. Accepts everything until the disk
// does not; used by one thread. Buffers 1 MiB. Format: libpcap's savefile, 24 bytes and 16 a
// frame.
#pragma once

#include "bench/generator/sender.h"

#include <array>
#include <cstdio>
#include <expected>
#include <memory>
#include <string>
#include <vector>

namespace flatline::generator {

class CaptureSender : public Sender {
 public:
  // `epoch_ns`: wall clock at the run's beginning.
  [[nodiscard]] static std::expected<std::unique_ptr<CaptureSender>, std::string> Create(
      const std::string& path, std::int64_t epoch_ns);

  [[nodiscard]] std::span<std::byte* const> Claim(std::size_t count) noexcept override;
  [[nodiscard]] std::size_t Send(std::size_t count,
                                 std::uint32_t length,
                                 Elapsed now) noexcept override;

  [[nodiscard]] std::span<const std::span<const std::byte>> Receive() noexcept override {
    return {};
  }

  // Whether everything that was accepted is in the file. To be called at the end.
  [[nodiscard]] std::expected<void, std::string> Close();

 private:
  struct Closer {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };

  CaptureSender(std::FILE* file, std::string path, std::int64_t epoch_ns);

  std::unique_ptr<std::FILE, Closer> file_;
  std::string path_;
  std::int64_t epoch_ns_;
  std::vector<std::byte> memory_;
  std::array<std::byte*, kBatch> rooms_{};
};

}  // namespace flatline::generator
