// The stream to subscribers, over TCP or a Unix socket: what they send, and what they are sent.
// Everything that flatline sends is a record of 64 bytes, little-endian; transitions are sent as
// they stand in the journal, byte for byte. A subscriber sends one request of 64 bytes, then its
// groups and lines of text, and then, if it likes, acknowledgements. Written by control, read by
// client libraries; a stranger can write one from
// include/README.md. Bounds: sequences begin at 1 and have no holes; a record whose CRC is wrong
// was never sent by us.
#pragma once

#include <flatline/confirmation.h>
#include <flatline/endpoint.h>
#include <flatline/liveness.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace flatline {

inline constexpr std::uint16_t kDeliveryPort = 17997;
// Requests of version 1, which had nothing behind `sequence`, are understood too.
inline constexpr std::uint32_t kDeliveryVersion = 2;

enum class RecordKind : std::uint8_t {
  // In the journal, with a sequence number of their own:
  kLiveness = 1,  // from, to: Liveness
  kHealth = 2,    // from, to: Health
  kBlind = 3,     // an interval of `silence_ns` up to `at_ns` in which the detector could not hear;
                  // `to`: the port concerned, 0xFF for all
  kReset = 4,     // the dataplane began with an empty table: all that was known is void
  kGroup = 5,  // of `group`, or of the fleet (0): `reason` begins (`to` 1) or is over (0), `from`
               // is a GroupCause (guard.h); `incarnation` endpoints of `heartbeat_sequence`;
               // `silence_ns`: the time in which they fell silent, at the end for how long
  kFlapping = 6,  // of `endpoint`: from here on its changes are suppressed (reason kFlapping), or
                  // told again (kQuietAgain); flapping.h
  kMaintenance =
      7,  // of `endpoint`, or of all of `group`: silence is expected from here on (`to` 1)
          // for `silence_ns`, or no more (0), after so long
  kLease =
      8,  // of a lease (lease.h): `endpoint`, of `group`, holds it from here on (`to` 1), or no
          // more (0); `from` is its LeaseSpace, `silence_ns` its number; `incarnation` and
          // `heartbeat_sequence` are the high and the low half of the fencing token
  // Only on the connection; `sequence` is that of the last record accounted for:
  kHello = 16,          // first of all: `sequence` is the newest, `silence_ns` the oldest retained,
                        // `endpoint` the one behind which the tail begins; `to`: 1 where a
                        // snapshot comes first; `incarnation`: ms between two bookmarks; `marks`:
                        // kMarkFlapping where such records are left out, and sequences with them
  kBookmark = 17,       // nothing for you up to `sequence`. For who asked for kSuspicion
                        // `silence_ns`: for how long not all has been heard; -1: no dataplane
  kGap = 18,            // the journal no longer reaches back: lost are (`silence_ns`, `sequence`]
  kSnapshotBegin = 19,  // rows as of `sequence` follow
  kSnapshotRow = 20,    // one endpoint: `to` is its Liveness, `health` its health; `marks`:
                        // kMarkFlapping where its changes are suppressed
                        // Behind these rows kLease, `to` 1, with this sequence: leases then held
  kSnapshotEnd = 21,    // the tail from `sequence` + 1 follows; `silence_ns` counts the rows, of
                        // leases too
  kError = 22,          // DeliveryError in `reason`, text behind; then the connection closes
  // Answers to administration, on the Unix socket:
  kCommandResult = 23,  // `endpoint`, CommandStatus in `reason`
  // For those who asked for it, on the connection only:
  kName = 24,     // the name of the endpoint in the record behind it, whose `sequence` it repeats;
                  // in several records where it is long: part `from` of `to`, `reason` bytes each
  kSummary = 25,  // counts of `group`, or of all that were told before it (`to`: 1), true as of
                  // `sequence`; summary.h. With kWantNames, a kName of the group before it
  kSuspicion = 26,  // `to` suspect: by what the level of suspicion rises, of the `endpoint` in the
                    // record behind it, whose `sequence` it repeats; before its name, if it has
                    // one; suspicion_record.h. `to` another Liveness: it is suspect no more, by a
                    // change that was left out; accounts for `sequence`
};

