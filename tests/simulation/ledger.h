// What a simulated control must have in its journal, kept beside it: every transition as a worker
// put it into its ring, and every record as it was journaled. Holds the one against the other after
// each step: each transition once, whole, in its worker's order, and nothing given back to the
// rings that the journal has not. Faults as sentences; none is the pass. One thread.
#pragma once

#include "control/journal/journal.h"
#include "tests/simulation/digest.h"

#include <flatline/delivery.h>
#include <flatline/region.h>
#include <flatline/time.h>
#include <flatline/transition.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace flatline {

class Ledger {
 public:
  struct Entry {
    DeliveryRecord record;
    bool is_safe = false;  // on the disk: no loss of power takes it
    bool is_lost = false;  // one did
  };

  // `wall` is the wall clock less the monotonic one, throughout.
  Ledger(const RegionView& region, Duration wall, Digest& digest)
      : region_(region), wall_(wall), digest_(&digest) {}

  // After a turn of a worker.
  void ReadRing(unsigned worker);

  // The region has been formatted anew: its rings are empty, and what was in them is gone.
  void BeginRegion();

  // Looks at what was journaled since the last time, then at what was given back.
  void Audit(const Journal& journal);

  // Nothing was given back that had not been journaled by the last Audit.
  void CheckTails();

  // A journal that was opened again, after a kill: nothing of it is missing, nothing is new.
  void CheckReopened(const Journal& journal);

  // Likewise after a loss of power: what was safe is there, what is there is as it was. From here
  // on numbers may be given out again.
  void CheckSurvived(const Journal& journal);

  // These are on the disk.
  void SaySafe(std::uint64_t first, std::uint64_t last);

  // When everything has settled: all was journaled.
  void CheckComplete();

  [[nodiscard]] std::uint64_t newest() const { return entries_.size(); }

  [[nodiscard]] const DeliveryRecord& record(std::uint64_t sequence) const {
    return entries_[sequence - 1].record;
  }

  // True where no subscriber can be told of it any more.
  [[nodiscard]] bool IsGone(std::uint64_t sequence) const {
    return sequence < oldest_ || entries_[sequence - 1].is_lost;
  }

  // Who was what by the journal up to `sequence`; unknown ones left out.
  [[nodiscard]] std::map<EndpointId, Liveness> LivenessAt(std::uint64_t sequence) const;

  // Who held which lease then, and by which token.
  using Leases =
      std::map<std::pair<std::uint8_t, std::uint64_t>, std::pair<EndpointId, std::uint64_t>>;
  [[nodiscard]] Leases LeasesAt(std::uint64_t sequence) const;

  // As a record of a lease says it: which one, and who has it by which token.
  [[nodiscard]] static Leases::value_type LeaseIn(const DeliveryRecord& record);

  // Whose changes were suppressed then.
  [[nodiscard]] std::set<EndpointId> FlappingAt(std::uint64_t sequence) const;

  // Records of changes that were suppressed.
  [[nodiscard]] std::uint64_t suppressed() const { return suppressed_; }

  // Whether `sequence` is behind the reset of the region that there is.
  [[nodiscard]] bool IsOfThisRegion(std::uint64_t sequence) const {
    return reset_at_ != 0 && sequence >= reset_at_;
  }

  [[nodiscard]] const std::vector<std::string>& faults() const { return faults_; }

 private:
  struct State {
    std::uint8_t liveness = 0;
    std::uint8_t health = 0;
  };

  // What damping must know of an endpoint, by the records alone.
  struct Flaps {
    double penalty = 0;
    std::int64_t at_ns = 0;
    bool suppressed = false;
    std::uint32_t count = 0;
  };

  void Take(const DeliveryRecord& record);
  void CheckChain(const DeliveryRecord& record);
  void TakeComment(const DeliveryRecord& record);
  void TakeFlapping(const DeliveryRecord& record);
  void CheckSuppressed(const DeliveryRecord& record);
  void Fault(const std::string& sentence);

  RegionView region_;
  Duration wall_;
  Digest* digest_;
  std::array<std::vector<Transition>, kMaxWorkers> rings_{};
  std::array<std::uint64_t, kMaxWorkers> journaled_{};  // of each ring
  std::vector<Entry> entries_;
  std::uint64_t oldest_ = 1;
  std::uint64_t reset_at_ = 0;  // 0: not yet
  std::unordered_map<EndpointId, State> states_;
  std::unordered_map<EndpointId, Flaps> flaps_;
  std::uint64_t suppressed_ = 0;
  std::vector<std::string> faults_;
};

}  // namespace flatline
