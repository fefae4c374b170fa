// The guard: holds the verdict `dead` back while so large a share of the fleet is silent that we,
// our port or a way that all share are likelier at fault than all of them. Its settings, written
// into the region's header by whoever formats or adopts it, and its state, which outlives the
// dataplane. The leader judges (dataplane/guard.h), every worker obeys, anybody may read. Bounds: a
// hold leaves by itself. Cost: two loads of a worker's turn.
#pragma once

#include <flatline/time.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace flatline {

// What the operator has ordered.
enum class GuardMode : std::uint8_t {
  kAuto = 0,     // by the numbers
  kHold = 1,     // nobody is called dead, for a time
  kRelease = 2,  // verdicts pass, whatever the numbers say
};

inline constexpr std::array<std::string_view, 3> kGuardModeNames{"auto", "hold", "release"};

// Why a guard begins to hold or leaves, or what a mass failure is likely due to: `from` of a
// transition of kind group.
enum class GroupCause : std::uint8_t {
  kUnclear = 0,
  kOwnPort = 1,       // all that are heard on one port of ours
  kPath = 2,          // one group, which is heard on one port
  kSharedDomain = 3,  // one group, over several ports
  kFleet = 4,         // groups and ports alike
  kOperator = 5,      // an order
  kTimeOver = 6,      // held for as long as may be
};

inline constexpr std::array<std::string_view, 7> kGroupCauseNames{
    "unclear", "own-port", "path", "shared-domain", "fleet", "operator", "time-over"};

// So many groups may have a guard that holds, an order, or a reprieve at a time.
inline constexpr std::uint32_t kMostGroupGuards = 256;

struct GuardSettings {
  std::uint32_t share_ppm = 500'000;        // of those watched, in millionths; 0: no guard
  std::uint32_t least_endpoints = 100;      // watched; of fewer, many are quickly most
  Duration window{60'000'000'000};          // who died so lately counts as silent
  Duration release_after{300'000'000'000};  // a hold lasts no longer
  std::uint32_t group_share_ppm = 0;        // of the members of a group; 0: no guard of its own
  std::uint32_t group_least = 10;           // members watched
};

inline constexpr std::uint32_t kWholeShare = 1'000'000;

// The order that a command carries in its `id`: 0 is no id.
struct GuardOrder {
  static constexpr std::uint32_t kMostSeconds = 31 * 86'400;

  GuardMode mode = GuardMode::kAuto;
  std::uint32_t seconds = 0;  // 0: hold for release_after, release until told otherwise

  [[nodiscard]] constexpr std::uint64_t Pack() const noexcept {
    return (std::uint64_t{seconds} << 8) | (static_cast<std::uint64_t>(mode) + 1);
  }

  // False where there is no such order.
  [[nodiscard]] static constexpr bool Unpack(std::uint64_t word, GuardOrder& out) noexcept {
    const std::uint64_t mode = word & 0xFFU;
    if (mode == 0 || mode > kGuardModeNames.size() || (word >> 8) > kMostSeconds) {
      return false;
    }
    out = {static_cast<GuardMode>(mode - 1), static_cast<std::uint32_t>(word >> 8)};
    return true;
  }
};

// In the region. The dataplane writes, everyone reads.
struct alignas(64) GuardState {
  // Of the last order, which housekeeping notes and the leader carries out.
  std::atomic<std::uint64_t> order{0};    // GuardOrder, packed; 0: none ever
  std::atomic<std::int64_t> order_ns{0};  // Instant of it
  // The leader's.
  std::atomic<std::int64_t> holds_since_ns{0};  // Instant; 0: it does not hold
  // HearingInstant since when the share is low again: who is still suspect then has its
  // confirmation anew. 0: there is no such.
  std::atomic<std::int64_t> eased_ns{0};
  std::atomic<std::uint32_t> spent{0};    // it has left by itself, and the share is still high
  std::atomic<std::uint32_t> silent{0};   // suspect, or dead within the window; now
  std::atomic<std::uint32_t> watched{0};  // these, and the living; now
  std::atomic<std::uint32_t> group{0};    // whose; kNoGroup: the fleet's, or nobody's
};

static_assert(sizeof(GuardState) == 64);

}  // namespace flatline
