#include "control/journal/journal_recovery.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <optional>
#include <ranges>
#include <sys/file.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <tbb/parallel_for.h>

namespace flatline {
namespace {

constexpr std::string_view kSuffix = ".journal";
constexpr std::size_t kDigits = 20;

// What no better rights or limits would mend.
bool IsForGood(int number) {
  return number == EISDIR || number == ELOOP || number == EIO || number == ENODEV;
}

std::optional<std::uint64_t> SequenceIn(const std::string& name) {
  if (name.size() != kDigits + kSuffix.size() || !name.ends_with(kSuffix)) {
    return std::nullopt;
  }
  std::uint64_t out = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + kDigits, out);
  const bool is_number = error == std::errc{} && end == name.data() + kDigits;
  if (!is_number || out == 0 || out > kMostSequence) {
    return std::nullopt;
  }
  return out;
}

std::expected<int, std::string> Lock(const std::string& directory) {
  const std::string path = directory + "/lock";
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (descriptor < 0) {
    return std::unexpected(
        fmt::format("{}: needed a journal that can be written, found: {}; give the directory to "
                    "the user that runs flatline-control",
                    path,
                    std::generic_category().message(errno)));
  }
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    ::close(descriptor);
    return std::unexpected(fmt::format(
        "{}: needed a journal of its own, found another flatline-control writing it; stop that "
        "one, or set control.journal",
        directory));
  }
  return descriptor;
}

}  // namespace

std::expected<std::unique_ptr<Journal>, std::string> Journal::Open(const JournalOptions& options,
                                                                   Findings& findings) {
  std::error_code error;
  std::filesystem::create_directories(options.directory, error);
  const auto lock = Lock(options.directory);
  if (!lock) {
    return std::unexpected(lock.error());
  }
  std::unique_ptr<Journal> out(new Journal(options, *lock));
  if (auto recovered = JournalRecovery(*out, findings).Run(); !recovered) {
    return std::unexpected(std::move(recovered.error()));
  }
  out->SettleInherited(findings);
  // In it will stand how far numbers were given out while the disk took nothing (MarkInMemory).
  if (options.sync_before_telling && out->segments_.empty() && !out->PrepareNext({})) {
    return std::unexpected(
        fmt::format("{}: tells of nothing that is not on the disk, and has no first segment there: "
                    "{}; free some room, or set control.durability to another",
                    options.directory,
                    out->refusal_));
  }
  out->Show();
  out->readable_.Wrote(out->newest_);
  out->readable_.MayTell(out->newest_);
  return out;
}

int Journal::SyncNow(const Segment& segment) const {
  if (segment.is_in_memory()) {
    return 0;
  }
  if (options_.sync) {
    return options_.sync(segment);
  }
  return ::fdatasync(segment.descriptor()) == 0 ? 0 : errno;
}

// What a predecessor wrote and was killed before it synced is in the kernel's hands only. Who may
// not tell of it before it is on the disk has it taken there now; else it is synced in its turn.
void Journal::SettleInherited(Findings& findings) {
  synced_ = oldest() - 1;
  if (!options_.sync_before_telling) {
    return;
  }
  for (const auto& segment : segments_) {
    if (const int number = SyncNow(*segment); number != 0) {
      findings.push_back(
          fmt::format("{}: cannot be written to the disk: {}; subscribers are told of it all the "
                      "same, and it is tried again",
                      segment->path(),
                      std::generic_category().message(number)));
      return;
    }
  }
  synced_ = newest_;
}

std::expected<void, std::string> JournalRecovery::Run() {
  if (auto opened = OpenSegments(journal_->options_.directory, false); !opened) {
    return opened;
  }
  if (IsPrivateDirectory(journal_->options_.memory_directory)) {
    if (auto opened = OpenSegments(journal_->options_.memory_directory, true); !opened) {
      return opened;
    }
  }
  std::ranges::stable_sort(found_, {}, [](const Found& found) { return found.segment->first(); });
  tbb::parallel_for(std::size_t{0}, found_.size(), [&](std::size_t i) {
    found_[i].scan = Scan(*found_[i].segment);
  });
  SetAsideForeign();
  WriteHeadersAnew();
  Judge();
  SettleStumps();
  for (Found& found : found_) {
    journal_->segments_.push_back(std::move(found.segment));
  }
  return {};
}

void JournalRecovery::WriteHeadersAnew() {
  for (const Found& found : found_) {
    if (!found.segment->is_header_sound()) {
      findings_->push_back(found.segment->path() +
                           ": the header was damaged, and has been written anew");
      found.segment->WriteHeader();
    }
  }
}

