// An entry of a kept file (kept_file.h), written over the older of its two copies: whoever is
// killed or loses power while he writes one has the other. Used by cursors, maintenance and
// damping, and by the tools that read their files. Pure. Assumes entries with a `version`, 0 where
// there is none, a `crc` over all that stands before it, and `is_possible()`, without which one
// counts as not there, sealed or not. Cost: a checksum of the entry.
#pragma once

#include <flatline/crc32c.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace flatline {

template <typename Entry>
using TwoCopies = std::array<Entry, 2>;

template <typename Entry>
[[nodiscard]] std::uint32_t CrcOf(const Entry& entry) noexcept {
  return Crc32c(std::as_bytes(std::span{&entry, 1}).first(offsetof(Entry, crc)));
}

// A time, or a while, that is possible: sums and differences of two stay within 64 bits.
[[nodiscard]] constexpr bool IsTime(std::int64_t ns) noexcept {
  return ns >= 0 && ns < std::int64_t{1} << 62;
}

// The later one that is whole and possible; a new one where neither is.
template <typename Entry>
[[nodiscard]] Entry Latest(const TwoCopies<Entry>& copies) noexcept {
  Entry out{};
  for (const Entry& copy : copies) {
    if (copy.version > out.version && copy.crc == CrcOf(copy) && copy.is_possible()) {
      out = copy;
    }
  }
  return out;
}

// Something stands there, and none of it can be believed.
template <typename Entry>
[[nodiscard]] bool IsTorn(const TwoCopies<Entry>& copies) noexcept {
  return Latest(copies).version == 0 &&
         std::ranges::any_of(std::as_bytes(std::span{copies}),
                             [](std::byte byte) { return byte != std::byte{0}; });
}

// Makes it the later one, and seals it.
template <typename Entry>
void Keep(Entry& entry, TwoCopies<Entry>& copies) noexcept {
  if (++entry.version == 0) {  // nothing of ours was written so often: it begins anew
    copies = {};
    entry.version = 1;
  }
  entry.crc = CrcOf(entry);
  copies[entry.version % 2] = entry;
}

// Makes it empty. Its version goes on: what stood there before is the earlier one.
template <typename Entry>
void Erase(Entry& entry, TwoCopies<Entry>& copies) noexcept {
  const auto version = entry.version;
  entry = {};
  entry.version = version;
  Keep(entry, copies);
}

}  // namespace flatline
