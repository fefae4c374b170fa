// Holds the stream of verdicts against the truth. Fed by the listener's thread with records and the
// instant at which they arrived; reads the truth while the traffic loop writes it; reads no clock.
// Assumes the unfiltered stream. Bounds: a byte an endpoint, 16 bytes a long silence, some 50 a
// verdict. Cost: a verdict is one look into the truth; Decide is linear in the fleet.
//
// A verdict at `at` is explained by a silence that began at least timeout (for dead: and
// confirmation) before it, and that had not ended, or not longer than `grace` before (and the blind
// time since). Nor may it ignore a long blind interval that the stream has announced: that is no
// part of anybody's silence. What no silence explains is false. An explained one is right where the
// scenario had silenced the endpoint, a mistake where losses had eaten its heartbeats, and else our
// own doing.
#pragma once

#include "bench/generator/blind_time.h"
#include "bench/generator/findings.h"
#include "bench/generator/fleet.h"
#include "bench/generator/samples.h"
#include "bench/generator/truth.h"

#include <flatline/delivery.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

namespace flatline::generator {

struct JudgeOptions {
  std::uint32_t incarnation = 1;  // of every endpoint's first life in this run
  std::int64_t epoch_ns = 0;      // wall clock at the run's beginning
  Duration slack{1'000'000'000};  // how late a death may be told before it is missed
  Duration grace{100'000'000};    // how long after a silence a verdict about it may be dated
  // How much before its deadline a verdict may be: what two conversions between wall and monotonic
  // clock may cost. A worker receives before it reads its clock, so nothing else is forgiven.
  Duration early{200'000};
};

// What is shown while it runs.
struct Tally {
  std::array<std::uint64_t, kLivenessNames.size()> told{};  // endpoints by what was last told
  std::uint64_t deaths = 0;                                 // verdicts
  std::uint64_t false_verdicts = 0;
  Duration blind{};
};

class Judge {
 public:
  Judge(const Fleet& fleet, Truth& truth, const JudgeOptions& options);

  // Records in the order of the stream, received at this instant.
  void Hear(std::span<const DeliveryRecord> records, Elapsed received);

  // Whether something is still to be told that is not yet overdue, for a scenario that has been
  // over since `closed`.
  [[nodiscard]] bool Waits(Elapsed now, Elapsed closed);

  [[nodiscard]] Findings Decide(Elapsed now);

  [[nodiscard]] Tally Live() const;

 private:
  struct Silence {
    Index index = 0;
    std::uint32_t from = 0;  // stamp of the last heartbeat before it
    std::uint8_t flags = 0;

    [[nodiscard]] Elapsed begin() const noexcept {
      return Elapsed{(std::int64_t{from} - 1) << kTruthShift};
    }
  };

  struct Told {
    bool suspect = false;
    bool dead = false;
  };

  // What has been told of an endpoint.
  struct Standing {
    Liveness liveness = Liveness::kUnknown;
    bool was_alive = false;
  };

  static constexpr std::uint64_t KeyOf(Index index, std::uint32_t from) noexcept {
    return (std::uint64_t{index} << 32) | from;
  }

  [[nodiscard]] bool Follow(const DeliveryRecord& record);  // false: heard before
  void HearLiveness(const DeliveryRecord& record, Elapsed received);
  void HearVerdict(const DeliveryRecord& record, Index index, Elapsed received);
  void Record(Index index, Liveness liveness);
  void Forget();
  void AbsorbGaps();
  [[nodiscard]] std::optional<Silence> Explain(Index index, Elapsed at, Duration needed);
  [[nodiscard]] bool HasPassed(Elapsed begin, Elapsed at, Duration needed) const;
  [[nodiscard]] bool Covers(const Gap& gap, Elapsed at, Duration needed) const;
  [[nodiscard]] Told ToldOf(Index index, std::uint32_t from) const;
  [[nodiscard]] bool IsDue(Index index, Elapsed begin, Elapsed by) const;
  [[nodiscard]] bool Beats(Index index, const Life& life, Elapsed now) const;
  void CountSilence(const Silence& silence, bool was_due, bool is_over, Findings& out) const;
  static void CountSilenceOfTheLiving(Told told, bool was_lossy, Findings& out);
  void CountEndpoint(Index index, Elapsed now, Findings& out) const;

  const Fleet* fleet_;
  Truth* truth_;
  JudgeOptions options_;
  std::vector<Standing> standings_;                    // by index
  std::vector<Gap> gaps_;                              // closed silences, as logged
  std::vector<std::uint32_t> previous_;                // the endpoint's gap before, plus 1
  std::unordered_map<Index, std::uint32_t> last_gap_;  // place in gaps_, plus 1
  std::unordered_map<std::uint64_t, Told> told_;       // by KeyOf the silence
  BlindTime blind_;
  BlindTime long_blind_;                   // what of it flatline must not have counted as silence
  std::optional<std::uint64_t> sequence_;  // of the last record
  bool is_amid_snapshot_ = false;
  Tally tally_;
  Findings findings_;  // what is known at once
  Samples overshoot_suspect_;
  Samples overshoot_dead_;
  Samples overshoot_hearing_;
  Samples detection_suspect_;
  Samples detection_dead_;
};

}  // namespace flatline::generator
