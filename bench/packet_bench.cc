// What it costs to find the datagram in a frame (plain, in a VLAN, over IPv6, with the checksums
// offloaded or verified here), to drop a frame that is not for us, and to answer one.
#include "dataplane/packet.h"
#include "dataplane/responder.h"

#include <flatline/check.h>
#include <flatline/wire.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <benchmark/benchmark.h>

namespace flatline {
namespace {

constexpr std::size_t kFrames = 64;
constexpr std::size_t kFrameRoom = 128;
using Buffer = std::array<std::byte, kFrameRoom>;

PortIdentity Identity() {
  return {.mac = {2, 0, 0, 0, 0, 1},
          .udp_port = 17996,
          .addresses = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 1},
                        {0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}};
}

void PutMacs(std::byte* at) {
  wire::Store<std::uint64_t>(at, 0x0200'0000'0001'0200U);
  wire::Store<std::uint32_t>(at + 8, 0x0000'0002U);
}

// A request over IPv4 or IPv6 with 40 bytes of payload and without a UDP checksum.
std::uint32_t PutRequest(Buffer& out, bool is_ipv6, bool tagged) {
  PutMacs(out.data());
  std::uint32_t at = 12;
  if (tagged) {
    wire::Store<std::uint32_t>(out.data() + at, 0x8100'0007U);
    at += 4;
  }
  wire::Store<std::uint16_t>(out.data() + at, is_ipv6 ? 0x86DD : 0x0800);
  at += 2;
  std::byte* ip = out.data() + at;
  if (is_ipv6) {
    wire::Store<std::uint64_t>(ip, 0x6000'0000'0030'1140U);
    wire::Store<std::uint64_t>(ip + 8, 0xFD00'0000'0000'0000U);
    wire::Store<std::uint64_t>(ip + 16, 2);
    wire::Store<std::uint64_t>(ip + 24, 0xFD00'0000'0000'0000U);
    wire::Store<std::uint64_t>(ip + 32, 1);
    at += 40;
  } else {
    wire::Store<std::uint64_t>(ip, 0x4500'0044'0000'4000U);
    wire::Store<std::uint32_t>(ip + 8, 0x4011'0000U);
    wire::Store<std::uint64_t>(ip + 12, 0x0A00'0002'0A00'0001U);
    at += 20;
  }
  wire::Store<std::uint64_t>(out.data() + at, 0x9C40'464C'0030'0000U);
  return at + 48;
}

// The frame with its checksums right: as the responder writes them, ends exchanged.
std::uint32_t PutVerifiable(Buffer& out, bool is_ipv6, bool tagged) {
  Buffer request{};
  const Frame frame{.data = request.data(), .length = PutRequest(request, is_ipv6, tagged)};
  Packet packet;
  packet.is_ipv6 = is_ipv6;
  packet.l3_offset = static_cast<std::uint16_t>(tagged ? 18 : 14);
  packet.l4_offset = static_cast<std::uint16_t>(packet.l3_offset + (is_ipv6 ? 40 : 20));
  std::array<std::byte, kReplyRoom> once{};
  const std::array<std::byte, 40> payload{};
  const std::uint32_t length = BuildDatagramReply(frame, packet, Identity(), payload, once);
  const Frame answer{.data = once.data(), .length = length};
  PortIdentity them = Identity();
  them.mac = {2, 0, 0, 0, 0, 2};
  std::array<std::byte, kReplyRoom> twice{};
  const std::uint32_t again = BuildDatagramReply(answer, packet, them, payload, twice);
  FLATLINE_CHECK(length == again && again <= out.size());
  std::copy_n(twice.begin(), again, out.begin());
  return again;
}

struct Case {
  bool is_ipv6;
  bool tagged;
  ChecksumStatus checksums;
};

void Parse(benchmark::State& state, const Case& how) {
  const PortIdentity identity = Identity();
  std::vector<Buffer> buffers(kFrames);
  std::vector<Frame> frames;
  for (Buffer& buffer : buffers) {
    const std::uint32_t length = PutVerifiable(buffer, how.is_ipv6, how.tagged);
    frames.push_back({.data = buffer.data(),
                      .length = length,
                      .ip_checksum = how.checksums,
                      .udp_checksum = how.checksums});
    FLATLINE_CHECK(ParsePacket(frames.back(), identity).has_value());
  }
  std::size_t at = 0;
  for (auto _ : state) {  // NOLINT(clang-analyzer-deadcode.DeadStores): the library's loop
    auto packet = ParsePacket(frames[at], identity);
    benchmark::DoNotOptimize(packet);
    at = (at + 1) % kFrames;
  }
  state.SetItemsProcessed(state.iterations());
}

void Drop(benchmark::State& state) {
  const PortIdentity identity = Identity();
  const Buffer zeros{};
  const Frame frame{.data = zeros.data(), .length = 64};
  for (auto _ : state) {  // NOLINT(clang-analyzer-deadcode.DeadStores): the library's loop
    auto packet = ParsePacket(frame, identity);
    benchmark::DoNotOptimize(packet);
  }
  state.SetItemsProcessed(state.iterations());
}

void Answer(benchmark::State& state, bool is_ipv6) {
  const PortIdentity identity = Identity();
  Buffer request{};
  const Frame frame{.data = request.data(), .length = PutVerifiable(request, is_ipv6, false)};
  const Packet packet = ParsePacket(frame, identity).value();
  std::array<std::byte, kReplyRoom> room{};
  const std::array<std::byte, 40> payload{};
  for (auto _ : state) {  // NOLINT(clang-analyzer-deadcode.DeadStores): the library's loop
    benchmark::DoNotOptimize(BuildDatagramReply(frame, packet, identity, payload, room));
    benchmark::DoNotOptimize(room);
  }
  state.SetItemsProcessed(state.iterations());
}

constexpr ChecksumStatus kGood = ChecksumStatus::kGood;
constexpr ChecksumStatus kUnknown = ChecksumStatus::kUnknown;

BENCHMARK_CAPTURE(Parse, plain, Case{false, false, kGood});
BENCHMARK_CAPTURE(Parse, plain_verified, Case{false, false, kUnknown});
BENCHMARK_CAPTURE(Parse, vlan, Case{false, true, kGood});
BENCHMARK_CAPTURE(Parse, ipv6, Case{true, false, kGood});
BENCHMARK_CAPTURE(Parse, ipv6_verified, Case{true, false, kUnknown});
BENCHMARK(Drop);
BENCHMARK_CAPTURE(Answer, ipv4, false);
BENCHMARK_CAPTURE(Answer, ipv6, true);

}  // namespace
}  // namespace flatline
