// Carries transitions from the workers' rings into the journal, each exactly once, whatever dies in
// between: a record says from which ring and place it came, and a ring's place is given back only
// when the journal has the record. One per joined region, used by the control loop. Announces a
// region of another generation as a reset. Cost: one record made for each transition.
#pragma once

#include "control/journal.h"
#include "control/trail.h"
#include "control/transition_reader.h"

#include <flatline/delivery.h>
#include <flatline/region.h>
#include <flatline/time.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

namespace flatline {

class Scribe {
 public:
  static constexpr std::size_t kBatch = 4096;

  // Skips what the journal has of this region already.
  Scribe(const RegionView& region, Journal& journal);

  // Writes at most kBatch transitions. Returns those written, valid until the next call, in the
  // order of their sequences, the last of which is the journal's newest. `wall` is the same instant
  // as `now`.
  [[nodiscard]] std::expected<std::span<const Told>, std::string> Turn(Instant now,
                                                                       WallInstant wall);

  [[nodiscard]] const TransitionReader& reader() const noexcept { return reader_; }

  // Where to leave a trace of what is written, from now on; null: nowhere.
  void LeaveTraces(Trail* trail) noexcept { trail_ = trail; }

 private:
  void SkipJournaled();
  [[nodiscard]] bool AnnounceReset(Instant now, WallInstant wall);

  Journal* journal_;
  TransitionReader reader_;
  std::uint64_t most_unreleased_;  // transitions that all rings hold together
  std::uint32_t generation_;
  Trail* trail_ = nullptr;
  bool must_reset_ = false;
  std::vector<DeliveryRecord> records_;
};

// The record of a transition; the journal will number and seal it. `wall_offset` is wall clock less
// monotonic clock.
[[nodiscard]] DeliveryRecord RecordOf(const Told& told,
                                      std::uint32_t generation,
                                      Duration wall_offset) noexcept;

}  // namespace flatline
