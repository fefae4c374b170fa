#include "control/filter/filter_program.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace flatline {

EndpointSet::EndpointSet(const Roster* roster,
                         std::span<const std::span<const Roster::Ordinal>> parts)
    : roster_(roster) {
  std::size_t count = 0;
  for (const auto& part : parts) {
    count += part.size();
  }
  if (count > kFew) {
    constexpr unsigned kBits = 64;
    bits_.resize(roster->size() / kBits + 1);
    for (const auto& part : parts) {
      for (const Roster::Ordinal ordinal : part) {
        bits_[ordinal / kBits] |= std::uint64_t{1} << (ordinal % kBits);
      }
    }
    return;
  }
  ids_.resize(std::bit_ceil(std::max<std::size_t>(count * 2, 2)));
  shift_ = 64U - static_cast<unsigned>(std::countr_zero(ids_.size()));
  for (const auto& part : parts) {
    for (const Roster::Ordinal ordinal : part) {
      const EndpointId id = roster->id(ordinal);
      std::size_t at = roster::HashOf(id) >> shift_;
      while (ids_[at] != kNoEndpoint) {
        at = (at + 1) & (ids_.size() - 1);
      }
      ids_[at] = id;
    }
  }
}

bool EndpointSet::HasId(EndpointId id) const noexcept {
  std::size_t at = roster::HashOf(id) >> shift_;
  while (ids_[at] != kNoEndpoint && ids_[at] != id) {
    at = (at + 1) & (ids_.size() - 1);
  }
  return ids_[at] == id && id != kNoEndpoint;
}

bool EndpointSet::HasOrdinal(EndpointId id) const noexcept {
  const auto ordinal = roster_->Find(id);
  return ordinal && ((bits_[*ordinal / 64] >> (*ordinal % 64)) & 1U) != 0;
}

void EndpointSet::Prefetch(EndpointId id) const noexcept {
  if (bits_.empty()) {
    __builtin_prefetch(&ids_[roster::HashOf(id) >> shift_]);
  } else {
    roster_->Prefetch(id);
  }
}

// Works from the end: each test is made when it is known where it leads.
class FilterProgram::Compiler {
 public:
  Compiler(const FilterTree& tree, FilterProgram& out) : tree_(&tree), out_(&out) {
    for (const FilterTest& test : tree.tests) {
      operands_.push_back(OperandOf(test));
    }
  }

  // Passes over the tests of which this is true: whichever answer lets the record through.
  Place Compile(bool (*passes_over)(FilterFact)) {
    passes_over_ = passes_over;
    return From(static_cast<std::uint32_t>(tree_->nodes.size() - 1), kAccept, kReject, true);
  }

 private:
  std::uint32_t OperandOf(const FilterTest& test) {
    if (test.fact == FilterFact::kName || test.fact == FilterFact::kLabel) {
      out_->sets_.push_back(SetOf(test));
      return static_cast<std::uint32_t>(out_->sets_.size() - 1);
    }
    if (test.ranges.size() > 1) {
      out_->ranges_.push_back(test.ranges);
      return static_cast<std::uint32_t>(out_->ranges_.size() - 1);
    }
    return 0;
  }

  [[nodiscard]] EndpointSet SetOf(const FilterTest& test) const {
    const Roster* const roster = out_->roster_.get();
    std::vector<Roster::Ordinal> named;
    std::vector<std::span<const Roster::Ordinal>> parts;
    if (roster != nullptr && test.fact == FilterFact::kName) {
      for (const std::string& name : test.values) {
        if (const auto id = roster->IdOf(name)) {
          // NOLINTNEXTLINE(bugprone-unchecked-optional-access): its id was just told by the roster
          named.push_back(*roster->Find(*id));
        }
      }
      parts.emplace_back(named);
    } else if (roster != nullptr) {
      parts = MembersOf(*roster, test);
    }
    return {roster, parts};
  }

  // An endpoint has one value for each key, so the pairs of a key have no member twice.
  [[nodiscard]] static std::vector<std::span<const Roster::Ordinal>> MembersOf(
      const Roster& roster, const FilterTest& test) {
    std::vector<std::span<const Roster::Ordinal>> out;
    const auto key = roster.FindKey(test.key);
    if (!key) {
      return out;
    }
    const auto [first, end] = roster.PairsOf(*key);
    std::vector<bool> is_taken(end - first);
    for (const std::string& value : test.values) {
      if (!value.ends_with('*')) {
        if (const auto pair = roster.FindPair(*key, value)) {
          is_taken[*pair - first] = true;
        }
        continue;
      }
      const std::string_view prefix = std::string_view(value).substr(0, value.size() - 1);
      for (Roster::Pair pair = first; pair != end; ++pair) {
        is_taken[pair - first] = is_taken[pair - first] || roster.value(pair).starts_with(prefix);
      }
    }
    for (Roster::Pair pair = first; pair != end; ++pair) {
      if (is_taken[pair - first]) {
        out.push_back(roster.members(pair));
      }
    }
    return out;
  }

