#include "control/contracts/track_record.h"

#include <algorithm>
#include <utility>

namespace flatline {
namespace {

bool IsLiveness(std::uint8_t value, Liveness liveness) {
  return value == static_cast<std::uint8_t>(liveness);
}

// Of what stands in the file, what cannot be believed.
std::size_t CountTorn(const TrackFile& file) {
  const auto tracks = std::ranges::count_if(
      file.profiles, [](const TwoCopies<ContractTrack>& copies) { return IsTorn(copies); });
  const auto deaths = std::ranges::count_if(file.deaths, [](const OpenDeath& death) {
    return death.endpoint != kNoEndpoint && death.crc != CrcOf(death);
  });
  return static_cast<std::size_t>(tracks + deaths);
}

}  // namespace

std::expected<std::unique_ptr<TrackRecord>, std::string> TrackRecord::Open(
    const std::string& path, const Contracts& contracts, std::uint64_t newest, WallInstant wall) {
  auto file = KeptFile::Open(path, sizeof(TrackFile), "what became of contracts");
  if (!file) {
    return std::unexpected(file.error());
  }
  std::unique_ptr<TrackRecord> out(new TrackRecord(std::move(*file)));
  out->Load(contracts, newest, wall);
  return out;
}

TrackRecord::TrackRecord(KeptFile kept) : kept_(std::move(kept)), file_(kept_.As<TrackFile>()) {}

// Numbers beyond the journal's newest were lost with the disk's power: they will be others.
void TrackRecord::Load(const Contracts& contracts, std::uint64_t newest, WallInstant wall) {
  if (file_->magic != kTrackMagic) {
    file_->upto = newest;
    file_->magic = kTrackMagic;
    kept_.Save(file_->upto);
    kept_.Save(file_->magic);
  }
  kept_.SayTorn(CountTorn(*file_));
  upto_ = std::min(file_->upto, newest);
  for (ProfileId profile = 0; profile < kMaxProfiles; ++profile) {
    ContractTrack& track = tracks_.at(profile);
    track = Latest(file_->profiles.at(profile));
    track.sequence = std::min(track.sequence, newest);
    const Promise& promise = contracts.at(profile).promise;
    if (contracts.at(profile).is_made() ? track.is_kept_for(promise) : track.since_ns == 0) {
      continue;
    }
    const std::uint64_t version = track.version;
    track = {};
    track.version = version;
    if (contracts.at(profile).is_made()) {
      track.sequence = newest;
      track.since_ns = wall.time_since_epoch().count();
      track.detection_ns = promise.detection.count();
      track.recurrence_ns = promise.recurrence.count();
      track.mistake_ns = promise.mistake.count();
    }
    KeepTrack(profile);
  }
  std::uint64_t latest = 0;
  for (std::size_t place = 0; place < kMostOpenDeaths; ++place) {
    const OpenDeath death = file_->deaths.at(place);
    if (!death.is_possible() || death.crc != CrcOf(death) || death.sequence > newest ||
        !places_.emplace(death.endpoint, place).second) {
      PutDeath(place, {});
    } else if (death.sequence > latest) {
      latest = death.sequence;
      next_ = (place + 1) % kMostOpenDeaths;
    }
  }
}

void TrackRecord::PutDeath(std::size_t place, const OpenDeath& death) {
  file_->deaths.at(place) = death;
  kept_.Save(file_->deaths.at(place));
}

void TrackRecord::KeepTrack(ProfileId profile) {
  Keep(tracks_.at(profile), file_->profiles.at(profile));
  kept_.Save(file_->profiles.at(profile));
}

void TrackRecord::Take(const DeliveryRecord& record) {
  // A reset is said before it has been numbered, too.
  if (record.sequence <= upto_ && record.sequence != 0) {
    return;
  }
  if (record.kind == RecordKind::kReset) {
    ForgetAll();
  }
  if (record.sequence == 0) {
    return;
  }
  if (record.kind == RecordKind::kLiveness) {
    TakeChange(record);
  }
  upto_ = record.sequence;
  file_->upto = upto_;
  kept_.Save(file_->upto);
}

void TrackRecord::TakeChange(const DeliveryRecord& record) {
  if (record.profile >= kMaxProfiles || tracks_.at(record.profile).since_ns == 0) {
    return;
  }
  ContractTrack& track = tracks_.at(record.profile);
  // Else a predecessor was killed behind this entry.
  const bool is_new = record.sequence > track.sequence;
  const bool was_dead = IsLiveness(record.from, Liveness::kDead);
  if (is_new) {
    track.sequence = record.sequence;
    if (IsLiveness(record.to, Liveness::kDead) && !IsLiveness(record.from, Liveness::kUnknown)) {
      CountDeath(record);
    } else if (was_dead && IsLiveness(record.to, Liveness::kAlive)) {
      CountReturn(record);
    } else if (IsLiveness(record.from, Liveness::kSuspect) &&
               IsLiveness(record.to, Liveness::kAlive) &&
               record.reason != static_cast<std::uint8_t>(Reason::kRestarted)) {
      ++track.withdrawn;
    }
    KeepTrack(record.profile);
  }
  if (IsLiveness(record.to, Liveness::kDead)) {
    Remember(record);
  } else if (was_dead) {
    Forget(record.endpoint);
  }
}

void TrackRecord::CountDeath(const DeliveryRecord& record) {
  if ((record.marks & kMarkMaintenance) != 0) {
    return;
  }
  ContractTrack& track = tracks_.at(record.profile);
  ++track.deaths;
  track.late += record.silence_ns > track.detection_ns ? 1 : 0;
  track.silence_sum_ns += static_cast<double>(record.silence_ns);
  track.silence_most_ns = std::max(track.silence_most_ns, record.silence_ns);
}

// Who restarted had been dead.
void TrackRecord::CountReturn(const DeliveryRecord& record) {
  const auto known = places_.find(record.endpoint);
  const OpenDeath death = known != places_.end() ? file_->deaths.at(known->second) : OpenDeath{};
  const std::uint32_t marks = death.marks | record.marks;
  if (record.reason == static_cast<std::uint8_t>(Reason::kRestarted) ||
      (marks & kMarkMaintenance) != 0) {
    return;
  }
  ContractTrack& track = tracks_.at(record.profile);
  ++track.mistakes;
  track.of_masses += (marks & kMarkMassFailure) != 0 ? 1 : 0;
  if (known == places_.end()) {
    ++track.unmeasured;
    return;
  }
  const std::int64_t stood = std::max<std::int64_t>(record.at_ns - death.at_ns, 0);
  track.mistake_sum_ns += static_cast<double>(stood);
  track.mistake_most_ns = std::max(track.mistake_most_ns, stood);
}

void TrackRecord::Remember(const DeliveryRecord& record) {
  const auto known = places_.find(record.endpoint);
  std::size_t place = next_;
  if (known != places_.end()) {
    place = known->second;
  } else {
    const EndpointId oldest = file_->deaths.at(place).endpoint;
    if (oldest != kNoEndpoint && (record.marks & kMarkMassFailure) != 0) {
      return;  // a whole fleet would drive out all that is known
    }
    places_.erase(oldest);
    places_.emplace(record.endpoint, place);
    next_ = (next_ + 1) % kMostOpenDeaths;
  }
  OpenDeath death{.endpoint = record.endpoint,
                  .sequence = record.sequence,
                  .at_ns = record.at_ns,
                  .marks = record.marks};
  death.crc = CrcOf(death);
  PutDeath(place, death);
}

void TrackRecord::Forget(EndpointId id) {
  if (const auto known = places_.find(id); known != places_.end()) {
    PutDeath(known->second, {});
    places_.erase(known);
  }
}

void TrackRecord::ForgetAll() {
  for (const auto& [id, place] : places_) {
    PutDeath(place, {});
  }
  places_.clear();
  next_ = 0;
}

void TrackRecord::Watched(ProfileId profile, std::uint32_t endpoints, Duration time) {
  ContractTrack& track = tracks_.at(profile);
  if (track.since_ns != 0 && endpoints != 0 && time > Duration{}) {
    track.watched_ns += static_cast<double>(endpoints) * static_cast<double>(time.count());
    KeepTrack(profile);
  }
}

bool TrackRecord::Measured(ProfileId profile,
                           const LossCounts& losses,
                           const BeatFindings& beats,
                           bool can_be_kept,
                           WallInstant wall) {
  ContractTrack& track = tracks_.at(profile);
  const std::int64_t now = wall.time_since_epoch().count();
  track.measured_ns = now;
  track.loss = losses.loss();
  track.loss_behind_loss = losses.loss_behind_loss();
  track.interval_ns = beats.interval.count();
  track.jitter_ns = beats.jitter.count();
  track.worst_jitter_ns = beats.worst_jitter.count();
  track.endpoints = beats.endpoints;
  track.keep = beats.keep;
  const bool is_news = can_be_kept != (track.broken_ns == 0);
  if (is_news) {
    track.broken_ns = can_be_kept ? 0 : now;
  }
  KeepTrack(profile);
  return is_news;
}

}  // namespace flatline
