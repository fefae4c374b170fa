// What an endpoint last said of itself behind a heartbeat's fixed part (load, memory, a line of
// text), and how long its timed heartbeats were on their way: an entry of a pool in the region,
// which those take who speak. The worker that owns the endpoint writes it (WritePayload), any
// process reads it (ReadPayload) and never sees a torn one (versioned.h). Whatever is in it was
// made up by a stranger. Cost: three lines written.
#pragma once

#include <flatline/endpoint.h>
#include <flatline/versioned.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace flatline {

inline constexpr std::size_t kMostPayloadText = 128;

// What of it the heartbeat had: bits of `said`.
inline constexpr std::uint8_t kSaidLoad = 1U << 0;
inline constexpr std::uint8_t kSaidMemory = 1U << 1;
inline constexpr std::uint8_t kSaidText = 1U << 2;

// Of one timed heartbeat. Transit: our monotonic clock when it was heard less the sender's clock
// when it was sent, in ns. Nobody knows how far apart these clocks are, so that one transit says
// nothing; but from one to the next it changes as the delay does.
struct Payload {
  EndpointId id = kNoEndpoint;
  std::int64_t heard_ns = 0;          // Instant
  std::uint64_t sent_ns = 0;          // sender's clock; 0: not given
  std::int64_t least_transit_ns = 0;  // of late (dataplane/delay_history.h)
  std::uint32_t incarnation = 0;      // of the heartbeat
  std::uint32_t sequence = 0;         // of the heartbeat
  std::uint32_t load = 0;             // thousandths
  std::uint32_t memory = 0;           // used share, thousandths
  std::uint32_t jitter_ns = 0;        // of the transit, smoothed (RFC 3550, 6.4.1)
  std::uint8_t said = 0;              // kSaid bits
  std::uint8_t timed = 0;             // heartbeats in the history of the transit; 255: or more
  std::uint8_t port = 0xFF;           // of ours, by which it was heard
  std::uint8_t text_size = 0;         // at most kMostPayloadText
  std::array<char, kMostPayloadText> text{};  // any bytes

  [[nodiscard]] std::string_view words() const noexcept { return {text.data(), text_size}; }

  // As 64-bit numbers that wrap: `sent_ns` may be anything.
  [[nodiscard]] constexpr std::int64_t transit_ns() const noexcept {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(heard_ns) - sent_ns);
  }
};

// An entry of nobody has the id 0.
using PayloadEntry = Versioned<Payload>;

static_assert(sizeof(PayloadEntry) == 192);

// By the owner alone.
inline void WritePayload(PayloadEntry& entry, const Payload& payload) noexcept {
  entry.Write(payload);
}

// What is there, of somebody or of nobody, safe to use whatever the region holds. Nothing where its
// owner is stopped, or was killed, as it wrote.
inline std::optional<Payload> ReadPayload(const PayloadEntry& entry) noexcept {
  std::optional<Payload> out = entry.Read();
  if (out) {
    out->text_size = std::min<std::uint8_t>(out->text_size, kMostPayloadText);
  }
  return out;
}

// Whose it is, without the rest: a hint.
inline EndpointId OwnerOf(const PayloadEntry& entry) noexcept {
  return entry.words[0].load(std::memory_order_relaxed);
}

}  // namespace flatline