// They are of no more use, but where nothing else is there: then a name alone says how far numbers
// have gone, until the next file takes it.
void JournalRecovery::SettleStumps() {
  const std::string next = Segment::PathOf(journal_->options_.directory, journal_->newest_ + 1);
  std::error_code ignored;
  if (found_.empty() && !stumps_.empty()) {
    std::filesystem::resize_file(stumps_.back(), 0, ignored);
    std::filesystem::rename(stumps_.back(), next, ignored);
    stumps_.pop_back();
  }
  for (const std::string& path : stumps_) {
    if (!found_.empty() || path != next) {
      std::filesystem::remove(path, ignored);
    }
  }
}

std::expected<void, std::string> JournalRecovery::OpenSegments(const std::string& directory,
                                                               bool in_memory) {
  std::vector<std::uint64_t> firsts;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    if (const auto first = SequenceIn(name)) {
      firsts.push_back(*first);
    } else if (name.ends_with(SegmentMove::kSuffix)) {
      std::error_code ignored;
      std::filesystem::remove(entry.path(), ignored);  // a copy; what it is of is in memory
    } else if (name.ends_with(kSuffix)) {
      findings_->push_back(entry.path().string() + ": has no name of the journal's; left alone");
    }
  }
  if (error) {
    return std::unexpected(fmt::format("{}: cannot be read: {}", directory, error.message()));
  }
  std::ranges::sort(firsts);
  for (const std::uint64_t first : firsts) {
    const std::string path = Segment::PathOf(directory, first);
    auto segment = Segment::Open(path, first);
    if (segment) {
      if (in_memory) {
        (*segment)->SayInMemory();
        had_memory_ = true;  // also where the disk has all of it, and its copy goes
      }
      found_.push_back({std::move(*segment), {}});
    } else if (segment.error().number == EINVAL) {
      findings_->push_back(segment.error().text + "; removed");
      emptied_ = std::max(emptied_, first - 1);
      given_in_stumps_ = std::max(given_in_stumps_, Segment::GivenInStump(path, first));
      stumps_.push_back(path);
    } else if (IsForGood(segment.error().number)) {
      SetAside(path, segment.error().text);
    } else {
      return std::unexpected(segment.error().text);
    }
  }
  return {};
}

void JournalRecovery::SetAside(const std::string& path, const std::string& why) {
  findings_->push_back(why + "; set aside as .set-aside");
  std::error_code error;
  std::filesystem::rename(path, path + ".set-aside", error);
}

// No two files have the same sequences: this one goes, or the one before it.
void JournalRecovery::SettleOverlap(Found one) {
  Found& before = found_.back();
  const bool is_better = one.scan.good > before.scan.good;
  const Segment& loser = is_better ? *before.segment : *one.segment;
  const Segment& winner = is_better ? *one.segment : *before.segment;
  if (loser.is_in_memory() && loser.first() == winner.first()) {
    loser.Unlink();  // the disk has had it, and the end came before this
  } else {
    SetAside(loser.path(),
             fmt::format("{} and {} have the same sequences: the first has {} good records, the "
                         "second {}",
                         before.segment->path(),
                         one.segment->path(),
                         before.scan.good,
                         one.scan.good));
  }
  if (is_better) {
    before = std::move(one);
  }
}

// What is garbage all through is of the journal only where it lies against its neighbours.
void JournalRecovery::SetAsideForeign() {
  auto candidates = std::exchange(found_, {});
  const auto garbage = std::ranges::stable_partition(candidates, &Found::speaks_for_itself);
  for (Found& one : std::ranges::subrange(candidates.begin(), garbage.begin())) {
    if (!found_.empty() && one.segment->first() < found_.back().segment->end()) {
      SettleOverlap(std::move(one));
    } else {
      found_.push_back(std::move(one));
    }
  }
  for (Found& one : garbage) {
    if (FitsAmongThose(one)) {
      const auto at =
          std::ranges::upper_bound(found_, one.segment->first(), {}, [](const Found& found) {
            return found.segment->first();
          });
      found_.insert(at, std::move(one));
    } else {
      SetAside(one.segment->path(),
               one.segment->path() +
                   ": has neither a good header nor one good record, and does "
                   "not follow on another file");
    }
  }
}

bool JournalRecovery::FitsAmongThose(const Found& candidate) const {
  const Segment& segment = *candidate.segment;
  const auto next = std::ranges::upper_bound(
      found_, segment.first(), {}, [](const Found& found) { return found.segment->first(); });
  const bool is_before_next = next == found_.end() || segment.end() <= next->segment->first();
  const bool leads_to_next = next != found_.end() && segment.end() == next->segment->first();
  const bool follows = next == found_.begin() ? found_.empty() || leads_to_next
                                              : std::prev(next)->segment->end() == segment.first();
  return follows && is_before_next;
}

