// Every way in which a frame or a heartbeat can fail to count, by name: one list drives the enum,
// the counters in the region, `flatline status` and the manual.
// Used by the packet path (writes) and by whoever reads counters. Adding a reason is adding a row.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace flatline {

// X(enumerator, name, sentence)
#define FLATLINE_DROP_REASONS(X)                                                                  \
  X(kRunt, "runt", "shorter than the headers it claims")                                          \
  X(kOversized, "oversized", "longer than one buffer, or chained over several")                   \
  X(kUnknownEtherType, "unknown-ethertype", "neither IPv4, IPv6, ARP nor a VLAN tag")             \
  X(kVlanTooDeep, "vlan-too-deep", "more than two VLAN tags")                                     \
  X(kNotForUs, "not-for-us", "a destination address, MAC or IP, that is not ours")                \
  X(kBadIpHeader, "bad-ip-header", "version, header length or total length is wrong")             \
  X(kBadIpChecksum, "bad-ip-checksum", "the IPv4 header checksum is wrong")                       \
  X(kFragment, "fragment", "an IPv4 or IPv6 fragment")                                            \
  X(kBadExtension, "bad-extension", "an IPv6 extension chain that is malformed or too long")      \
  X(kNotUdp, "not-udp", "an IP protocol or control message that we do not speak")                 \
  X(kBadUdpLength, "bad-udp-length", "the UDP length does not fit the packet")                    \
  X(kBadUdpChecksum, "bad-udp-checksum", "the UDP checksum is wrong, or absent over IPv6")        \
  X(kWrongPort, "wrong-port", "UDP to a port on which nobody listens")                            \
  X(kBadControl, "bad-control", "malformed ARP, neighbour discovery or ICMP")                     \
  X(kTruncatedHeartbeat, "truncated-heartbeat", "a payload shorter than it says")                 \
  X(kWrongMagic, "wrong-magic", "a payload that does not begin with FL")                          \
  X(kWrongVersion, "wrong-version", "a version of the heartbeat that we do not speak")            \
  X(kUnknownKind, "unknown-kind", "a kind of message that is unknown, or not meant for us")       \
  X(kBadHeartbeat, "bad-heartbeat", "reserved bits set, health out of range, or id 0")            \
  X(kBadPayload, "bad-payload", "type-length-value payload that does not add up")                 \
  X(kUnknownEndpoint, "unknown-endpoint", "closed enrolment, and nobody enrolled this id")        \
  X(kUnknownProfile, "unknown-profile", "asks for a profile that is not configured")              \
  X(kTableFull, "table-full", "no slot left for a new endpoint")                                  \
  X(kOldIncarnation, "old-incarnation", "an incarnation lower than the one known")                \
  X(kOldSequence, "old-sequence", "a sequence number heard before: duplicate or reordered")       \
  X(kHandoffFull, "handoff-full", "the ring to the owning worker was full; the next one retries") \
  X(kUntagged, "untagged", "no authentication tag, where one is required")                        \
  X(kBadTag, "bad-tag", "an authentication tag of the wrong size, or made with another key")      \
  X(kEnrolmentLimit, "enrolment-limit", "more new ids than dataplane.enrolment_time lets in")     \
  X(kSourceLimit,                                                                                 \
    "source-limit",                                                                               \
    "more new ids from one address than dataplane.enrolment_per_source lets in")

enum class DropReason : std::uint8_t {
#define FLATLINE_DROP_ENUMERATOR(enumerator, name, sentence) enumerator,
  FLATLINE_DROP_REASONS(FLATLINE_DROP_ENUMERATOR)
#undef FLATLINE_DROP_ENUMERATOR
};

struct DropDescription {
  std::string_view name;
  std::string_view sentence;
};

inline constexpr auto kDropDescriptions = std::to_array<DropDescription>({
#define FLATLINE_DROP_DESCRIPTION(enumerator, name, sentence) {name, sentence},
    FLATLINE_DROP_REASONS(FLATLINE_DROP_DESCRIPTION)
#undef FLATLINE_DROP_DESCRIPTION
});

#undef FLATLINE_DROP_REASONS

inline constexpr std::size_t kDropReasons = kDropDescriptions.size();

constexpr std::string_view NameOf(DropReason reason) noexcept {
  return kDropDescriptions[static_cast<std::size_t>(reason)].name;
}

}  // namespace flatline