  // NOLINTNEXTLINE(misc-no-recursion): as deep as a filter may be, 64
  Place From(std::uint32_t node, Place on_true, Place on_false, bool is_positive) {
    const FilterNode& at = tree_->nodes[node];
    switch (at.kind) {
      case FilterNode::Kind::kNot:
        return From(at.left, on_false, on_true, !is_positive);
      case FilterNode::Kind::kAnd:
        return From(at.left, From(at.right, on_true, on_false, is_positive), on_false, is_positive);
      case FilterNode::Kind::kOr:
        return From(at.left, on_true, From(at.right, on_true, on_false, is_positive), is_positive);
      case FilterNode::Kind::kTest:
        break;
    }
    return Emit(at.left, on_true, on_false, is_positive);
  }

  Place Emit(std::uint32_t test_place, Place on_true, Place on_false, bool is_positive) {
    const FilterTest& test = tree_->tests[test_place];
    if (passes_over_(test.fact)) {
      // Some change of this endpoint may have it.
      return is_positive ? on_true : on_false;
    }
    Instruction out{.fact = test.fact,
                    .operand = operands_[test_place],
                    .on_true = on_true,
                    .on_false = on_false,
                    .mask = test.mask};
    if (test.fact == FilterFact::kName || test.fact == FilterFact::kLabel) {
      out.step = Step::kSet;
    } else if (test.ranges.size() == 1) {
      out.step = Step::kRange;
      out.mask = test.ranges.front().first;
      out.last = test.ranges.front().last;
    } else if (!test.ranges.empty()) {
      out.step = Step::kRanges;
    }
    out_->instructions_.push_back(out);
    return static_cast<Place>(out_->instructions_.size() - 1);
  }

  const FilterTree* tree_;
  FilterProgram* out_;
  std::vector<std::uint32_t> operands_;  // by test
  bool (*passes_over_)(FilterFact) = nullptr;
};

FilterProgram::FilterProgram(const FilterTree& tree, std::shared_ptr<const Roster> roster)
    : roster_(std::move(roster)) {
  Compiler compiler(tree, *this);
  change_ = compiler.Compile([](FilterFact) { return false; });
  row_ = compiler.Compile(IsOfEvents);
  flapping_ = compiler.Compile([](FilterFact fact) {
    return IsOfEvents(fact) || fact == FilterFact::kLiveness || fact == FilterFact::kHealth;
  });
}

FilterProgram::Facts FilterProgram::FactsOf(const DeliveryRecord& record) noexcept {
  const bool is_health = record.kind == RecordKind::kHealth;
  return {.small = {is_health ? static_cast<std::uint8_t>(Liveness::kAlive) : record.to,
                    is_health ? record.to : static_cast<std::uint8_t>(record.health),
                    record.reason,
                    static_cast<std::uint8_t>(is_health ? 1 : 0),
                    record.profile},
          .marks = static_cast<std::uint8_t>(((record.marks & kSoothingMarks) == 0 ? 1U : 0U) |
                                             (unsigned{record.marks} << 1U)),
          .group = record.group,
          .id = record.endpoint};
}

bool FilterProgram::Test(const Instruction& instruction, const Facts& facts) const noexcept {
  const std::uint64_t value =
      instruction.fact == FilterFact::kGroup ? std::uint64_t{facts.group} : facts.id;
  switch (instruction.step) {
    case Step::kMask: {
      if (instruction.fact == FilterFact::kMark) {
        return (instruction.mask & facts.marks) != 0;
      }
      const std::uint8_t bit = facts.small[static_cast<std::size_t>(instruction.fact)];
      return bit < 64 && ((instruction.mask >> bit) & 1U) != 0;
    }
    case Step::kRange:
      return value >= instruction.mask && value <= instruction.last;
    case Step::kRanges: {
      const auto& ranges = ranges_[instruction.operand];
      const auto behind = std::ranges::upper_bound(ranges, value, {}, &FilterRange::first);
      return behind != ranges.begin() && value <= std::prev(behind)->last;
    }
    case Step::kSet:
      break;
  }
  return sets_[instruction.operand].Has(facts.id);
}

bool FilterProgram::Run(Place from, const Facts& facts) const noexcept {
  while (from < kReject) {
    const Instruction& instruction = instructions_[from];
    from = Test(instruction, facts) ? instruction.on_true : instruction.on_false;
  }
  return from == kAccept;
}

bool FilterProgram::Wants(const DeliveryRecord& record) const noexcept {
  return Run(change_, FactsOf(record));
}

bool FilterProgram::WantsRow(const DeliveryRecord& row) const noexcept {
  return Run(row_, FactsOf(row));
}

bool FilterProgram::WantsFlapping(const DeliveryRecord& record) const noexcept {
  return Run(flapping_, FactsOf(record));
}

void FilterProgram::Match(std::span<const DeliveryRecord> records,
                          std::span<std::uint8_t> wanted) const noexcept {
  constexpr std::size_t kAhead = 16;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!sets_.empty() && i + kAhead < records.size()) {
      for (const EndpointSet& set : sets_) {
        set.Prefetch(records[i + kAhead].endpoint);
      }
    }
    wanted[i] = Wants(records[i]) ? 1 : 0;
  }
}

}  // namespace flatline
