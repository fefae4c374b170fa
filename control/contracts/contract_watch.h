// Watches whether promises are kept, and can be: hands the track record what was told and how long
// how many were watched, and looks at the paths of a few endpoints of each profile that has a
// contract, window after window. When a path no longer lets a promise be kept, it says so in the
// log, with what would do, and again when it does. Called by the control loop. Bounds: kSample
// endpoints a profile; passes over the table to choose them anew for each window,
// kSlotsAtOnce a turn. Cost: without a contract none; else a few microseconds a turn.
#pragma once

#include "control/contracts/path_sample.h"
#include "control/contracts/track_record.h"
#include "control/region/membership.h"

#include <flatline/config.h>
#include <flatline/region.h>
#include <flatline/time.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace flatline {

class ContractWatch {
 public:
  static constexpr std::size_t kSample = 256;
  static constexpr std::size_t kSlotsAtOnce = 1'024;
  static constexpr Duration kDrawInterval{10'000'000'000};
  // A window is so many intervals, and no shorter than the other.
  static constexpr std::int64_t kBeatsAWindow = 64;
  static constexpr Duration kLeastWindow{10'000'000'000};
  // What was lost in a window counts for so much less in the next.
  static constexpr double kFades = 0.875;
  // How many are watched is asked this often; a longer pause was none of ours.
  static constexpr Duration kCountInterval{2'000'000'000};
  static constexpr Duration kLongestPause{60'000'000'000};

  ContractWatch(const Config& config, std::unique_ptr<TrackRecord> record);

  // It is in the journal.
  void Take(const DeliveryRecord& record) { record_->Take(record); }

  // As time passes. Null: there is no region.
  void Turn(const RegionView* region, const Membership& members, Instant now, WallInstant wall);

  // Another region.
  void Forget();

  // As KeptFile::Mend.
  [[nodiscard]] int Mend() { return record_->Mend(); }

  [[nodiscard]] const TrackRecord& record() const noexcept { return *record_; }

 private:
  struct Watched {
    ProfileId id = 0;
    Profile profile;
    Contract contract;
    PathSample sample;
    LossCounts losses{};      // of this window and, faded, of those before
    std::vector<Slot> drawn;  // in the pass that is running, of so many
    std::uint64_t met = 0;
    std::vector<Slot> next;  // drawn by the last one: for the next window
    Instant look_at{};
    Instant judge_at{};
    bool is_in_force = true;
  };

  void Begin(const RegionView& region, Instant now);
  void Draw(const RegionView& region, Instant now);
  void Meet(const EndpointRecord& record, Slot slot);
  void CountWatched(const Membership& members, Instant now);
  void Judge(Watched& watched, Instant now, WallInstant wall);
  void Tell(const Watched& watched,
            const Path& path,
            const BeatFindings& beats,
            bool is_kept) const;

  std::unique_ptr<TrackRecord> record_;
  std::vector<Watched> watched_;
  bool has_begun_ = false;
  std::size_t next_slot_ = 0;  // of the pass
  Instant draw_at_{};
  std::minstd_rand random_;
  Instant counted_{};
};

}  // namespace flatline
