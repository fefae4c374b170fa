// Carries transitions from the workers' rings into the journal, each exactly once, whatever dies in
// between: a record says from which ring and place it came, and a ring's place is given back only
// when the journal has the record. One per joined region, used by the control loop. Announces a
// region of another generation as a reset. Cost: one record made for each transition.
#pragma once

#include "control/commentary/commentary.h"
#include "control/journal/journal.h"
#include "control/journal/trail.h"
#include "control/region/transition_reader.h"

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
  // So many are journaled before the commentary is asked for what follows from them.
  static constexpr std::size_t kPart = 256;

  // Skips what the journal has of this region already.
  Scribe(const RegionView& region, Journal& journal);

  // Writes at most kBatch transitions. Returns those written, valid until the next call, in the
  // order of their sequences; what the commentary says stands between and behind them. `wall` is
  // the same instant as `now`.
  [[nodiscard]] std::expected<std::span<const Told>, std::string> Turn(Instant now,
                                                                       WallInstant wall);

  [[nodiscard]] const TransitionReader& reader() const noexcept { return reader_; }

  // Where to leave a trace of what is written, from now on; null: nowhere.
  void LeaveTraces(Trail* trail) noexcept { trail_ = trail; }

  // Who has something to say between, from now on; null: nobody.
  void Heed(Commentary* commentary) noexcept { commentary_ = commentary; }

 private:
  void SkipJournaled();
  [[nodiscard]] DeliveryRecord ResetRecord(WallInstant wall) const noexcept;
  [[nodiscard]] bool AnnounceReset(Instant now, WallInstant wall);
  [[nodiscard]] bool TellNews(Instant now);
  [[nodiscard]] std::size_t Write(std::span<const Told> told, Instant now, Duration wall_offset);

  Journal* journal_;
  TransitionReader reader_;
  std::uint64_t most_unreleased_;  // transitions that all rings hold together
  std::uint32_t generation_;
  Trail* trail_ = nullptr;
  Commentary* commentary_ = nullptr;
  bool must_reset_ = false;
  std::vector<DeliveryRecord> records_;
};

// The record of a transition; the journal will number and seal it. `wall_offset` is wall clock less
// monotonic clock.
[[nodiscard]] DeliveryRecord RecordOf(const Told& told,
                                      std::uint32_t generation,
                                      Duration wall_offset) noexcept;

}  // namespace flatline
