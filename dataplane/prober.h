// The prober of one worker: asks the suspects of its shard whether they are there, and, where a
// profile pulls, all of its endpoints once an interval. Turned by the worker after expiry, with
// time as an argument; frames leave through the sinks of its ports, answers come back through
// ingest and the shard (shard_probes.cc). Made only where some profile asks. Nothing of a probe on
// its way is kept (probe_plan.h).
//
// Pulls: a hand moves over the blocks of the shard once an interval, in an order that puts
// neighbours far apart, so that a fleet however small or large is asked evenly over its interval.
// At most 64 endpoints share an instant. A hand that a bound holds back comes later and passes
// nobody over: the lap is longer then, and the shard counts silence in laps.
//
// Bounds: kProbesPerTurn frames a turn; so many probes a second in all (dataplane.probe_rate,
// shared among the workers); kMostToOne a second to one address; for each suspicion the profile's
// number of probes, and one more where we were deaf meanwhile. What a bound forbids is counted and
// tried again, or the suspect's silence alone decides; a pull that falls to the bound of its
// address is excused (Shard::Excuse). The horizon is the clock: while we are deaf nobody is asked.
// Cost: a comparison a turn with nothing due; some 2 µs a probe.
#pragma once

#include "dataplane/attachment.h"
#include "dataplane/authenticator.h"
#include "dataplane/neighbours.h"
#include "dataplane/shard.h"
#include "dataplane/tally.h"

#include <flatline/profile.h>
#include <flatline/record.h>
#include <flatline/time.h>
#include <flatline/transition_ring.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace flatline {

inline constexpr std::size_t kProbesPerTurn = 256;
inline constexpr std::uint16_t kMostToOne = 100;

struct ProberWiring {
  Shard* shard = nullptr;
  Neighbours* neighbours = nullptr;
  const Authenticator* authenticator = nullptr;  // null: no probe has a tag
  SipKey key{};                                  // of cookies
  std::uint64_t probes_per_second = 100'000;     // by this worker
};

class Prober {
 public:
  Prober(const ProberWiring& wiring, HearingInstant began);

  // Before the first turn.
  void Attach(const Attachment& attachment) { ports_.push_back(attachment); }

  // True: something due was left.
  bool Turn(const Moment& moment, TransitionProducer& ring, Tally& tally) noexcept;

 private:
  // kHeldBack: by a bound of all, which passes; kRefused: by that of one address.
  enum class Outcome : std::uint8_t { kSent, kNoWay, kHeldBack, kRefused };

  // Of one pulling profile.
  struct Hand {
    ProfileId profile = kDefaultProfile;
    HearingInstant began{};
    std::uint64_t done = 0;  // blocks, since then
    std::uint64_t left = 0;  // of the block being visited: its slots not yet asked
    HearingInstant lap_began{};
    Duration last_lap{};
    Duration lap_before{};  // in which ways were found, perhaps, and nobody asked
  };

  struct Asking {
    const Moment& moment;
    TransitionProducer& ring;
    Tally& tally;
    std::size_t frames = 0;
  };

  // How many probes went to an address in the running second; addresses may share a place.
  struct Given {
    std::uint32_t second = 0;
    std::uint16_t count = 0;
  };

  void TakeRounds(Asking& asking) noexcept;
  void Step(ProbeRound& round, Asking& asking) noexcept;
  [[nodiscard]] bool IsOpen(const ProbeRound& round) const noexcept;
  void Pull(Hand& hand, Asking& asking) noexcept;
  void MoveHand(Hand& hand, Asking& asking) noexcept;
  [[nodiscard]] Duration LapToExpect() const noexcept;
  [[nodiscard]] bool IsBeating(const RecordView& seen, HearingInstant horizon) const noexcept;
  bool PullBlock(Hand& hand, std::uint32_t block, Asking& asking) noexcept;
  Outcome Ask(Slot slot, std::uint8_t attempt, Asking& asking) noexcept;
  [[nodiscard]] const Attachment* PortFor(const SourceAddress& to) const noexcept;
  [[nodiscard]] Outcome Permit(const IpAddress& to, const Moment& moment) noexcept;
  [[nodiscard]] std::optional<NextHop> WayTo(const Attachment& port,
                                             const IpAddress& to,
                                             bool doubted,
                                             Asking& asking) noexcept;
  void AskForWay(const Attachment& port, const IpAddress& wanted, Asking& asking) noexcept;
  [[nodiscard]] std::size_t Message(Slot slot,
                                    std::uint8_t attempt,
                                    const ProbePlan& plan,
                                    const Moment& moment,
                                    std::span<std::byte> out) const noexcept;

  Shard* shard_;
  Neighbours* neighbours_;
  const Authenticator* authenticator_;
  SipKey key_;
  Duration cost_;         // of one probe, at the rate allowed
  Instant spent_{};       // up to when the rate is used up
  std::uint32_t stride_;  // of hands
  std::vector<Attachment> ports_;
  std::vector<Hand> hands_;
  std::vector<Given> given_;
};

}  // namespace flatline
