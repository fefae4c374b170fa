// What the judge found, as plain data: the numbers of the last line, and the witnesses without
// which they would prove nothing. Filled by Judge, printed by report. Passed() is the exit status.
#pragma once

#include "bench/generator/samples.h"

#include <flatline/endpoint.h>
#include <flatline/liveness.h>
#include <flatline/time.h>

#include <cstdint>
#include <string>
#include <vector>

namespace flatline::generator {

// A verdict that no silence explains.
struct FalseVerdict {
  EndpointId id = kNoEndpoint;
  Liveness to = Liveness::kSuspect;
  Duration at{};               // on the run's timeline
  Duration last_left{};        // the last heartbeat to leave, as known when the verdict was heard
  Duration claimed_silence{};  // flatline's evidence
  std::uint32_t heard_sequence = 0;
  std::uint64_t stream_sequence = 0;
};

// How far the stream itself can be relied on.
struct StreamWitness {
  std::uint64_t records = 0;
  std::uint64_t duplicates = 0;  // a sequence that had been heard before
  std::uint64_t holes = 0;       // a sequence that never came
  std::uint64_t gaps = 0;        // announced: the journal no longer reached back
  std::uint64_t resets = 0;      // the dataplane forgot everything
  std::uint64_t foreign = 0;     // about endpoints that are not of this fleet
  std::uint64_t former = 0;      // about lives before this run
};

struct Findings {
  std::uint64_t endpoints = 0;
  std::uint64_t ever_alive = 0;     // reported alive at least once
  std::uint64_t killed = 0;         // deaths that were due
  std::uint64_t told = 0;           // of these, told
  std::uint64_t undecided = 0;      // deaths not yet due when the judge had to decide
  std::uint64_t false_suspect = 0;  // no silence explains it
  std::uint64_t false_dead = 0;     // the same
  std::uint64_t mistakes = 0;       // silences of the living that losses forced, and that were told
  std::uint64_t mistaken_dead = 0;  // of these, told dead as well
  std::uint64_t own_silences = 0;   // the same, but our own fault: late, or refused by the port
  std::uint64_t left = 0;           // endpoints whose leave has left, and who are gone
  std::uint64_t left_untold = 0;    // of these, not reported left at the end
  std::uint64_t living_untold = 0;  // beating at the end, not reported alive
  Spread overshoot_suspect;         // verdict − (last left + timeout)
  Spread overshoot_dead;            // verdict − (last left + timeout + confirmation)
  Spread overshoot_hearing;         // overshoot_suspect less the blind time since the last left
  Spread detection_suspect;         // told here − last left
  Spread detection_dead;
  Duration blind{};  // announced on the stream
  std::uint64_t blind_intervals = 0;
  Duration clock_drift{};  // wall against monotonic, over the run
  StreamWitness stream;
  std::uint64_t reconnections = 0;
  std::vector<FalseVerdict> examples;  // the first few false verdicts
  std::string error;                   // the stream ended for good

  [[nodiscard]] std::uint64_t missed() const noexcept { return killed - told; }
};

// Why this is not a pass, one reason each; empty: it is one.
[[nodiscard]] std::vector<std::string> ReasonsToFail(const Findings& findings);

}  // namespace flatline::generator
