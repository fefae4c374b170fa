// What happens to nearly every frame: a plain heartbeat of an endpoint that is alive and has
// nothing new to say finds its record and stamps it. All else is left over, untouched, for Ingest's
// thorough path. Called by one worker with what it received from one queue; other workers do the
// same to the same records. A rolling pipeline of three stages, so that the lines of the index and
// of the records arrive while other frames are looked at. No allocation. Cost: some 110
// instructions a heartbeat by handle, 150 by the index.
//
//   frame i        recognised; by handle: its record, else its bucket of the index, prefetched
//   frame i - 12   by the index: candidate slot read from the bucket, its record prefetched
//   frame i - 24   record read, id and sequence compared, stamped
//   frame i - 36   the few whose candidate was another's: looked for in earnest, stamped
//
// Frames with a tag gather on their way from the first stage to the third; when there are sixteen,
// or no more frames, their tags are reckoned at once. The third leaves over whose tag is wrong.
#pragma once

#include "dataplane/arrival_history.h"
#include "dataplane/authenticator.h"
#include "dataplane/endpoint_index.h"
#include "dataplane/frame.h"
#include "dataplane/plain_heartbeat.h"
#include "dataplane/siphash.h"
#include "dataplane/tally.h"

#include <flatline/endpoint.h>
#include <flatline/record.h>
#include <flatline/time.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace flatline {

class FastPath {
 public:
  // A heartbeat that was stamped and asks to be acknowledged.
  struct Stamped {
    const Frame* frame = nullptr;
    const PlainHeartbeat* form = nullptr;
    Slot slot = kNoSlot;
    ProfileId profile = kDefaultProfile;
    Authenticator::Master master = Authenticator::kNoMaster;  // by which its tag was right
  };

  // `own` is the range of the worker's own slots; `authenticator` is null where no tag is verified,
  // and then no form has one.
  FastPath(const IndexSet& index,
           Slot first_own,
           Slot own_slots,
           const Authenticator* authenticator,
           HistorySampling sampling,
           Tally& tally) noexcept
      : index_(index),
        first_own_(first_own),
        own_slots_(own_slots),
        authenticator_(authenticator),
        sampling_(sampling),
        tally_(tally) {}

  // Stamps what is routine among `frames`, at most kBurst, with `stamp`. `forms` are those of the
  // port.
  void Take(std::span<const Frame> frames,
            std::span<const PlainHeartbeat> forms,
            Stamp stamp) noexcept;

  // Of the last Take: what was left, in the order in which it came; who waits for an answer.
  [[nodiscard]] std::span<const Frame* const> left() const noexcept {
    return {left_.data(), left_count_};
  }

  [[nodiscard]] std::span<const Stamped> unanswered() const noexcept {
    return {unanswered_.data(), unanswered_count_};
  }

 private:
  // A frame between the stages.
  struct Lane {
    const std::byte* heartbeat = nullptr;  // null: left over
    std::uint64_t hash = 0;                // where not by handle, as the next
    EndpointIndex::Home home;
    const PlainHeartbeat* form = nullptr;
    Slot slot = kNoSlot;
    bool by_handle = false;
    Authenticator::Master master = Authenticator::kNoMaster;
  };

  // One Take: what it works on, and what it has counted so far.
  struct Burst {
    std::span<const Frame> frames;
    std::span<const PlainHeartbeat> forms;
    Stamp stamp = 0;
    std::size_t late = 0;
    std::size_t late_done = 0;
    std::uint64_t bytes = 0;
    std::uint64_t heartbeats = 0;
    std::uint64_t by_handle = 0;
    std::uint64_t foreign = 0;
    std::uint64_t authenticated = 0;
  };

  // What became of a lane.
  enum class Outcome : std::uint8_t { kStamped, kOtherRecord, kLeft };

  void Recognise(const Burst& burst, std::size_t i) noexcept;
  void Locate(Lane& lane) noexcept;
  void Finish(Burst& burst, std::size_t i) noexcept;
  void FinishLate(Burst& burst, std::size_t i) noexcept;
  void Leave(const Burst& burst, std::size_t i) noexcept;
  [[nodiscard]] Outcome StampLane(Burst& burst, std::size_t i) noexcept;
  [[nodiscard]] bool GoesWithoutTag(const Lane& lane, ProfileId profile) const noexcept;
  void Gather(std::size_t i) noexcept;
  void VerifyGathered() noexcept;
  [[nodiscard]] std::uint32_t TagsThatMatch() const noexcept;

  IndexSet index_;
  Slot first_own_;
  Slot own_slots_;
  const Authenticator* authenticator_;
  HistorySampling sampling_;
  Tally& tally_;
  std::size_t left_count_ = 0;
  std::size_t unanswered_count_ = 0;
  std::array<Lane, kBurst> lanes_{};
  std::array<std::uint16_t, kBurst> late_{};  // frames whose record Find has to tell
  std::array<const Frame*, kBurst> left_{};
  std::array<Stamped, kBurst> unanswered_{};
  std::size_t gathered_count_ = 0;
  std::array<std::uint16_t, SipLanes::kLanes> gathered_{};  // frames whose tags are to be verified
  SipLanes tags_;
};

}  // namespace flatline
