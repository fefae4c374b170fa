#include "control/roster/roster_load.h"

#include "control/roster/roster_csv.h"
#include "control/roster/roster_json.h"
#include "control/roster/roster_order.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <istream>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

#include <tbb/parallel_for.h>

namespace flatline {
namespace {

constexpr std::size_t kPiece = std::size_t{8} << 20;
constexpr std::size_t kMostFaultsTold = 20;

// Pieces of about kPiece bytes that begin and end with a record: where a quoted field may hold the
// end of a line, only one outside of quotes counts. `in_one`: a single piece.
std::vector<std::string_view> PiecesOf(std::string_view text, bool has_quotes, bool in_one) {
  if (in_one) {
    return {text};
  }
  std::vector<std::string_view> out;
  while (!text.empty()) {
    std::size_t at = std::min(kPiece, text.size());
    bool is_quoted = has_quotes && std::ranges::count(text.substr(0, at), '"') % 2 != 0;
    while (at < text.size() && (is_quoted || text[at - 1] != '\n')) {
      is_quoted = is_quoted != (has_quotes && text[at] == '"');
      ++at;
    }
    out.push_back(text.substr(0, at));
    text.remove_prefix(at);
  }
  return out;
}

class Load {
 public:
  Load(const RosterLoad& how, const std::string& path) : how_(&how), path_(&path) {}

  std::expected<RosterOutcome, std::string> Run(std::string_view text) {
    const RosterFormat format = FormatOf(text);
    std::optional<RosterColumns> columns;
    std::uint64_t first_line = 1;
    if (format == RosterFormat::kCsv) {
      const std::string_view whole = text;
      auto taken = RosterColumns::Take(text);
      if (!taken) {
        return RosterOutcome{.fault_count = 1, .faults = {std::move(taken.error())}};
      }
      columns = std::move(*taken);
      first_line += static_cast<std::uint64_t>(
          std::ranges::count(whole.substr(0, whole.size() - text.size()), '\n'));
    }
    // A stray quote shifts the parity of all behind it; who skips bad lines wants the others read
    // as they stand, which takes reading them one after the other.
    const bool has_quotes = columns && text.contains('"');
    const auto pieces = PiecesOf(text, has_quotes, has_quotes && how_->skip_bad);
    MakeBatches(pieces, first_line);
    Read(pieces, columns ? &*columns : nullptr, text.size());
    return Write();
  }

 private:
  void MakeBatches(const std::vector<std::string_view>& pieces, std::uint64_t first_line) {
    std::vector<std::uint64_t> lines(pieces.size());
    tbb::parallel_for(std::size_t{0}, pieces.size(), [&](std::size_t i) {
      lines[i] = static_cast<std::uint64_t>(std::ranges::count(pieces[i], '\n'));
    });
    for (const std::uint64_t count : lines) {
      batches_.emplace_back(how_->profiles).first_line = first_line;
      first_line += count;
    }
  }

  void Read(const std::vector<std::string_view>& pieces,
            const RosterColumns* columns,
            std::size_t bytes) {
    std::size_t done = 0;
    tbb::parallel_for(
        tbb::blocked_range<std::size_t>(0, pieces.size(), 1),
        [&](const auto& range) {
          for (std::size_t i = range.begin(); i != range.end(); ++i) {
            if (columns != nullptr) {
              ReadRosterCsv(pieces[i], *columns, batches_[i]);
            } else {
              ReadRosterJson(pieces[i], batches_[i]);
            }
            const std::lock_guard lock(mutex_);
            done += pieces[i].size();
            Tell("read", done, bytes);
          }
        },
        tbb::simple_partitioner{});
  }

  std::expected<RosterOutcome, std::string> Write() {
    RosterOutcome out;
    // Behind a fault of the text, what else is wrong would be guessed.
    RosterOrder order;
    if (CountFaults() == 0 || how_->skip_bad) {
      order = OrderRoster(batches_);
      Tell("ordered", order.by_id.size(), order.by_id.size());
    }
    out.fault_count = CountFaults();
    TakeFaults(out.faults);
    if (out.fault_count != 0 && !how_->skip_bad) {
      return out;
    }
    const auto totals = WriteRoster(batches_, order, *path_);
    if (!totals) {
      return std::unexpected(totals.error());
    }
    Tell("written", totals->endpoints, totals->endpoints);
    out.totals = *totals;
    out.is_written = true;
    return out;
  }

  [[nodiscard]] std::uint64_t CountFaults() const {
    std::uint64_t out = 0;
    for (const RosterBatch& batch : batches_) {
      out += batch.fault_count;
    }
    return out;
  }

  void TakeFaults(std::vector<RosterFault>& out) {
    for (RosterBatch& batch : batches_) {
      std::ranges::move(batch.faults, std::back_inserter(out));
    }
    std::ranges::stable_sort(out, {}, &RosterFault::line);
    out.resize(std::min(out.size(), kMostFaultsTold));
  }

  void Tell(std::string_view step, std::uint64_t done, std::uint64_t of) const {
    if (how_->progress) {
      how_->progress(step, done, of);
    }
  }

  const RosterLoad* how_;
  const std::string* path_;
  std::vector<RosterBatch> batches_;
  std::mutex mutex_;
};

}  // namespace

RosterFormat FormatOf(std::string_view text) noexcept {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{' ? RosterFormat::kJsonLines
                                                               : RosterFormat::kCsv;
}

std::expected<RosterText, std::string> RosterText::OfFile(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"),
                                                             std::fclose);
  if (!file) {
    return std::unexpected(path +
                           ": needed a readable file: " + std::generic_category().message(errno));
  }
  RosterText out;
  std::error_code unknown;  // a pipe has no size
  const auto size = std::filesystem::file_size(path, unknown);
  out.bytes_.reserve((unknown ? 0 : static_cast<std::size_t>(size)) + kRosterPadding);
  std::vector<char> piece(std::size_t{1} << 20);
  while (const std::size_t got = std::fread(piece.data(), 1, piece.size(), file.get())) {
    out.bytes_.append(piece.data(), got);
  }
  if (std::ferror(file.get()) != 0) {
    return std::unexpected(path + ": cannot read: " + std::generic_category().message(errno));
  }
  out.bytes_.append(kRosterPadding, '\0');
  return out;
}

RosterText RosterText::Of(std::istream& in) {
  RosterText out;
  out.bytes_.assign(std::istreambuf_iterator<char>(in), {});
  out.bytes_.append(kRosterPadding, '\0');
  return out;
}

RosterText RosterText::Of(std::string_view text) {
  RosterText out;
  out.bytes_.assign(text);
  out.bytes_.append(kRosterPadding, '\0');
  return out;
}

std::string_view RosterText::text() const noexcept {
  return std::string_view(bytes_).substr(0, bytes_.size() - kRosterPadding);
}

std::expected<RosterOutcome, std::string> LoadRoster(std::string_view text,
                                                     const RosterLoad& load,
                                                     const std::string& path) {
  return Load(load, path).Run(text);
}

}  // namespace flatline
