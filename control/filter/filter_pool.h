// Filters by their text: the same text, the same object, so that subscribers who want the same
// share one encoded stream; and all of them follow the roster. Used by any
// thread. A filter goes when the last who wants it has gone. Cost: a look in a map for each
// subscriber; a compilation for each filter when it is new, and when the roster changes.
#pragma once

#include "control/filter/filter_program.h"
#include "control/filter/filter_text.h"

#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace flatline {

class CompiledFilter {
 public:
  CompiledFilter(FilterTree tree, const std::shared_ptr<const Roster>& roster);

  // As of now: take it once for many records. A roster that comes later makes another one.
  [[nodiscard]] std::shared_ptr<const FilterProgram> program() const;

  // Whether it will ever be another one.
  [[nodiscard]] bool asks_the_roster() const noexcept { return asks_the_roster_; }

  // Whether a test names the mark of suppressed changes: then they are asked for.
  [[nodiscard]] bool asks_for_flapping() const noexcept { return asks_for_flapping_; }

  // The first test of how an endpoint fares, not of what it is: its name; empty: there is none.
  [[nodiscard]] std::string_view FactOfTheMoment() const noexcept;

  [[nodiscard]] bool Wants(const DeliveryRecord& record) const {
    return asks_the_roster_ ? program()->Wants(record) : program_->Wants(record);
  }

  [[nodiscard]] bool WantsRow(const DeliveryRecord& row) const {
    return asks_the_roster_ ? program()->WantsRow(row) : program_->WantsRow(row);
  }

  void Follow(const std::shared_ptr<const Roster>& roster);

 private:
  FilterTree tree_;
  bool asks_the_roster_;
  bool asks_for_flapping_;
  mutable std::mutex mutex_;  // of program_, where it may change
  std::shared_ptr<const FilterProgram> program_;
};

class FilterPool {
 public:
  [[nodiscard]] std::expected<std::shared_ptr<const CompiledFilter>, FilterFault> Intern(
      std::string_view text);

  // All filters there are, on all cores.
  void Follow(std::shared_ptr<const Roster> roster);

  [[nodiscard]] std::shared_ptr<const Roster> roster() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::weak_ptr<CompiledFilter>, std::less<>> filters_;
  std::shared_ptr<const Roster> roster_;
};

}  // namespace flatline
