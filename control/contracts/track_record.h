// What became of the promises: how long the dead had been silent, who came back from the dead in
// the same life, and how long he had stood for dead. Fed with every record that is journaled, in
// order, now or, at start, by a predecessor; its file knows up to which, so that each counts once
// wherever control is killed. Called by the control loop. Bounds: kMostOpenDeaths endpoints that
// are dead; where more are, the oldest makes room, but for one of a mass failure, and how long a
// mistake stood that is not known counts as unmeasured. Cost: some tens of nanoseconds for each
// change of an endpoint with a contract, a test for all others.
#pragma once

#include "control/contracts/path_sample.h"
#include "control/contracts/track_file.h"
#include "control/files/kept_file.h"

#include <flatline/config.h>
#include <flatline/delivery.h>
#include <flatline/time.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <unordered_map>

namespace flatline {

using Contracts = std::array<Contract, kMaxProfiles>;

class TrackRecord {
 public:
  // `path` is made if need be, and then knows nothing of what is in the journal up to `newest`. The
  // error is one line.
  [[nodiscard]] static std::expected<std::unique_ptr<TrackRecord>, std::string> Open(
      const std::string& path, const Contracts& contracts, std::uint64_t newest, WallInstant wall);

  TrackRecord(const TrackRecord&) = delete;
  TrackRecord& operator=(const TrackRecord&) = delete;

  // It is in the journal.
  void Take(const DeliveryRecord& record);

  // So many endpoints of this profile were watched for so long.
  void Watched(ProfileId profile, std::uint32_t endpoints, Duration time);

  // Their paths have been looked at, and whether these let the promise be kept. True where that is
  // another answer than the last time.
  bool Measured(ProfileId profile,
                const LossCounts& losses,
                const BeatFindings& beats,
                bool can_be_kept,
                WallInstant wall);

  // As KeptFile::Mend.
  [[nodiscard]] int Mend() { return kept_.Mend(); }

  [[nodiscard]] const ContractTrack& of(ProfileId profile) const { return tracks_.at(profile); }

 private:
  explicit TrackRecord(KeptFile kept);

  void Load(const Contracts& contracts, std::uint64_t newest, WallInstant wall);
  void TakeChange(const DeliveryRecord& record);
  void CountDeath(const DeliveryRecord& record);
  void CountReturn(const DeliveryRecord& record);
  void Remember(const DeliveryRecord& record);
  void Forget(EndpointId id);
  void ForgetAll();
  void KeepTrack(ProfileId profile);
  void PutDeath(std::size_t place, const OpenDeath& death);

  KeptFile kept_;
  TrackFile* file_;  // in it
  std::uint64_t upto_ = 0;
  std::array<ContractTrack, kMaxProfiles> tracks_{};
  std::unordered_map<EndpointId, std::size_t> places_;  // of the open deaths
  std::size_t next_ = 0;                                // place, the oldest of a ring that is full
};

}  // namespace flatline
