#include "control/delivery/census_taker.h"

#include "control/delivery/frames.h"
#include "control/delivery/name_frames.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace flatline {
namespace {

constexpr std::int64_t kPauseFactor = 10;

void Add(const SummaryCounts& counts, SummaryCounts& to) {
  for (std::size_t i = 0; i < to.liveness.size(); ++i) {
    to.liveness[i] += counts.liveness[i];
  }
  to.degraded += counts.degraded;
  to.failing += counts.failing;
}

}  // namespace

CensusTaker::CensusTaker(const JournalReader& journal,
                         CensusSources sources,
                         std::shared_ptr<const CompiledFilter> filter)
    : journal_(&journal),
      sources_(std::move(sources)),
      filter_(std::move(filter)),
      program_(filter_ ? filter_->program() : nullptr) {}

bool CensusTaker::Follow(Instant now, WallInstant wall) {
  if (now == followed_) {
    return is_behind_;
  }
  followed_ = now;
  FollowRoster(now);
  FollowWhatIs();
  const bool is_wanted = !census_ || !census_->is_settled();
  if (stage_ != Stage::kRests) {
    CountRows(now, wall);
  } else if (is_wanted && now >= rests_until_) {
    Begin(now);
  }
  is_behind_ = census_ && sequence_ != journal_->newest();
  return is_behind_;
}

// Who comes and goes by another roster is in no record: what was counted by the one before is in
// doubt, and what is being counted is void.
void CensusTaker::FollowRoster(Instant now) {
  auto program = filter_ ? filter_->program() : nullptr;
  if (program == program_) {
    return;
  }
  program_ = std::move(program);
  if (census_) {
    census_->Unsettle();
  }
  if (stage_ != Stage::kRests) {
    Finish(false, now);
  }
}

// A filter by what endpoints are asks of a change what it asks of a row.
bool CensusTaker::Counts(const DeliveryRecord& record) const noexcept {
  const bool is_of_one = record.kind == RecordKind::kLiveness ||
                         record.kind == RecordKind::kHealth ||
                         record.kind == RecordKind::kSnapshotRow;
  return !program_ || !is_of_one || program_->WantsRow(record);
}

void CensusTaker::FollowWhatIs() {
  if (census_ && sources_.silent_changes() != silent_changes_) {
    census_->Unsettle();
  }
  if (census_ && !FollowJournal(*census_, sequence_)) {
    census_.reset();  // what is lost cannot be counted
  }
}

void CensusTaker::Begin(Instant now) {
  began_ = now;
  next_ = {};
  next_silent_changes_ = sources_.silent_changes();  // before the snapshot is
  auto ticket = sources_.ask_for_snapshot();
  if (!ticket) {
    Finish(false, now);
    return;
  }
  ticket_ = std::move(*ticket);
  stage_ = Stage::kAsks;
}

void CensusTaker::CountRows(Instant now, WallInstant wall) {
  if (stage_ == Stage::kAsks) {
    if (ticket_->is_cancelled()) {
      Finish(false, now);
    } else if (ticket_->is_granted() && ticket_->origin().sequence <= journal_->newest()) {
      job_ = sources_.make_job(ticket_);
      stage_ = Stage::kCounts;
      job_->Start(sources_.run, wall);
    }
    return;
  }
  if (job_->is_void()) {
    Finish(false, now);
    return;
  }
  if (!job_->is_done()) {
    job_->Start(sources_.run, wall);
    return;
  }
  std::vector<DeliveryRecord> rows;
  const Snapshot::Progress progress = job_->Take(rows);
  for (const DeliveryRecord& row : rows) {
    if (Counts(row)) {
      next_.Count(row);
    }
  }
  if (progress == Snapshot::Progress::kDone || progress == Snapshot::Progress::kTooMuch) {
    Finish(progress == Snapshot::Progress::kDone, now);
  } else if (progress == Snapshot::Progress::kRows) {
    job_->Start(sources_.run, wall);
  }
}

// What was counted holds as of the snapshot's sequence; the journal leads on from there, in the
// next calls.
void CensusTaker::Finish(bool is_whole, Instant now) {
  if (is_whole) {
    census_ = std::move(next_);
    sequence_ = job_->sequence();
    silent_changes_ = next_silent_changes_;
  }
  job_.reset();
  ticket_.reset();
  next_ = {};
  stage_ = Stage::kRests;
  rests_until_ = now + std::max(kLeastPause, (now - began_) * kPauseFactor);
}

// False: the journal has not all that is between.
bool CensusTaker::FollowJournal(Census& census, std::uint64_t& sequence) const {
  std::size_t left = kMostScanned;
  while (sequence < journal_->newest() && left != 0) {
    if (sequence + 1 < journal_->oldest()) {
      return false;
    }
    const JournalRange range = journal_->From(sequence + 1, left);
    if (range.is_coming) {
      return true;  // the disk was asked for it: in another step
    }
    if (range.hole_until != 0 || range.records.empty()) {
      return false;
    }
    for (const DeliveryRecord& record : range.records) {
      if (Counts(record)) {
        census.Take(record);
      }
    }
    sequence += range.records.size();
    left -= range.records.size();
  }
  return true;
}

Outgoing CensusTaker::Tell(std::span<const Group> groups, bool with_names, WallInstant wall) {
  if (!census_) {
    return {};
  }
  const bool is_settled = census_->is_settled();
  const bool is_shared = groups.empty() && !with_names;
  if (is_shared && told_ && told_sequence_ == sequence_ && told_settled_ == is_settled) {
    return {std::as_bytes(std::span(*told_)), told_};
  }
  auto frames = std::make_shared<const std::vector<DeliveryRecord>>(
      groups.empty() ? Encode(*census_, census_->groups(), with_names, wall)
                     : Encode(*census_, groups, with_names, wall));
  if (is_shared) {
    told_ = frames;
    told_sequence_ = sequence_;
    told_settled_ = is_settled;
  }
  const auto bytes = std::as_bytes(std::span(*frames));
  return {bytes, std::move(frames)};
}

std::vector<DeliveryRecord> CensusTaker::Encode(const Census& census,
                                                std::span<const Group> groups,
                                                bool with_names,
                                                WallInstant wall) const {
  const auto roster = with_names ? sources_.roster() : nullptr;
  const bool is_settled = census.is_settled();
  SummaryCounts sum;
  std::vector<DeliveryRecord> out;
  out.reserve(groups.size() + 1);
  for (const Group group : groups) {
    const SummaryCounts counts = census.Of(group);
    Add(counts, sum);
    std::array<DeliveryRecord, kMostNameParts> name;
    const std::string_view text =
        roster ? roster->GroupName(group).substr(0, kMostNameParts * kNamePartSize)
               : std::string_view{};
    const DeliveryRecord* const end = WriteName(text, sequence_, name.data());
    out.insert(out.end(), static_cast<const DeliveryRecord*>(name.data()), end);
    out.push_back(frames::Summary({counts, group, false, is_settled}, sequence_, wall));
  }
  out.push_back(frames::Summary({sum, kNoGroup, true, is_settled}, sequence_, wall));
  return out;
}

}  // namespace flatline
