#include "control/journal/scribe.h"

#include <algorithm>
#include <array>

namespace flatline {

DeliveryRecord RecordOf(const Told& told, std::uint32_t generation, Duration wall_offset) noexcept {
  const Transition& transition = told.transition;
  DeliveryRecord out;
  out.at_ns = (transition.at.time_since_epoch() + wall_offset).count();
  out.endpoint = transition.id;
  out.silence_ns = transition.silence.count();
  out.incarnation = transition.incarnation;
  out.heartbeat_sequence = transition.sequence;
  out.group = transition.group;
  out.ring_position = static_cast<std::uint32_t>(told.position);
  out.profile = static_cast<std::uint8_t>(transition.profile);
  out.kind = static_cast<RecordKind>(transition.kind);
  out.from = transition.from;
  out.to = transition.kind == TransitionKind::kBlind ? transition.port : transition.to;
  out.reason = static_cast<std::uint8_t>(transition.reason);
  out.health = transition.health;
  out.marks = static_cast<std::uint8_t>(transition.evidence << kEvidenceShift);
  out.worker = told.worker;
  out.generation = generation;
  return out;
}

Scribe::Scribe(const RegionView& region, Journal& journal)
    : journal_(&journal),
      reader_(region),
      most_unreleased_(std::uint64_t{region.shape().workers} * region.shape().transition_capacity),
      generation_(GenerationOf(region.header().generation)) {
  SkipJournaled();
}

// What is journaled and not yet released is among the last records that all rings can hold.
void Scribe::SkipJournaled() {
  std::uint64_t reach = most_unreleased_ + 1;
  RingPositions skip_to{};
  must_reset_ = true;
  for (std::uint64_t sequence = journal_->newest();
       reach != 0 && sequence >= journal_->oldest() && sequence != 0;
       --sequence) {
    --reach;
    const Journal::Range range = journal_->From(sequence, 1);
    if (range.records.empty()) {
      continue;  // damaged
    }
    const DeliveryRecord& record = range.records.front();
    if (record.generation != generation_) {
      break;
    }
    must_reset_ = false;
    if (record.kind == RecordKind::kReset || record.worker >= reader_.workers()) {
      ++reach;  // out of no ring
      continue;
    }
    // The record has the low half of the position; the tail is near enough for the rest.
    const std::uint64_t tail = reader_.tail(record.worker);
    const auto ahead =
        static_cast<std::int32_t>(record.ring_position + 1U - static_cast<std::uint32_t>(tail));
    if (ahead > 0) {
      skip_to[record.worker] =
          std::max(skip_to[record.worker], tail + static_cast<std::uint64_t>(ahead));
    }
  }
  const RingPositions heads = reader_.Heads();
  for (unsigned worker = 0; worker < reader_.workers(); ++worker) {
    if (skip_to[worker] > reader_.tail(worker) && skip_to[worker] <= heads[worker]) {
      reader_.SkipTo(worker, skip_to[worker]);
    }
  }
}

DeliveryRecord Scribe::ResetRecord(WallInstant wall) const noexcept {
  DeliveryRecord reset;
  reset.kind = RecordKind::kReset;
  reset.at_ns = wall.time_since_epoch().count();
  reset.generation = generation_;
  return reset;
}

bool Scribe::AnnounceReset(Instant now, WallInstant wall) {
  DeliveryRecord reset = ResetRecord(wall);
  return journal_->Append({&reset, 1}, now) == 1;
}

// False: there was no room for all of it, nor is there for what comes behind it.
bool Scribe::TellNews(Instant now) {
  if (commentary_ == nullptr) {
    return true;
  }
  const std::span<DeliveryRecord> news = commentary_->News();
  if (news.empty()) {
    return true;
  }
  for (DeliveryRecord& record : news) {
    record.worker = Commentary::kNoWorker;
    record.generation = generation_;
  }
  const std::size_t count = news.size();
  const std::size_t written = journal_->Append(news, now);
  commentary_->Told(written);
  return written == count;
}

std::expected<std::span<const Told>, std::string> Scribe::Turn(Instant now, WallInstant wall) {
  if (must_reset_) {
    if (!AnnounceReset(now, wall)) {
      return std::span<const Told>{};
    }
    must_reset_ = false;
    if (commentary_ != nullptr) {
      commentary_->Take(ResetRecord(wall), kNoPort);
    }
  }
  if (!TellNews(now)) {
    return std::span<const Told>{};
  }
  const auto told = reader_.Read(now, kBatch);
  if (!told || told->empty()) {
    return told;
  }
  const Duration wall_offset = wall.time_since_epoch() - now.time_since_epoch();
  std::size_t written = 0;
  while (written < told->size()) {
    const auto part = told->subspan(written, std::min(kPart, told->size() - written));
    const std::size_t of_part = Write(part, now, wall_offset);
    written += of_part;
    if (of_part < part.size() || !TellNews(now)) {
      break;
    }
  }
  reader_.Release(written);
  return told->first(written);
}

std::size_t Scribe::Write(std::span<const Told> told, Instant now, Duration wall_offset) {
  records_.clear();
  std::uint64_t sequence = journal_->newest();
  for (const Told& one : told) {
    if (trail_ != nullptr) {
      // Before anybody can see the record.
      trail_->Put(++sequence, {one.transition.slot, one.transition.liveness});
    }
    records_.push_back(RecordOf(one, generation_, wall_offset));
    if (commentary_ != nullptr) {
      commentary_->Mark(records_.back());
    }
  }
  const std::size_t written = journal_->Append(records_, now);
  if (commentary_ != nullptr) {
    for (std::size_t i = 0; i < written; ++i) {
      commentary_->Take(records_[i], PortOf(reader_.region(), told[i].transition.slot));
    }
  }
  return written;
}

}  // namespace flatline
