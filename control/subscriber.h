// One subscriber: where it stands in the journal, what it wants, and what has been made ready for
// it that does not stand in the journal. Changed by the publisher only. Bounds: kBuffer bytes, and
// a chunk of rows during a snapshot.
#pragma once

#include "control/filter.h"
#include "control/snapshot.h"

#include <flatline/delivery.h>
#include <flatline/time.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace flatline {

struct Subscriber {
  static constexpr std::size_t kBuffer = std::size_t{64} << 10;

  enum class Stage : std::uint8_t {
    kAwaitsSnapshot,  // for a place among those who are given one
    kSnapshot,
    kFollows,  // the journal
  };

  Filter filter;
  Stage stage = Stage::kFollows;
  std::uint64_t cursor = 0;  // the last sequence accounted for
  Instant last_sent{};       // anything at all
  std::unique_ptr<Snapshot> snapshot;
  std::vector<DeliveryRecord> buffer;
};

}  // namespace flatline
