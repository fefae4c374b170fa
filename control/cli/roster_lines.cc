#include "control/cli/roster_lines.h"

#include "control/cli/arguments.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <istream>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace flatline::cli {
namespace {

constexpr std::size_t kMostFaults = 20;

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlank);
  return first == std::string_view::npos
             ? std::string_view{}
             : text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::vector<std::string_view> Fields(std::string_view line) {
  std::vector<std::string_view> out;
  for (std::size_t at = 0; at <= line.size();) {
    const std::size_t comma = std::min(line.find(',', at), line.size());
    out.push_back(Trimmed(line.substr(at, comma - at)));
    at = comma + 1;
  }
  return out;
}

}  // namespace

void RosterLines::Complain(const std::string& place, const std::string& fault) {
  if (++fault_count_ <= kMostFaults) {
    faults_ += (faults_.empty() ? "" : "\n") + place + ": " + fault;
  }
}

std::expected<AdminEntry, std::string> RosterLines::EntryOf(
    std::span<const std::string_view> fields) const {
  AdminEntry out = model_;
  if (fields.size() > 3) {
    return std::unexpected("more than id,profile,group");
  }
  if (fields.size() > 1 && !fields[1].empty()) {
    const auto profile = ParseProfile(fields[1], *profiles_);
    if (!profile) {
      return std::unexpected(profile.error());
    }
    out.profile = *profile;
  }
  if (fields.size() > 2 && !fields[2].empty()) {
    const auto group = ParseNumber(fields[2], std::numeric_limits<Group>::max());
    if (!group) {
      return std::unexpected("group " + group.error());
    }
    out.group = static_cast<Group>(*group);
  }
  return out;
}

void RosterLines::Add(std::string_view line, const std::string& place) {
  const std::string_view text = Trimmed(line.substr(0, line.find('#')));
  if (text.empty()) {
    return;
  }
  const std::vector<std::string_view> fields = Fields(text);
  const auto ids = ParseIds(fields[0]);
  auto entry = EntryOf(fields);
  if (!ids || !entry) {
    Complain(place, ids ? entry.error() : ids.error());
    return;
  }
  if (ids->last - ids->first >= kMostEntries || entries_.size() + ids->size() > kMostEntries) {
    Complain(place, "more than " + std::to_string(kMostEntries) + " endpoints at once; split them");
    return;
  }
  for (std::uint64_t i = 0; i < ids->size(); ++i) {
    entry->id = ids->first + i;
    entries_.push_back(*entry);
  }
}

void RosterLines::AddAll(std::istream& lines, const std::string& name) {
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    Add(line, name + ":" + std::to_string(++number));
  }
}

std::expected<std::vector<AdminEntry>, std::string> RosterLines::Take() {
  if (fault_count_ == 0) {
    return std::move(entries_);
  }
  if (fault_count_ > kMostFaults) {
    faults_ += "\nand " + std::to_string(fault_count_ - kMostFaults) + " more";
  }
  return std::unexpected(faults_);
}

}  // namespace flatline::cli