void JournalRecovery::Judge() {
  if (found_.empty()) {
    journal_->newest_ = std::max(emptied_, given_in_stumps_);
    return;
  }
  std::size_t last = found_.size() - 1;
  while (last > 0 && found_[last].scan.upto == 0) {
    --last;
  }
  journal_->newest_ = LastGivenOut(last);
  FindHoles(last);
  for (const Hole& hole : journal_->holes()) {
    journal_->damaged_ += hole.last + 1 - hole.first;
    findings_->push_back(
        fmt::format("{}: records {} to {} are damaged or missing; subscribers are told of a "
                    "gap there",
                    journal_->options_.directory,
                    hole.first,
                    hole.last));
  }
  SettleMarks(last);
  KeepCount(last);
  Cut(last);
}

// What said how far numbers have gone may be cut now, or be too short to stay: the last file says
// so from now on, on the disk.
void JournalRecovery::KeepCount(std::size_t last) {
  const Segment& segment = *found_[last].segment;
  if (segment.given() >= journal_->newest_ && segment.is_header_sound()) {
    return;
  }
  segment.MarkGiven(journal_->newest_);
  const bool nothing_goes = stumps_.empty() && last + 1 == found_.size();
  if (const int number = nothing_goes ? 0 : journal_->SyncNow(segment); number != 0) {
    findings_->push_back(fmt::format("{}: cannot be written to the disk: {}",
                                     segment.path(),
                                     std::generic_category().message(number)));
  }
}

// What memory had is there, or is given up with this: then no mark is to speak of it any more.
void JournalRecovery::SettleMarks(std::size_t last) {
  const auto is_in_memory = [](const Found& found) { return found.segment->is_in_memory(); };
  const auto kept =
      std::ranges::subrange(found_.begin(), found_.begin() + static_cast<std::ptrdiff_t>(last) + 1);
  for (const Found& found : kept) {
    if (found.segment->marked_in_memory() != 0) {
      journal_->marks_.push_back(found.segment);
    }
  }
  if (std::ranges::any_of(found_, is_in_memory) && std::ranges::none_of(kept, is_in_memory)) {
    journal_->EraseMarks();
  }
}

// No number below it is given out again, whatever became of the record.
std::uint64_t JournalRecovery::LastGivenOut(std::size_t last) const {
  std::uint64_t out =
      std::max(given_in_stumps_, found_[last].segment->first() - 1 + found_[last].scan.upto);
  for (std::size_t i = 0; i < found_.size(); ++i) {
    const Segment& segment = *found_[i].segment;
    out = std::max(out, segment.given());
    if (!had_memory_) {
      out = std::max(out, segment.marked_in_memory());  // gone with the power
    }
    // A segment is begun only when the one before it is there: if that is missing, it was full.
    if (i > last && found_[i - 1].segment->end() != segment.first()) {
      out = std::max(out, segment.first() - 1);
    }
  }
  return out;
}

void JournalRecovery::FindHoles(std::size_t last) {
  std::uint64_t next = found_.front().segment->first();
  for (std::size_t i = 0; i <= last; ++i) {
    const Segment& segment = *found_[i].segment;
    if (next < segment.first()) {
      journal_->holes_.Add({next, segment.first() - 1});
    }
    for (const Hole& bad : found_[i].scan.bad) {
      journal_->holes_.Add(bad);
    }
    next = segment.first() + found_[i].scan.upto;
  }
  if (next <= journal_->newest_) {
    journal_->holes_.Add({next, journal_->newest_});
  }
}

void JournalRecovery::Cut(std::size_t last) {
  std::uint64_t unfinished = 0;
  for (std::size_t i = last; i < found_.size(); ++i) {
    unfinished += found_[i].scan.unfinished;
  }
  if (unfinished != 0) {
    findings_->push_back(
        fmt::format("{}: {} unfinished records ({} bytes) after sequence {} were "
                    "cut",
                    found_[last].segment->path(),
                    unfinished,
                    unfinished * sizeof(DeliveryRecord),
                    journal_->newest_));
  }
  while (found_.size() > last + 1) {
    found_.back().segment->Remove();
    found_.pop_back();
  }
  const SegmentScan& scan = found_[last].scan;
  if (scan.unfinished != 0) {
    const auto behind = std::as_writable_bytes(found_[last].segment->records().subspan(scan.upto));
    std::ranges::fill(behind, std::byte{0});
  }
}

}  // namespace flatline
