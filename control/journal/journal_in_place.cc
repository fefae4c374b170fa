// The journal when somebody removes its files, or moves them away, while it is written: what is
// mapped stays readable, but a successor would find nothing, and give out the same numbers again.
// So the file that is written is made anew from memory, as a segment that comes from there is.
#include "control/journal/journal.h"

#include <algorithm>
#include <memory>
#include <spdlog/spdlog.h>
#include <utility>

namespace flatline {
namespace {

constexpr Duration kLook{1'000'000'000};

}  // namespace

void Journal::LookForLostFiles(Instant now) {
  if (now >= look_at_) {
    look_at_ = now + kLook;
    if (next_ && !next_->is_in_memory() && !next_->IsInPlace()) {
      next_.reset();  // nothing is in it: another one is prepared in its turn
    }
    LookAtTheNewest(now);
  }
  if (restoration_) {
    WriteAnew();
  }
}

// Older ones are not looked at: what is gone of them is a gap to a successor, and no number twice.
void Journal::LookAtTheNewest(Instant now) {
  if (restoration_ || segments_.empty() || IsInMemory()) {
    return;
  }
  const std::shared_ptr<Segment>& newest = segments_.back();
  if (newest->IsInPlace()) {
    missing_since_ = {};
    return;
  }
  if (missing_since_ == Instant{}) {
    missing_since_ = now;
    spdlog::error(
        "{}: needed the file that is being written, found that somebody has removed or replaced "
        "it; it is written anew from memory: leave the journal's files to flatline-control, others "
        "that were removed are a gap after its next start",
        newest->path());
  }
  auto begun = SegmentMove::Begin(options_.directory, newest, options_.allocate);
  no_restoration_ = begun ? SegmentError{} : std::move(begun.error());
  if (begun) {
    restoration_ = std::move(*begun);
  }
}

// A piece of it; with the last one it takes the place of the file that has no name.
void Journal::WriteAnew() {
  if (!restoration_->Step(newest_)) {
    return;
  }
  const auto done = std::exchange(restoration_, nullptr);
  auto written = done->Finish(newest_);
  if (!written) {
    no_restoration_ = std::move(written.error());
    return;
  }
  const auto at = std::ranges::find(segments_, done->from());
  if (at == segments_.end()) {
    (*written)->Unlink();  // retention has taken it meanwhile
    return;
  }
  (*written)->MarkInMemory((*at)->marked_in_memory());
  std::ranges::replace(marks_, std::shared_ptr<const Segment>(*at), *written);
  *at = std::move(*written);
  synced_ = std::min(synced_, (*at)->first() - 1);
  missing_since_ = {};
  spdlog::warn("{}: is there again, with all its records", (*at)->path());
  Show();
}

}  // namespace flatline
