// A filter ready to be asked of record after record: tests that jump to the next, compiled from its
// tree against one roster. Shared by all who want the same; never changes, so that any thread may
// ask. Labels are bits by roster ordinal, or a small table of ids where few have them. Cost: a
// nanosecond or two for each test that is come to; a label that many have costs the look-up of the
// id in the roster besides.
#pragma once

#include "control/filter/filter_text.h"
#include "control/roster/roster.h"

#include <flatline/delivery.h>
#include <flatline/liveness.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace flatline {

// Those who have a label, or a name.
class EndpointSet {
 public:
  // Up to so many are kept by id, more by ordinal.
  static constexpr std::size_t kFew = 65536;

  // Each ordinal at most once.
  EndpointSet(const Roster* roster, std::span<const std::span<const Roster::Ordinal>> parts);

  [[nodiscard]] bool Has(EndpointId id) const noexcept {
    return bits_.empty() ? HasId(id) : HasOrdinal(id);
  }

  void Prefetch(EndpointId id) const noexcept;

 private:
  [[nodiscard]] bool HasId(EndpointId id) const noexcept;
  [[nodiscard]] bool HasOrdinal(EndpointId id) const noexcept;

  const Roster* roster_;
  std::vector<EndpointId> ids_;      // open addressing, at most half full, kNoEndpoint: free
  unsigned shift_ = 0;               // of a hash, to a place in ids_
  std::vector<std::uint64_t> bits_;  // by ordinal
};

class FilterProgram {
 public:
  // Without a roster nobody has a name or a label.
  FilterProgram(const FilterTree& tree, std::shared_ptr<const Roster> roster);

  // Of a change of liveness or health, by what holds after it. A change of health was told by a
  // heartbeat, so its endpoint is alive.
  [[nodiscard]] bool Wants(const DeliveryRecord& record) const noexcept;

  // Of an endpoint as it is: a test of the reason, or of what changed, is passed over.
  [[nodiscard]] bool WantsRow(const DeliveryRecord& row) const noexcept;

  // Of the word that an endpoint's changes are suppressed, or told again: by what it is, however it
  // fares; what is heard of its changes, and what not, is then known to be so.
  [[nodiscard]] bool WantsFlapping(const DeliveryRecord& record) const noexcept;

  // One for each record, 1 where it is wanted. Faster than one by one where labels are tested.
  void Match(std::span<const DeliveryRecord> records,
             std::span<std::uint8_t> wanted) const noexcept;

 private:
  enum class Step : std::uint8_t { kMask, kRange, kRanges, kSet };
  using Place = std::uint32_t;
  static constexpr Place kAccept = 0xFFFFFFFFU;
  static constexpr Place kReject = 0xFFFFFFFEU;

  struct Instruction {
    Step step = Step::kMask;
    FilterFact fact = FilterFact::kLiveness;
    std::uint32_t operand = 0;  // in ranges_ or sets_
    Place on_true = kAccept;
    Place on_false = kReject;
    std::uint64_t mask = 0;  // of kMask; of kRange the first
    std::uint64_t last = 0;  // of kRange
  };

  struct Facts {
    std::array<std::uint8_t, 5> small{};  // by FilterFact, up to kProfile
    std::uint8_t marks = 1;               // bit n: as FilterFact::kMark has n
    Group group = kNoGroup;
    EndpointId id = kNoEndpoint;
  };

  class Compiler;

  [[nodiscard]] static Facts FactsOf(const DeliveryRecord& record) noexcept;
  [[nodiscard]] bool Run(Place from, const Facts& facts) const noexcept;
  [[nodiscard]] bool Test(const Instruction& instruction, const Facts& facts) const noexcept;

  std::shared_ptr<const Roster> roster_;
  std::vector<Instruction> instructions_;
  std::vector<std::vector<FilterRange>> ranges_;
  std::vector<EndpointSet> sets_;
  Place change_ = kAccept;  // where a change is judged from
  Place row_ = kAccept;     // a row
  Place flapping_ = kAccept;
};

}  // namespace flatline
