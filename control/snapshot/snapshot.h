// Every endpoint as it was at one sequence of the journal, made out of a table that goes on
// changing. Read in chunks, as fast as its subscriber takes them. One per subscriber that asks;
// used by the control loop only, which tells it of every transition journaled since. Assumes what
// the dataplane promises: a transition is in the ring before its record changes, and the next one
// follows only when it has. Bounds: a chunk of rows, and kMostChanges endpoints that change
// meanwhile. Cost: the table is read once, by all cores.
//
//   S0 = newest sequence at the beginning.        For each chunk:
//   1. rows are read;  2. then the rings' heads;  3. when all before these heads is journaled,
//   every change that the rows can show is known: a row whose endpoint changed after S0 is wound
//   back to the `from` of the first such change. The one change per worker that was journaled by S0
//   and perhaps not yet applied is known from the beginning, and counts as applied. Endpoints
//   retired after S0, before their row was read, follow at the end, and behind them who holds which
//   lease (lease_rows.h). Not wound back are sequence, incarnation, group and profile; and an
//   endpoint that was moved to another profile meanwhile may be there twice, or not at all.
#pragma once

#include "control/delivery/name_frames.h"
#include "control/delivery/suspicion_frames.h"
#include "control/filter/filter.h"
#include "control/journal/trail.h"
#include "control/region/transition_reader.h"
#include "control/snapshot/lease_rows.h"
#include "control/snapshot/snapshot_origin.h"

#include <flatline/delivery.h>
#include <flatline/region.h>
#include <flatline/time.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace flatline {

// What stands before rows.
struct RowAdditions {
  std::unique_ptr<const NameFrames> names = nullptr;  // null: they go without
  bool suspicion = false;                             // a kSuspicion, of those who are suspect
};

class Snapshot {
 public:
  static constexpr std::size_t kChunk = 32768;  // slots
  static constexpr std::size_t kMostChanges = 1U << 20;
  // Looks at a lease that is being written, before its writer counts as dead.
  static constexpr unsigned kMostLooks = 1000;

  enum class Progress : std::uint8_t {
    kRows,     // there is something in rows(), perhaps after a filter left nothing of it
    kWaiting,  // for the journal to catch up with the rings
    kDone,     // all rows have been given
    kTooMuch,  // more changed meanwhile than is kept
  };

  Snapshot(const SnapshotOrigin& origin,
           std::shared_ptr<const Filter> filter,
           RowAdditions additions = {});

  // A record that was journaled after the origin's, in order, and the trace it left.
  void Observe(const DeliveryRecord& record, Trace trace);

  // Goes one step on; the rows before are gone with this call. `catch_up` is called when rows are
  // to be told: it must Observe all that is journaled at that moment, or say false if it cannot.
  [[nodiscard]] Progress Advance(WallInstant wall, const std::function<bool()>& catch_up);

  [[nodiscard]] std::span<const DeliveryRecord> rows() const noexcept { return rows_; }

  // Takes the rows away, and gives room for the next ones.
  void SwapRows(std::vector<DeliveryRecord>& rows) noexcept { rows_.swap(rows); }

  [[nodiscard]] std::uint64_t sequence() const noexcept { return sequence_; }

  // Rows, what stands before them not counted.
  [[nodiscard]] std::uint64_t told() const noexcept { return told_; }

 private:
  // As read from the table, or as known from a transition.
  struct Row {
    EndpointId id = kNoEndpoint;
    Heard heard;
    std::uint32_t incarnation = 0;
    EndpointState state;
    Group group = kNoGroup;
    std::uint64_t arrival = 0;
  };

  enum class Presence : std::uint8_t {
    kThere,    // whether its row is met or not
    kUnheard,  // if its row is met: transitions do not say when it was enrolled
    kRetired,  // not, though its row may still be met
  };

  // What is known of an endpoint as of `sequence_` from transitions alone.
  struct AsOf {
    Row row;
    Presence presence = Presence::kThere;
    bool told = false;
  };

  enum class Phase : std::uint8_t {
    kReading,
    kHeld,
    kRemainder,
    kReadingLeases,
    kHeldLeases,
    kTellingLeases,
    kDone
  };

  void ReadChunk();
  std::size_t ReadPiece(std::size_t slot, std::size_t end, std::span<Row> out) const;
  std::size_t Settle(std::span<Row> rows);
  std::size_t FindNames(std::size_t piece);
  void TellChunk(WallInstant wall);
  void TellRemainder(WallInstant wall);
  [[nodiscard]] Progress AdvanceLeases(WallInstant wall, const std::function<bool()>& catch_up);
  [[nodiscard]] bool TellLeases(WallInstant wall);
  DeliveryRecord* WriteRow(const Row& row,
                           std::string_view name,
                           WallInstant wall,
                           DeliveryRecord* out) const;
  [[nodiscard]] std::optional<SuspicionScale> ScaleOf(const Row& row) const noexcept;
  [[nodiscard]] static DeliveryRecord FactsOf(const Row& row) noexcept;
  [[nodiscard]] DeliveryRecord RecordOf(const Row& row, WallInstant wall) const;

  RegionView region_;
  std::uint64_t sequence_;
  std::shared_ptr<const Filter> filter_;
  std::shared_ptr<const std::unordered_set<EndpointId>> flapping_;
  Phase phase_ = Phase::kReading;
  std::size_t read_ = 0;        // slots that have been read
  std::size_t settled_ = 0;     // slots whose rows have been told
  RingPositions held_until_{};  // what must be journaled before what was read may be told
  std::vector<Row> chunk_;      // pieces of kPiece rows, filled in part
  std::vector<std::size_t> filled_;
  RowAdditions additions_;
  std::vector<Profile> profiles_;  // as at the beginning: a row is looked at twice
  std::vector<std::vector<std::string_view>> row_names_;  // of each piece; without names: empty
  std::unordered_map<EndpointId, AsOf> as_of_;
  LeaseRows leases_;
  unsigned looks_ = 0;  // at the table of leases
  std::vector<DeliveryRecord> rows_;
  std::uint64_t told_ = 0;
};

}  // namespace flatline
