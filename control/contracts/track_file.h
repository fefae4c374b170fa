// The file in which control keeps what became of each profile's promise: what was told of its
// endpoints since, and what their paths were like when last looked at. Written by the track record
// alone, through a mapping, so that a kill costs nothing; read by `flatline contract`, `status` and
// `metrics`. Assumes one writer; a reader beside it sees each entry whole or as it was. Bounds: a
// page, an entry for each profile, and kMostOpenDeaths endpoints that are dead; a mebibyte.
//
//   file:  header | two copies for each profile, the later one that is whole | open deaths, a ring
//   counts
#pragma once

#include "control/files/two_copies.h"

#include <flatline/config.h>
#include <flatline/endpoint.h>
#include <flatline/time.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <vector>

namespace flatline {

inline constexpr std::size_t kMostOpenDeaths = 32'768;
inline constexpr std::uint64_t kTrackMagic = 0x314B43415254464CULL;  // "LFTRACK1"

struct ContractTrack {
  std::uint64_t version = 0;   // the later of two
  std::uint64_t sequence = 0;  // the last record of the journal that is in it
  std::int64_t since_ns = 0;   // wall clock: counted since; 0: no contract
  // What is promised. Where that becomes another, all is counted anew.
  std::int64_t detection_ns = 0;
  std::int64_t recurrence_ns = 0;
  std::int64_t mistake_ns = 0;
  // Deaths that were told, but for those in maintenance and of who was never heard; the silence
  // before them.
  std::uint64_t deaths = 0;
  std::uint64_t late = 0;  // after more than what is promised
  double silence_sum_ns = 0;
  std::int64_t silence_most_ns = 0;
  // Of these, who came back in the same life: mistakes, and how long they stood.
  std::uint64_t mistakes = 0;
  std::uint64_t of_masses = 0;   // marked as part of a mass failure
  std::uint64_t unmeasured = 0;  // whose death is not known any more
  double mistake_sum_ns = 0;
  std::int64_t mistake_most_ns = 0;
  std::uint64_t withdrawn = 0;  // suspicions that came to nothing
  double watched_ns = 0;        // times endpoints
  // The paths, when last looked at.
  std::int64_t measured_ns = 0;  // wall clock; 0: never
  double loss = 0;
  double loss_behind_loss = 0;
  std::int64_t interval_ns = 0;
  std::int64_t jitter_ns = 0;
  std::int64_t worst_jitter_ns = 0;
  std::uint32_t endpoints = 0;  // looked at, and
  std::uint32_t keep = 0;       // able to keep it
  std::int64_t broken_ns = 0;   // wall clock: the paths have not let it be kept since; 0: they do
  std::array<std::uint64_t, 6> reserved{};
  std::uint32_t reserved32 = 0;
  std::uint32_t crc = 0;  // CRC32C of all before

  [[nodiscard]] bool is_possible() const noexcept {
    const auto is_sum = [](double sum) { return std::isfinite(sum) && sum >= 0; };
    return is_sum(silence_sum_ns) && is_sum(mistake_sum_ns) && is_sum(watched_ns) && is_sum(loss) &&
           is_sum(loss_behind_loss) && unmeasured <= mistakes && keep <= endpoints &&
           IsTime(since_ns) && IsTime(silence_most_ns) && IsTime(mistake_most_ns) &&
           IsTime(measured_ns) && IsTime(interval_ns) && IsTime(jitter_ns) &&
           IsTime(worst_jitter_ns) && IsTime(broken_ns);
  }

  [[nodiscard]] bool is_kept_for(const Promise& promise) const noexcept {
    return since_ns != 0 && detection_ns == promise.detection.count() &&
           recurrence_ns == promise.recurrence.count() && mistake_ns == promise.mistake.count();
  }
};

static_assert(sizeof(ContractTrack) == 256);

// An endpoint that is dead: since when. Written before `crc`, so that half of one is none.
struct OpenDeath {
  EndpointId endpoint = kNoEndpoint;  // none: free
  std::uint64_t sequence = 0;         // of its record in the journal
  std::int64_t at_ns = 0;             // wall clock
  std::uint32_t marks = 0;            // of the record
  std::uint32_t crc = 0;              // CRC32C of all before

  [[nodiscard]] bool is_possible() const noexcept {
    return endpoint != kNoEndpoint && IsTime(at_ns);
  }
};

static_assert(sizeof(OpenDeath) == 32);

struct TrackFile {
  std::uint64_t magic = 0;
  std::uint64_t upto = 0;  // every record up to here is in the entries
  std::array<std::uint64_t, 510> reserved{};
  std::array<TwoCopies<ContractTrack>, kMaxProfiles> profiles{};
  std::array<OpenDeath, kMostOpenDeaths> deaths{};
};

static_assert(sizeof(TrackFile) == 4'096 + std::size_t{512} * kMaxProfiles + 32 * kMostOpenDeaths);

// By profile; `since_ns` is 0 where there is no contract. The error is one line.
[[nodiscard]] std::expected<std::vector<ContractTrack>, std::string> ReadTracks(
    const std::string& path);

}  // namespace flatline