// Bits of DeliveryRecord::marks, of changes of liveness and health.
inline constexpr std::uint8_t kMarkMassFailure = 1U << 0;  // one of many that fell silent together
inline constexpr std::uint8_t kMarkMaintenance = 1U << 1;  // expected by the operator
inline constexpr std::uint8_t kMarkFlapping = 1U << 2;     // suppressed: told to who asks for it
// Of suspect -> dead, what spoke for it beside silence (confirmation.h): Evidence, shifted.
inline constexpr unsigned kEvidenceShift = 3;
inline constexpr std::uint8_t kMarkUnanswered = kProbesUnanswered << kEvidenceShift;
inline constexpr std::uint8_t kMarkFailing = kHealthFailing << kEvidenceShift;
inline constexpr std::uint8_t kMarkGroupFalling = kGroupFalling << kEvidenceShift;
inline constexpr std::array<std::string_view, 6> kMarkNames{"mass-failure",
                                                            "maintenance",
                                                            "flapping",
                                                            "probe-unanswered",
                                                            "health-failing",
                                                            "group-falling"};
// Those that say of a change that it need not alarm anybody.
inline constexpr std::uint8_t kSoothingMarks = kMarkMassFailure | kMarkMaintenance | kMarkFlapping;

struct DeliveryRecord {
  std::uint64_t sequence = 0;
  std::int64_t at_ns = 0;  // wall clock of the decision, ns since the epoch
  EndpointId endpoint = kNoEndpoint;
  std::int64_t silence_ns = 0;  // the evidence: hearing time since the last heartbeat
  std::uint32_t incarnation = 0;
  std::uint32_t heartbeat_sequence = 0;  // of the last heartbeat heard
  Group group = kNoGroup;
  std::uint32_t ring_position = 0;  // low half of its place in the worker's ring
  std::uint8_t profile = kDefaultProfile;
  std::uint8_t marks = 0;  // kMarkMaintenance, …
  RecordKind kind = RecordKind::kLiveness;
  std::uint8_t from = 0;
  std::uint8_t to = 0;
  std::uint8_t reason = 0;  // Reason; for kError a DeliveryError
  Health health = Health::kUnknown;
  std::uint8_t worker = 0;       // 0xFF: no worker told it
  std::uint32_t generation = 0;  // GenerationOf the region: another one is another fleet
  std::uint32_t crc = 0;         // CRC32C of the 60 bytes before
};

static_assert(sizeof(DeliveryRecord) == 64);
static_assert(std::is_trivially_copyable_v<DeliveryRecord>);

// The name of a region's generation (RegionHeader::generation, ns) in a record: its low bits in
// units of about a millisecond, so that two Formats differ unless they are 52 days apart to the ms.
constexpr std::uint32_t GenerationOf(std::uint64_t generation_ns) noexcept {
  return static_cast<std::uint32_t>(generation_ns >> 20);
}

// A kError record carries up to 40 bytes of text, zero-padded, from offset 8 (`at_ns`) on; so does
// a kName.
inline constexpr std::size_t kErrorTextOffset = 8;
inline constexpr std::size_t kErrorTextSize = 40;
inline constexpr std::size_t kNamePartSize = kErrorTextSize;
inline constexpr std::size_t kMostNameParts = 4;  // numbered from 1

