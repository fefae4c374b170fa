// One subscriber: where it stands in the journal, what it wants and how it is to be told. Changed
// by the publisher of its thread only. Bounds: what one send holds, and two chunks of rows during a
// snapshot.
#pragma once

#include "control/delivery/census_taker.h"
#include "control/delivery/stream.h"
#include "control/filter/filter.h"
#include "control/snapshot/snapshot_job.h"

#include <flatline/delivery.h>
#include <flatline/time.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace flatline {

// When a batch is closed.
struct Pace {
  std::uint32_t bytes = 0;  // zero: whatever its size
  Duration age{};           // zero: at once

  [[nodiscard]] bool is_immediate() const noexcept { return age == Duration{}; }

  bool operator==(const Pace&) const = default;
};

// What a summary subscriber asked for.
struct SummaryOrder {
  std::shared_ptr<CensusTaker> taker;
  std::vector<Group> groups;  // empty: all
  bool with_names = false;
  Duration interval{};
  Instant due{};      // the next summary
  Instant look_at{};  // there may be something to do
};

struct Subscriber {
  enum class Stage : std::uint8_t {
    kAwaitsSnapshot,  // for a place among those who are given one
    kSnapshot,
    kFollows,  // the journal
    kSummary,  // counts, at an interval
  };

  std::shared_ptr<Stream> stream;  // null: it hears summaries
  Stage stage = Stage::kFollows;
  std::uint64_t cursor = 0;  // the last sequence accounted for
  Instant last_sent{};       // anything at all
  Pace pace;
  std::shared_ptr<SnapshotTicket> ticket;  // while it waits for a snapshot
  std::shared_ptr<SnapshotJob> snapshot;
  std::optional<SummaryOrder> summary;
};

}  // namespace flatline
