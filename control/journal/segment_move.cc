#include "control/journal/segment_move.h"

#include <algorithm>
#include <fmt/format.h>
#include <system_error>

namespace flatline {

std::expected<std::unique_ptr<SegmentMove>, SegmentError> SegmentMove::Begin(
    const std::string& directory, std::shared_ptr<const Segment> from, const Allocate& allocate) {
  std::string path = Segment::PathOf(directory, from->first());
  auto into =
      Segment::Create(fmt::format("{}{}", path, kSuffix), from->first(), from->bytes(), allocate);
  if (!into) {
    return std::unexpected(std::move(into.error()));
  }
  return std::unique_ptr<SegmentMove>(
      new SegmentMove(std::move(path), std::move(from), std::move(*into)));
}

SegmentMove::~SegmentMove() {
  if (into_) {
    into_->Unlink();
  }
}

bool SegmentMove::Step(std::uint64_t newest) {
  const auto there =
      static_cast<std::size_t>(std::min(newest, from_->end() - 1) + 1 - from_->first());
  const std::size_t count = std::min(there - copied_, kPiece);
  std::ranges::copy(from_->records().subspan(copied_, count),
                    into_->records().subspan(copied_, count).begin());
  copied_ += count;
  return copied_ == there;
}

std::expected<std::shared_ptr<Segment>, SegmentError> SegmentMove::Finish(std::uint64_t newest) {
  into_->MarkGiven(std::min(newest, from_->end() - 1));
  if (const int number = into_->Rename(path_); number != 0) {
    return std::unexpected(SegmentError{
        number,
        fmt::format("{}: cannot be named: {}", path_, std::generic_category().message(number))});
  }
  return std::move(into_);
}

}  // namespace flatline
