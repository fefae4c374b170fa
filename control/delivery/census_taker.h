// Keeps a census going: takes it from a snapshot, follows the journal with it, and takes it anew,
// at a bounded rate, where something happened of which the journal does not tell, or the roster
// became another and its filter goes by that. One for all summary subscribers of a publisher thread
// with the same filter, gone with the last of them; used by that thread alone.
// Bounds: memory by the number of groups; at most a tenth of the time is spent on counting anew.
// Cost: one look at each record of the journal, and nothing while nothing happens.
//
//   kRests --(none yet, or unsettled; the pause is over)--> kAsks --(granted)--> kCounts
//     ^                                                       | refused            | rows, then the
//     '-------------------------------------------------------+--------------------'  journal since
#pragma once

#include "control/delivery/census.h"
#include "control/delivery/outgoing.h"
#include "control/delivery/refusal.h"
#include "control/delivery/stream.h"
#include "control/filter/filter_pool.h"
#include "control/journal/readable_journal.h"
#include "control/snapshot/snapshot_job.h"
#include "control/snapshot/snapshot_origin.h"

#include <flatline/time.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace flatline {

// What it asks of others, on its own thread.
struct CensusSources {
  std::function<std::expected<std::shared_ptr<SnapshotTicket>, Refusal>()> ask_for_snapshot;
  // Grows with whatever changes endpoints in silence: commands that were carried out.
  std::function<std::uint64_t()> silent_changes;
  std::function<std::shared_ptr<SnapshotJob>(std::shared_ptr<const SnapshotTicket>)> make_job;
  SnapshotJob::Run run;
  Stream::RosterNow roster;  // for the names of groups
};

class CensusTaker {
 public:
  // Records looked at in one call.
  static constexpr std::size_t kMostScanned = 65536;
  // Between two counts; ten times what the last one took where that is more.
  static constexpr Duration kLeastPause{1'000'000'000};

  // `filter`: who is counted, by what they are; null: everybody.
  CensusTaker(const JournalReader& journal,
              CensusSources sources,
              std::shared_ptr<const CompiledFilter> filter);

  [[nodiscard]] const std::shared_ptr<const CompiledFilter>& filter() const noexcept {
    return filter_;
  }

  // One step for each `now`, whoever of its subscribers asks. True: there is more to do at once.
  [[nodiscard]] bool Follow(Instant now, WallInstant wall);

  // There is something to tell, and it is true as of this sequence.
  [[nodiscard]] bool is_ready() const noexcept { return census_.has_value(); }

  [[nodiscard]] std::uint64_t sequence() const noexcept { return sequence_; }

  // Nothing where it is not ready. A frame for each of these groups (none: for those in which there
  // is somebody), then their sum. Made once for all who want the same of the same sequence. With
  // names: of groups that have one.
  [[nodiscard]] Outgoing Tell(std::span<const Group> groups, bool with_names, WallInstant wall);

 private:
  enum class Stage : std::uint8_t { kRests, kAsks, kCounts };

  void FollowWhatIs();
  void FollowRoster(Instant now);
  [[nodiscard]] bool Counts(const DeliveryRecord& record) const noexcept;
  void Begin(Instant now);
  void CountRows(Instant now, WallInstant wall);
  void Finish(bool is_whole, Instant now);
  [[nodiscard]] bool FollowJournal(Census& census, std::uint64_t& sequence) const;
  [[nodiscard]] std::vector<DeliveryRecord> Encode(const Census& census,
                                                   std::span<const Group> groups,
                                                   bool with_names,
                                                   WallInstant wall) const;

  const JournalReader* journal_;
  CensusSources sources_;
  std::shared_ptr<const CompiledFilter> filter_;
  std::shared_ptr<const FilterProgram> program_;  // by the roster of now; null: everybody
  std::optional<Census> census_;  // nothing: none was taken yet, or the journal has lost records
  std::uint64_t sequence_ = 0;    // as of which it is true
  std::uint64_t silent_changes_ = 0;  // when it was begun

  Stage stage_ = Stage::kRests;
  Instant rests_until_{};
  Instant began_{};
  std::shared_ptr<SnapshotTicket> ticket_;
  std::shared_ptr<SnapshotJob> job_;
  Census next_;  // being taken
  std::uint64_t next_silent_changes_ = 0;
  std::shared_ptr<const std::vector<DeliveryRecord>> told_;  // of all groups, without names
  std::uint64_t told_sequence_ = 0;
  bool told_settled_ = false;
  Instant followed_{};
  bool is_behind_ = false;
};

}  // namespace flatline
