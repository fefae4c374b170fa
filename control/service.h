// Control without its sockets and its publishers: transitions from the region into the journal,
// commands carried out, places and snapshots granted. One turn at a time, as of the `now` given, on
// the control loop's thread; what outlets ask of it, they may ask from theirs. Assumes a region
// stays mapped from Join to Leave, and behind that while the owner given to Join is held. Cost of
// an idle turn: a look at every ring.
#pragma once

#include "control/delivery/administration.h"
#include "control/delivery/bell.h"
#include "control/delivery/cursors.h"
#include "control/delivery/dismissals.h"
#include "control/delivery/gatekeeper.h"
#include "control/delivery/refusal.h"
#include "control/delivery/suspicion_frames.h"
#include "control/filter/filter_pool.h"
#include "control/journal/journal.h"
#include "control/journal/scribe.h"
#include "control/journal/trail.h"
#include "control/roster/roster_watch.h"
#include "control/snapshot/snapshot_origin.h"
#include "control/snapshot/snapshot_queue.h"

#include <flatline/region.h>
#include <flatline/time.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace flatline {

struct ServiceOptions {
  Duration bookmark{1'000'000'000};
  std::uint32_t subscribers = 1024;
  std::uint64_t first_serial = 0;  // of administration: a clock
  std::string roster{};            // its file; empty: there is none
  std::string tokens{};            // file of them; empty: none
  MassFailureSettings mass_failures{};
  FlapSettings flapping{};
};

class Service {
 public:
  // Connections beyond the subscribers, for the Unix socket alone: administrators, and those about
  // to be told to go.
  static constexpr std::size_t kSpareSessions = 64;
  // Of the subscribers' places so many at most, and an eighth, are not for TCP.
  static constexpr std::uint32_t kLocalPlaces = 16;
  // How often is looked whether the files that are kept are what they should be.
  static constexpr Duration kMendInterval{1'000'000'000};

  Service(const ServiceOptions& options, std::unique_ptr<Journal> journal);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // The control loop's. `keep` holds the mapping.
  void Join(const RegionView& region, std::shared_ptr<const void> keep = nullptr);
  void Leave();

  // True when there is nothing in the rings that the journal has not.
  [[nodiscard]] bool drained() const noexcept;

  // True when there was work: come again soon. The error says that the region is not sound.
  [[nodiscard]] std::expected<bool, std::string> Turn(Instant now, WallInstant wall);

  [[nodiscard]] Journal& journal() noexcept { return *journal_; }

  // The journal's, or, where that is well, of the files kept beside it.
  [[nodiscard]] JournalHealth health() const noexcept;

  // Something that is read anew on SIGHUP: what is in force then, in words, or why that stays as it
  // was. Called on the control loop.
  using Reloadable = std::function<std::expected<std::string, std::string>()>;

  void OnReload(Reloadable reloadable) { reloadables_.push_back(std::move(reloadable)); }

  // All of them, one after the other, with a line in the log for each.
  void Reload();

  // What was told may be sent now: after Journal::Synced.
  void RingBells();

  // Before the first outlet; without it there are no cursors.
  void KeepCursors(std::unique_ptr<Cursors> cursors) { cursors_ = std::move(cursors); }

  // Before the first region; without it there is no maintenance.
  void KeepMaintenance(std::unique_ptr<Maintenance> maintenance);

  // Likewise; without it nothing is suppressed.
  void KeepDamping(std::unique_ptr<Damping> damping) { commentary_.Damp(std::move(damping)); }

  // Likewise; without it nobody looks whether promises are kept.
  void WatchContracts(std::unique_ptr<ContractWatch> contracts) {
    commentary_.Watch(std::move(contracts));
  }

  // The control loop's; null: there is none.
  [[nodiscard]] const Damping* damping() noexcept { return commentary_.damping(); }

  // For outlets, on any thread.
  [[nodiscard]] Cursors* cursors() noexcept { return cursors_.get(); }

  [[nodiscard]] const ServiceOptions& options() const noexcept { return options_; }

  [[nodiscard]] const ReadableJournal& readable() const noexcept { return journal_->readable(); }

  [[nodiscard]] const Trail& trail() const noexcept { return trail_; }

  [[nodiscard]] FilterPool& filters() noexcept { return filters_; }

  [[nodiscard]] Gatekeeper& gatekeeper() noexcept { return gatekeeper_; }

  [[nodiscard]] Administration& administration() noexcept { return administration_; }

  [[nodiscard]] Dismissals& dismissals() noexcept { return dismissals_; }

  // A place among the subscribers, to be left again. The last ones are for the Unix socket, so that
  // no crowd on the network keeps the operator out.
  [[nodiscard]] std::expected<void, Refusal> TakePlace(bool is_local);

  void LeavePlace() noexcept { subscribers_.fetch_sub(1); }

  [[nodiscard]] SnapshotQueue& snapshots() noexcept { return snapshots_; }

  // Null: there is none.
  [[nodiscard]] std::shared_ptr<const RegionAtHand> region() const;

  // Rung when there may be something to do.
  void Enter(std::shared_ptr<Bell> bell);
  void Exit(const std::shared_ptr<Bell>& bell);

 private:
  [[nodiscard]] SnapshotOrigin OriginNow();
  void PutAtHand(std::shared_ptr<const RegionAtHand> region);
  void ReportTrouble(Instant now);
  void MendKeptFiles(Instant now);
  void GoBy(const RosterWatch::Opened& roster);

  ServiceOptions options_;
  std::unique_ptr<Journal> journal_;
  Trail trail_;
  Commentary commentary_;
  bool has_replayed_ = false;
  std::unique_ptr<Cursors> cursors_;
  Administration administration_;
  Gatekeeper gatekeeper_;
  std::vector<Reloadable> reloadables_;
  Dismissals dismissals_;
  std::optional<Scribe> scribe_;
  std::shared_ptr<const void> keep_;
  std::shared_ptr<std::atomic<bool>> left_;
  SnapshotQueue snapshots_;
  Instant complain_at_{};
  bool has_complained_ = false;  // of an error, the last time
  Instant mend_at_{};
  Instant kept_failing_since_{};  // zero: the files beside the journal are as they should be
  int kept_fault_ = 0;            // errno of why one of them cannot be made anew
  RosterWatch roster_;
  FilterPool filters_;

  std::atomic<std::uint32_t> subscribers_{0};
  mutable std::mutex mutex_;  // of all that follows
  std::vector<std::shared_ptr<Bell>> bells_;
  std::shared_ptr<const RegionAtHand> region_;
};

}  // namespace flatline
