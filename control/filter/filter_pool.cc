#include "control/filter/filter_pool.h"

#include "control/filter/filter_values.h"

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

#include <tbb/parallel_for.h>

namespace flatline {
namespace {

// Blanks do not count, but within quotes.
std::string Normalised(std::string_view text) {
  std::string out;
  bool is_quoted = false;
  for (const char c : text) {
    is_quoted = is_quoted != (c == '"');
    const bool is_blank = !is_quoted && (c == ' ' || c == '\t');
    if (!is_blank) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  while (out.ends_with(' ')) {
    out.pop_back();
  }
  return out;
}

// Of the mark in a test: "none" is bit 0.
constexpr auto kFlappingBit = static_cast<unsigned>(std::countr_zero(kMarkFlapping)) + 1U;

}  // namespace

CompiledFilter::CompiledFilter(FilterTree tree, const std::shared_ptr<const Roster>& roster)
    : tree_(std::move(tree)),
      asks_the_roster_(std::ranges::any_of(tree_.tests,
                                           [](const FilterTest& test) {
                                             return test.fact == FilterFact::kName ||
                                                    test.fact == FilterFact::kLabel;
                                           })),
      asks_for_flapping_(std::ranges::any_of(tree_.tests,
                                             [](const FilterTest& test) {
                                               return test.fact == FilterFact::kMark &&
                                                      ((test.mask >> kFlappingBit) & 1U) != 0;
                                             })),
      program_(std::make_shared<const FilterProgram>(tree_, roster)) {}

std::string_view CompiledFilter::FactOfTheMoment() const noexcept {
  const auto test = std::ranges::find_if(
      tree_.tests, [](const FilterTest& one) { return IsOfTheMoment(one.fact); });
  return test == tree_.tests.end() ? std::string_view{} : NameOf(test->fact);
}

std::shared_ptr<const FilterProgram> CompiledFilter::program() const {
  const std::lock_guard lock(mutex_);
  return program_;
}

void CompiledFilter::Follow(const std::shared_ptr<const Roster>& roster) {
  if (!asks_the_roster_) {
    return;
  }
  auto program = std::make_shared<const FilterProgram>(tree_, roster);
  const std::lock_guard lock(mutex_);
  program_.swap(program);
}

std::expected<std::shared_ptr<const CompiledFilter>, FilterFault> FilterPool::Intern(
    std::string_view text) {
  std::string key = Normalised(text);
  const std::lock_guard lock(mutex_);
  if (const auto at = filters_.find(key); at != filters_.end()) {
    if (auto known = at->second.lock()) {
      return known;
    }
  }
  auto tree = ParseFilter(text);  // as it was given: for the columns
  if (!tree) {
    return std::unexpected(std::move(tree.error()));
  }
  std::erase_if(filters_, [](const auto& entry) { return entry.second.expired(); });
  auto out = std::make_shared<CompiledFilter>(std::move(*tree), roster_);
  filters_.insert_or_assign(std::move(key), out);
  return out;
}

std::shared_ptr<const Roster> FilterPool::roster() const {
  const std::lock_guard lock(mutex_);
  return roster_;
}

void FilterPool::Follow(std::shared_ptr<const Roster> roster) {
  std::vector<std::shared_ptr<CompiledFilter>> live;
  const std::lock_guard lock(mutex_);
  roster_ = std::move(roster);
  for (const auto& [text, filter] : filters_) {
    if (auto one = filter.lock()) {
      live.push_back(std::move(one));
    }
  }
  tbb::parallel_for(std::size_t{0}, live.size(), [&](std::size_t i) { live[i]->Follow(roster_); });
}

}  // namespace flatline
