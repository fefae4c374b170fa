#include "control/journal_recovery.h"

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

#include <tbb/parallel_for.h>

namespace flatline {
namespace {

constexpr std::string_view kSuffix = ".journal";
constexpr std::size_t kDigits = 20;

std::optional<std::uint64_t> SequenceIn(const std::string& name) {
  if (name.size() != kDigits + kSuffix.size() || !name.ends_with(kSuffix)) {
    return std::nullopt;
  }
  std::uint64_t out = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + kDigits, out);
  if (error != std::errc{} || end != name.data() + kDigits || out == 0) {
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
  out->synced_ = out->newest_;
  out->Show();
  out->readable_.Wrote(out->newest_);
  out->readable_.MayTell(out->newest_);
  return out;
}

std::expected<void, std::string> JournalRecovery::Run() {
  if (auto opened = OpenSegments(); !opened) {
    return opened;
  }
  SetAsideDisconnected();
  Judge();
  return {};
}

std::expected<void, std::string> JournalRecovery::OpenSegments() {
  std::vector<std::uint64_t> firsts;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(journal_->options_.directory, error)) {
    if (const auto first = SequenceIn(entry.path().filename().string())) {
      firsts.push_back(*first);
    }
  }
  if (error) {
    return std::unexpected(
        fmt::format("{}: cannot be read: {}", journal_->options_.directory, error.message()));
  }
  std::ranges::sort(firsts);
  for (const std::uint64_t first : firsts) {
    const std::string path = Segment::PathOf(journal_->options_.directory, first);
    auto segment = Segment::Open(path, first);
    if (segment) {
      if ((*segment)->header_repaired()) {
        findings_->push_back(path + ": the header was damaged, and has been written anew");
      }
      journal_->segments_.push_back(std::move(*segment));
    } else if (segment.error().number == EINVAL) {
      findings_->push_back(segment.error().text + "; removed");
      std::filesystem::remove(path, error);
      emptied_ = first - 1;
    } else {
      return std::unexpected(segment.error().text);
    }
  }
  return {};
}

// Only what leads to the newest segment without a missing one is a journal.
void JournalRecovery::SetAsideDisconnected() {
  auto& segments = journal_->segments_;
  for (std::size_t i = segments.size(); i > 1; --i) {
    if (segments[i - 2]->end() == segments[i - 1]->first()) {
      continue;
    }
    findings_->push_back(
        fmt::format("{}: does not follow {}; that one and all before it are set "
                    "aside as .set-aside",
                    segments[i - 1]->path(),
                    segments[i - 2]->path()));
    for (std::size_t k = 0; k + 1 < i; ++k) {
      std::error_code error;
      std::filesystem::rename(segments[k]->path(), segments[k]->path() + ".set-aside", error);
    }
    segments.erase(segments.begin(), segments.begin() + static_cast<std::ptrdiff_t>(i - 1));
    return;
  }
}

void JournalRecovery::Judge() {
  auto& segments = journal_->segments_;
  if (segments.empty()) {
    journal_->newest_ = emptied_;
    return;
  }
  std::vector<SegmentScan> scans(segments.size());
  tbb::parallel_for(
      std::size_t{0}, segments.size(), [&](std::size_t i) { scans[i] = Scan(*segments[i]); });
  std::size_t last = segments.size() - 1;
  while (last > 0 && scans[last].good == 0) {
    --last;
  }
  journal_->newest_ = segments[last]->first() - 1 + scans[last].good;
  for (std::size_t i = 0; i <= last; ++i) {
    for (const Hole& bad : scans[i].bad) {
      AddHole(bad.first, bad.last);
    }
    const std::uint64_t end = segments[i]->first() + scans[i].good;
    if (i < last && end < segments[i]->end()) {
      AddHole(end, segments[i]->end() - 1);
    }
  }
  for (const Hole& hole : journal_->holes_) {
    findings_->push_back(
        fmt::format("{}: records {} to {} are damaged; subscribers are told of a "
                    "gap there",
                    journal_->options_.directory,
                    hole.first,
                    hole.last));
  }
  Cut(last, scans);
}

void JournalRecovery::Cut(std::size_t last, const std::vector<SegmentScan>& scans) {
  auto& segments = journal_->segments_;
  std::uint64_t rubbish = 0;
  for (std::size_t i = last; i < segments.size(); ++i) {
    rubbish += scans[i].rubbish;
  }
  if (rubbish != 0) {
    findings_->push_back(
        fmt::format("{}: {} unfinished records ({} bytes) after sequence {} were "
                    "cut",
                    segments[last]->path(),
                    rubbish,
                    rubbish * sizeof(DeliveryRecord),
                    journal_->newest_));
  }
  while (segments.size() > last + 1) {
    segments.back()->Remove();
    segments.pop_back();
  }
  if (scans[last].rubbish != 0) {
    const auto behind = std::as_writable_bytes(segments[last]->records().subspan(scans[last].good));
    std::ranges::fill(behind, std::byte{0});
  }
}

void JournalRecovery::AddHole(std::uint64_t first, std::uint64_t last) {
  auto& holes = journal_->holes_;
  if (!holes.empty() && holes.back().last + 1 == first) {
    holes.back().last = last;
  } else {
    holes.push_back({first, last});
  }
}

}  // namespace flatline
