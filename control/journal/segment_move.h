// A segment on its way from memory to the disk: a new file beside the journal, filled a piece at a
// time while the segment may still be written, and given its name when it has all of it. Used by
// the journal's writer. Bounds: one piece a step. Cost of a step: a copy of 1 MiB at most.
#pragma once

#include "control/journal/segment.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <utility>

namespace flatline {

class SegmentMove {
 public:
  static constexpr std::size_t kPiece = (std::size_t{1} << 20) / sizeof(DeliveryRecord);
  static constexpr std::string_view kSuffix = ".moving";

  // Takes room on the disk for all of it.
  [[nodiscard]] static std::expected<std::unique_ptr<SegmentMove>, SegmentError> Begin(
      const std::string& directory, std::shared_ptr<const Segment> from, const Allocate& allocate);

  ~SegmentMove();
  SegmentMove(const SegmentMove&) = delete;
  SegmentMove& operator=(const SegmentMove&) = delete;

  // One piece more of the records up to `newest`. True when all of these are there.
  [[nodiscard]] bool Step(std::uint64_t newest);

  // Once Step has returned true for the newest there is: the segment in its place.
  [[nodiscard]] std::expected<std::shared_ptr<Segment>, SegmentError> Finish(std::uint64_t newest);

  [[nodiscard]] const std::shared_ptr<const Segment>& from() const noexcept { return from_; }

 private:
  SegmentMove(std::string path,
              std::shared_ptr<const Segment> from,
              std::shared_ptr<Segment> into) noexcept
      : path_(std::move(path)), from_(std::move(from)), into_(std::move(into)) {}

  std::string path_;  // what it will be called
  std::shared_ptr<const Segment> from_;
  std::shared_ptr<Segment> into_;  // null when it is finished
  std::size_t copied_ = 0;         // records
};

}  // namespace flatline