enum class DeliveryError : std::uint8_t {
  kBadRequest = 1,      // not a request of ours, or of another version
  kFutureSequence = 2,  // asks to resume from a sequence that was never given out
  kTooManyGroups = 3,
  kTooManySubscribers = 4,
  kTooSlow = 5,       // what may change during a snapshot, or the time for a request, ran out
  kNotPermitted = 6,  // administration without the right to it, or what a token does not grant
  kNoDataplane = 7,   // there is no region to ask
  kCursorTaken = 8,   // another connection goes on at this cursor
  kTooManyCursors = 9,
  kBadFilter = 10,  // the text says where
  kBadToken = 11,
  kWrongTransport = 12,  // in the clear where TLS is spoken, or the other way about
};

enum class RequestKind : std::uint8_t {
  kSubscribeFrom = 1,      // the records after `sequence`
  kSubscribeNow = 2,       // the records after the newest
  kSubscribeSnapshot = 3,  // every endpoint as it is, then the records after
  kAdminister = 4,  // text with a token where it is over TCP, then `count` of AdminEntry follow;
                    // answered one by one
};

inline constexpr std::uint32_t kMaxFilterGroups = 1024;
inline constexpr std::uint32_t kMaxAdminEntries = 1U << 16;  // in one request; ask again for more
inline constexpr std::uint32_t kMostSubscriptionText = 16U << 10;
inline constexpr std::uint32_t kMostBatchBytes = 256U << 10;
inline constexpr std::uint32_t kMostBatchAgeUs = 60'000'000;

// Bits of DeliveryRequest::options.
inline constexpr std::uint32_t kWantNames = 1U << 0;      // a kName before records of the named
inline constexpr std::uint32_t kAcknowledges = 1U << 1;   // will acknowledge, at the latest every
                                                          // kKeepAlive: silence is death
inline constexpr std::uint32_t kWantFlapping = 1U << 2;   // what is suppressed as well
inline constexpr std::uint32_t kWantSuspicion = 1U << 3;  // a kSuspicion with each suspect
inline constexpr std::uint32_t kKnownOptions =
    kWantNames | kAcknowledges | kWantFlapping | kWantSuspicion;
inline constexpr std::int64_t kKeepAliveNs = 5'000'000'000;

struct DeliveryRequest {
  std::array<char, 4> magic{'F', 'L', 'S', 'B'};
  std::uint32_t version = kDeliveryVersion;
  RequestKind kind = RequestKind::kSubscribeNow;
  std::uint8_t liveness_mask = 0xFF;  // bit n: transitions to Liveness n (and rows of it)
  std::uint8_t want_health = 1;       // changes of health too
  std::uint8_t reserved0 = 0;
  std::uint32_t count = 0;       // of groups (4 bytes each) or AdminEntry that follow; no groups:
                                 // every group
  std::uint64_t sequence = 0;    // kSubscribeFrom: the last one that the subscriber has
  std::uint32_t text_bytes = 0;  // of lines "key=value\n" in UTF-8, behind the groups; of
                                 // kAdminister before the entries
  // Of a subscription:
  std::uint32_t options = 0;       // kWantNames, …
  std::uint32_t batch_bytes = 0;   // hold records back until there are so many bytes of them,
  std::uint32_t batch_age_us = 0;  // or the oldest has waited so long; 0: send at once
  std::array<std::uint8_t, 24> reserved{};
};

static_assert(sizeof(DeliveryRequest) == 64);

// From the subscriber, as often as it likes: it has dealt with everything up to `sequence`. Where
// it goes on by a cursor, the cursor moves there.
struct DeliveryAcknowledgement {
  std::array<char, 4> magic{'F', 'L', 'A', 'K'};
  std::uint32_t reserved = 0;
  std::uint64_t sequence = 0;
};

static_assert(sizeof(DeliveryAcknowledgement) == 16);

struct AdminEntry {
  EndpointId id = kNoEndpoint;
  Group group = kNoGroup;
  ProfileId profile = kDefaultProfile;
  std::uint8_t command = 0;  // CommandKind
  std::uint8_t reserved = 0;
};

static_assert(sizeof(AdminEntry) == 16);

}  // namespace flatline
