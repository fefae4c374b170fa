// The lines that say whom to enrol or retire: "id[,profile[,group]]", where id may be a range;
// empty lines and what follows a # do not count. Used by enrol and retire. Pure; every fault is
// told with its line, so that a list is mended in one go.
#pragma once

#include <flatline/config.h>
#include <flatline/delivery.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace flatline::cli {

inline constexpr std::uint64_t kMostEntries = std::uint64_t{1} << 28;

class RosterLines {
 public:
  // `model` has the command, and the profile and group of lines that name none.
  RosterLines(const AdminEntry& model, const std::array<Profile, kMaxProfiles>& profiles)
      : model_(model), profiles_(&profiles) {}

  // `place` stands before the fault: "file:12", "argument 1".
  void Add(std::string_view line, const std::string& place);
  void AddAll(std::istream& lines, const std::string& name);

  // The entries in order, or the faults, one a line.
  [[nodiscard]] std::expected<std::vector<AdminEntry>, std::string> Take();

 private:
  // The id is the caller's to set.
  [[nodiscard]] std::expected<AdminEntry, std::string> EntryOf(
      std::span<const std::string_view> fields) const;
  void Complain(const std::string& place, const std::string& fault);

  AdminEntry model_;
  const std::array<Profile, kMaxProfiles>* profiles_;
  std::vector<AdminEntry> entries_;
  std::string faults_;
  std::size_t fault_count_ = 0;
};

}  // namespace flatline::cli
