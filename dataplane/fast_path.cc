#include "dataplane/fast_path.h"

#include "dataplane/detector.h"

#include <flatline/check.h>
#include <flatline/heartbeat.h>
#include <flatline/wire.h>

#include <atomic>
#include <bit>
#include <cstring>

namespace flatline {
namespace {

// Frames between two stages: enough misses in flight to keep a core's buffers for them full, few
// enough that the frames are still in the first-level cache when they are stamped.
constexpr std::size_t kAhead = 12;

// Where the fields of a heartbeat lie (flatline/heartbeat.h); the others were compared already.
constexpr std::size_t kFlags = 4;
constexpr std::size_t kHealth = 5;
constexpr std::size_t kProfile = 6;
constexpr std::size_t kId = 8;
constexpr std::size_t kIncarnation = 16;
constexpr std::size_t kSequence = 20;
constexpr std::size_t kHandle = 32;

std::uint8_t ByteAt(const std::byte* at) noexcept {
  return std::to_integer<std::uint8_t>(*at);
}

// The same as Consider says of a heartbeat that stamps and does not concern the owner.
bool IsRoutine(const RecordView& seen, const std::byte* heartbeat) noexcept {
  const auto asked = wire::Load<ProfileId>(heartbeat + kProfile);
  const auto ahead = static_cast<std::int32_t>(wire::Load<std::uint32_t>(heartbeat + kSequence) -
                                               seen.heard.sequence);
  return seen.state.liveness == Liveness::kAlive &&
         static_cast<std::uint8_t>(seen.state.health) == ByteAt(heartbeat + kHealth) &&
         (asked == kDefaultProfile || asked == seen.state.profile) &&
         wire::Load<std::uint32_t>(heartbeat + kIncarnation) == seen.incarnation && ahead > 0;
}

}  // namespace

void FastPath::Take(std::span<const Frame> frames,
                    std::span<const PlainHeartbeat> forms,
                    Stamp stamp) noexcept {
  FLATLINE_DCHECK(frames.size() <= kBurst);
  left_count_ = 0;
  unanswered_count_ = 0;
  if (frames.empty()) {  // as in most turns of a quiet port: the pipeline need not be run through
    return;
  }
  Burst burst{.frames = frames, .forms = forms, .stamp = stamp};
  const std::size_t count = frames.size();
  for (std::size_t i = 0; i < count + 3 * kAhead; ++i) {
    if (i < count) {
      burst.bytes += frames[i].length;
      Recognise(burst, i);
    } else if (gathered_count_ != 0) {
      VerifyGathered();
    }
    if (const std::size_t second = i - kAhead; second < count) {
      Locate(lanes_[second]);
    }
    if (const std::size_t third = i - 2 * kAhead; third < count) {
      Finish(burst, third);
    }
    if (burst.late_done != burst.late && late_[burst.late_done] + 3 * kAhead <= i) [[unlikely]] {
      FinishLate(burst, late_[burst.late_done++]);
    }
  }
  while (burst.late_done != burst.late) {
    FinishLate(burst, late_[burst.late_done++]);
  }
  tally_.Add(Counter::kFrames, count);
  tally_.Add(Counter::kFrameBytes, burst.bytes);
  tally_.Add(Counter::kHeartbeats, burst.heartbeats);
  tally_.Add(Counter::kByHandle, burst.by_handle);
  tally_.Add(Counter::kForeign, burst.foreign);
  tally_.Add(Counter::kAuthenticated, burst.authenticated);
}

inline void FastPath::Recognise(const Burst& burst, std::size_t i) noexcept {
  const Frame& frame = burst.frames[i];
  Lane& lane = lanes_[i];
  lane.heartbeat = nullptr;
  for (const PlainHeartbeat& form : burst.forms) {
    const std::byte* heartbeat = form.In(frame);
    if (heartbeat == nullptr) [[unlikely]] {
      continue;
    }
    lane.heartbeat = heartbeat;
    lane.form = &form;
    lane.by_handle = (ByteAt(heartbeat + kFlags) & kFlagHandle) != 0;
    lane.master = Authenticator::kNoMaster;
    if (lane.by_handle) {
      lane.slot = wire::Load<Slot>(heartbeat + kHandle);
      if (lane.slot >= index_.records.size()) [[unlikely]] {
        lane.heartbeat = nullptr;
        return;
      }
      PrefetchOnce(&index_.records[lane.slot]);
    } else {
      lane.hash = index_.HashOf(wire::Load<EndpointId>(heartbeat + kId));
      lane.home = index_.ShardFor(lane.hash).Prefetch(lane.hash);
    }
    if (form.tag() != TagSize::kNone) {
      Gather(i);
    }
    return;
  }
}

inline void FastPath::Locate(Lane& lane) noexcept {
  if (lane.heartbeat == nullptr || lane.by_handle) {
    return;
  }
  lane.slot = EndpointIndex::Candidate(lane.home, lane.hash);
  if (lane.slot != kNoSlot) [[likely]] {
    PrefetchOnce(&index_.records[lane.slot]);
  }
}

inline void FastPath::Leave(const Burst& burst, std::size_t i) noexcept {
  left_[left_count_++] = &burst.frames[i];
}

inline void FastPath::Finish(Burst& burst, std::size_t i) noexcept {
  const Outcome outcome = StampLane(burst, i);
  if (outcome == Outcome::kOtherRecord) [[unlikely]] {
    index_.ShardFor(lanes_[i].hash).PrefetchMatches(lanes_[i].hash);
    late_[burst.late++] = static_cast<std::uint16_t>(i);
  } else if (outcome == Outcome::kLeft) [[unlikely]] {
    Leave(burst, i);
  }
}

void FastPath::FinishLate(Burst& burst, std::size_t i) noexcept {
  Lane& lane = lanes_[i];
  const auto id = wire::Load<EndpointId>(lane.heartbeat + kId);
  lane.slot = index_.ShardFor(lane.hash).Find(id, lane.hash);
  if (StampLane(burst, i) != Outcome::kStamped) {
    Leave(burst, i);
  }
}

inline void FastPath::Gather(std::size_t i) noexcept {
  tags_.Put(gathered_count_, lanes_[i].heartbeat);
  gathered_[gathered_count_++] = static_cast<std::uint16_t>(i);
  if (gathered_count_ == SipLanes::kLanes) {
    VerifyGathered();
  }
}

// Notes with which master key each tag was made. Of two that hold, agents change to the newer one,
// so the older is asked only about those that are left.
void FastPath::VerifyGathered() noexcept {
  std::uint32_t open = (1U << gathered_count_) - 1;
  for (Authenticator::Master master = 0; open != 0 && master < authenticator_->masters();
       ++master) {
    authenticator_->Reckon(tags_, master);
    const std::uint32_t matched = open & TagsThatMatch();
    open &= ~matched;
    for (std::uint32_t rest = matched; rest != 0; rest &= rest - 1) {
      lanes_[gathered_[static_cast<std::size_t>(std::countr_zero(rest))]].master = master;
    }
  }
  gathered_count_ = 0;
}

// Bit j: the tag of the j-th that was gathered is the one reckoned last.
std::uint32_t FastPath::TagsThatMatch() const noexcept {
  const bool is_wide = authenticator_->tag_size() == TagSize::k128Bits;
  std::uint32_t out = 0;
  for (std::size_t j = 0; j < gathered_count_; ++j) {
    const std::byte* said = lanes_[gathered_[j]].heartbeat + kHeartbeatSize;
    SipTag tag;
    std::memcpy(&tag.low, said, sizeof tag.low);
    std::uint64_t difference = tag.low ^ tags_.tag_low[j];
    if (is_wide) {
      std::memcpy(&tag.high, said + sizeof tag.low, sizeof tag.high);
      difference |= tag.high ^ tags_.tag_high[j];
    }
    out |= (difference == 0 ? 1U : 0U) << j;
  }
  return out;
}

// A tag that was wrong is none that could be done without.
inline bool FastPath::GoesWithoutTag(const Lane& lane, ProfileId profile) const noexcept {
  const Authentication mode = authenticator_->ModeOf(profile);
  return mode == Authentication::kOff ||
         (mode == Authentication::kAccepted && lane.form->tag() == TagSize::kNone);
}

inline FastPath::Outcome FastPath::StampLane(Burst& burst, std::size_t i) noexcept {
  const Lane& lane = lanes_[i];
  const std::byte* heartbeat = lane.heartbeat;
  if (heartbeat == nullptr) [[unlikely]] {
    return Outcome::kLeft;
  }
  const auto id = wire::Load<EndpointId>(heartbeat + kId);
  if (lane.slot == kNoSlot || id == kNoEndpoint ||
      index_.records[lane.slot].id.load(std::memory_order_acquire) != id) [[unlikely]] {
    return lane.by_handle ? Outcome::kLeft : Outcome::kOtherRecord;
  }
  EndpointRecord& record = index_.records[lane.slot];
  const RecordView seen = View(record);
  if (!IsRoutine(seen, heartbeat)) [[unlikely]] {
    return Outcome::kLeft;
  }
  if (authenticator_ != nullptr && lane.master == Authenticator::kNoMaster &&
      !GoesWithoutTag(lane, seen.state.profile)) [[unlikely]] {
    return Outcome::kLeft;
  }
  const auto sequence = wire::Load<std::uint32_t>(heartbeat + kSequence);
  if (lane.slot - first_own_ < own_slots_) [[likely]] {
    StampOwn(record, sequence, burst.stamp);
  } else if (StampForeign(record, seen, sequence, burst.stamp)) {
    ++burst.foreign;
  } else {
    return Outcome::kLeft;  // somebody else stamped it in this instant
  }
  NoteGap(record, seen, sampling_, sequence, burst.stamp);
  ++burst.heartbeats;
  burst.authenticated += lane.master != Authenticator::kNoMaster ? 1 : 0;
  burst.by_handle += lane.by_handle ? 1 : 0;
  if ((ByteAt(heartbeat + kFlags) & kFlagAcknowledge) != 0) {
    unanswered_[unanswered_count_++] = {.frame = &burst.frames[i],
                                        .form = lane.form,
                                        .slot = lane.slot,
                                        .profile = seen.state.profile,
                                        .master = lane.master};
  }
  return Outcome::kStamped;
}

}  // namespace flatline
