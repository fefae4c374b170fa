// The records that are made on the connection and do not stand in the journal: greetings,
// bookmarks, gaps, brackets of a snapshot, names, summaries, errors, answers. Used by publisher,
// snapshot and administration. Pure; each is sealed with its CRC when it is returned.
#pragma once

#include "control/delivery/request.h"

#include <flatline/command_ring.h>
#include <flatline/crc32c.h>
#include <flatline/delivery.h>
#include <flatline/summary.h>
#include <flatline/suspicion_record.h>
#include <flatline/time.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace flatline::frames {

inline DeliveryRecord Seal(DeliveryRecord record) noexcept {
  record.crc = SealOf(record);
  return record;
}

inline DeliveryRecord Make(RecordKind kind, std::uint64_t sequence, WallInstant wall) noexcept {
  DeliveryRecord out;
  out.kind = kind;
  out.sequence = sequence;
  out.at_ns = wall.time_since_epoch().count();
  return out;
}

struct Greeting {
  std::uint64_t newest = 0;
  std::uint64_t oldest = 0;
  std::uint64_t begins_behind = 0;  // where the tail begins
  bool snapshot_first = false;
  bool hides_flapping = false;
  Duration bookmark{};
};

inline DeliveryRecord Hello(const Greeting& greeting, WallInstant wall) noexcept {
  DeliveryRecord out = Make(RecordKind::kHello, greeting.newest, wall);
  out.silence_ns = static_cast<std::int64_t>(greeting.oldest);
  out.endpoint = greeting.begins_behind;
  out.to = greeting.snapshot_first ? 1 : 0;
  out.marks = greeting.hides_flapping ? kMarkFlapping : 0;
  out.incarnation = static_cast<std::uint32_t>(greeting.bookmark.count() / 1'000'000);
  return Seal(out);
}

// `deaf_ns`: see RecordKind.
inline DeliveryRecord Bookmark(std::uint64_t sequence,
                               WallInstant wall,
                               std::int64_t deaf_ns = 0) noexcept {
  DeliveryRecord out = Make(RecordKind::kBookmark, sequence, wall);
  out.silence_ns = deaf_ns;
  return Seal(out);
}

// Lost are (after, last].
inline DeliveryRecord Gap(std::uint64_t after, std::uint64_t last, WallInstant wall) noexcept {
  DeliveryRecord out = Make(RecordKind::kGap, last, wall);
  out.silence_ns = static_cast<std::int64_t>(after);
  return Seal(out);
}

inline DeliveryRecord SnapshotBegin(std::uint64_t sequence, WallInstant wall) noexcept {
  return Seal(Make(RecordKind::kSnapshotBegin, sequence, wall));
}

inline DeliveryRecord SnapshotEnd(std::uint64_t sequence,
                                  std::uint64_t rows,
                                  WallInstant wall) noexcept {
  DeliveryRecord out = Make(RecordKind::kSnapshotEnd, sequence, wall);
  out.silence_ns = static_cast<std::int64_t>(rows);
  return Seal(out);
}

inline DeliveryRecord Error(const Refusal& refusal) noexcept {
  DeliveryRecord out;
  std::memcpy(reinterpret_cast<char*>(&out) + kErrorTextOffset,
              refusal.text.data(),
              std::min(refusal.text.size(), kErrorTextSize));
  out.kind = RecordKind::kError;
  out.reason = static_cast<std::uint8_t>(refusal.error);
  return Seal(out);
}

struct GroupSummary {
  SummaryCounts counts;
  Group group = kNoGroup;
  bool is_sum = false;  // of all groups told
  bool is_settled = true;
};

inline DeliveryRecord Summary(const GroupSummary& of,
                              std::uint64_t sequence,
                              WallInstant wall) noexcept {
  DeliveryRecord out = Make(RecordKind::kSummary, sequence, wall);
  WriteSummary(of.counts, out);
  out.group = of.group;
  out.to = of.is_sum ? 1 : 0;
  out.reason = of.is_settled ? 0 : kSummaryUnsettled;
  return Seal(out);
}

// Part `part` of `parts` of the name in the record behind, which has the same sequence.
inline DeliveryRecord NamePart(std::string_view text,
                               std::uint8_t part,
                               std::uint8_t parts,
                               std::uint64_t sequence) noexcept {
  DeliveryRecord out;
  out.sequence = sequence;
  std::memcpy(reinterpret_cast<char*>(&out) + kErrorTextOffset,
              text.data(),
              std::min(text.size(), kNamePartSize));
  out.kind = RecordKind::kName;
  out.from = part;
  out.to = parts;
  out.reason = static_cast<std::uint8_t>(std::min(text.size(), kNamePartSize));
  return Seal(out);
}

// What stands before a record that says that somebody is suspect.
inline DeliveryRecord Suspicion(const SuspicionScale& scale, const DeliveryRecord& of) noexcept {
  DeliveryRecord out;
  out.sequence = of.sequence;
  out.endpoint = of.endpoint;
  out.group = of.group;
  out.profile = of.profile;
  out.kind = RecordKind::kSuspicion;
  out.to = static_cast<std::uint8_t>(Liveness::kSuspect);
  out.generation = of.generation;
  WriteScale(scale, out);
  return Seal(out);
}

// In the place of a record that ends a suspicion, and is not wanted itself.
inline DeliveryRecord SuspicionOver(const DeliveryRecord& by) noexcept {
  DeliveryRecord out;
  out.sequence = by.sequence;
  out.at_ns = by.at_ns;
  out.endpoint = by.endpoint;
  out.group = by.group;
  out.kind = RecordKind::kSuspicion;
  out.to = by.to;
  out.generation = by.generation;
  return Seal(out);
}

inline DeliveryRecord CommandAnswer(EndpointId id, CommandStatus status) noexcept {
  DeliveryRecord out;
  out.endpoint = id;
  out.kind = RecordKind::kCommandResult;
  out.reason = static_cast<std::uint8_t>(status);
  return Seal(out);
}

}  // namespace flatline::frames
