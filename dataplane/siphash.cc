#include "dataplane/siphash.h"

#include "dataplane/siphash_lanes.h"

#include <cstring>

namespace flatline {
namespace siphash {

void Avx2With64Bits(SipLanes& lanes, const SipKey& root) noexcept;
void Avx2With128Bits(SipLanes& lanes, const SipKey& root) noexcept;
void Avx512With64Bits(SipLanes& lanes, const SipKey& root) noexcept;
void Avx512With128Bits(SipLanes& lanes, const SipKey& root) noexcept;

}  // namespace siphash

namespace {

constexpr std::size_t kWord = 8;

std::uint64_t LoadWord(const std::byte* at, std::size_t bytes) noexcept {
  std::uint64_t out = 0;
  std::memcpy(&out, at, bytes);
  return out;
}

constexpr SipEngine kScalar{
    "scalar", siphash::Reckon<std::uint64_t, 2, false>, siphash::Reckon<std::uint64_t, 2, true>};

#ifdef __x86_64__
constexpr std::array<SipEngine, 3> kEngines{{
    {"avx512", siphash::Avx512With64Bits, siphash::Avx512With128Bits},
    {"avx2", siphash::Avx2With64Bits, siphash::Avx2With128Bits},
    kScalar,
}};

std::size_t FirstUsable() noexcept {
  __builtin_cpu_init();
  if (static_cast<int>(__builtin_cpu_supports("avx512f")) != 0) {
    return 0;
  }
  return static_cast<int>(__builtin_cpu_supports("avx2")) != 0 ? 1 : 2;
}
#else
constexpr std::array<SipEngine, 1> kEngines{{kScalar}};

std::size_t FirstUsable() noexcept {
  return 0;
}
#endif

}  // namespace

SipTag SipHash(const SipKey& key, std::span<const std::byte> message, TagSize size) noexcept {
  using siphash::Compress;
  using siphash::Finish;
  const bool is_wide = size == TagSize::k128Bits;
  siphash::State<std::uint64_t> s = siphash::Begin(key.low, key.high, is_wide);
  std::size_t at = 0;
  for (; at + kWord <= message.size(); at += kWord) {
    Compress(s, LoadWord(message.data() + at, kWord));
  }
  const std::uint64_t rest = LoadWord(message.data() + at, message.size() - at);
  Compress(s, rest | (std::uint64_t{message.size()} << 56));
  s.v2 ^= is_wide ? 0xEEU : 0xFFU;
  SipTag out{.low = Finish(s), .high = 0};
  if (is_wide) {
    out.high = siphash::SecondHalf(s);
  }
  return out;
}

SipKey EndpointKeyOf(const SipKey& root, std::uint64_t id_on_wire) noexcept {
  const SipTag out = SipHash(root, std::as_bytes(std::span(&id_on_wire, 1)), TagSize::k128Bits);
  return {.low = out.low, .high = out.high};
}

std::span<const SipEngine> SipEngines() noexcept {
  static const std::size_t first = FirstUsable();
  return std::span(kEngines).subspan(first);
}

}  // namespace flatline
