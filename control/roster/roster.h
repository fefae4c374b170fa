// Names, labels and groups of endpoints, as loaded last: mapped from the file that `flatline roster
// load` wrote. Used by control (names on the stream, labels in filters) and by the command line,
// from any thread: it never changes. Assumes that nobody writes into the file, which is only ever
// replaced. Cost: Open checks every byte, in parallel; by id about three lines, by name about ten;
// no allocation.
#pragma once

#include "control/roster/roster_layout.h"

#include <flatline/endpoint.h>

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace flatline {

class Roster {
 public:
  // Place of an endpoint, from 0 up to size(); of a label (key and value); of a key.
  using Ordinal = std::uint32_t;
  using Pair = std::uint32_t;
  using Key = std::uint32_t;

  // Null where there is no such file. The error says what is wrong with it and what to do.
  [[nodiscard]] static std::expected<std::shared_ptr<const Roster>, std::string> Open(
      const std::string& path);

  ~Roster();
  Roster(const Roster&) = delete;
  Roster& operator=(const Roster&) = delete;

  [[nodiscard]] std::uint32_t size() const noexcept {
    return static_cast<std::uint32_t>(header_->endpoints);
  }

  // Of the file, and so of memory once all of it has been looked at.
  [[nodiscard]] std::uint64_t bytes() const noexcept { return header_->bytes; }

  [[nodiscard]] std::optional<Ordinal> Find(EndpointId id) const noexcept;
  [[nodiscard]] std::optional<EndpointId> IdOf(std::string_view name) const noexcept;

  // A hint to fetch what Find will look at first.
  void Prefetch(EndpointId id) const noexcept;

  [[nodiscard]] EndpointId id(Ordinal ordinal) const noexcept { return ids_[ordinal]; }

  // Empty: it has none.
  [[nodiscard]] std::string_view name(Ordinal ordinal) const noexcept;
  [[nodiscard]] std::string_view NameOf(EndpointId id) const noexcept;

  [[nodiscard]] Group group(Ordinal ordinal) const noexcept {
    return Of<Group>(RosterSection::kGroups)[ordinal];
  }

  // kDefaultProfile: none said.
  [[nodiscard]] ProfileId profile(Ordinal ordinal) const noexcept {
    return Of<std::uint8_t>(RosterSection::kProfiles)[ordinal];
  }

  [[nodiscard]] std::span<const Pair> labels(Ordinal ordinal) const noexcept;

  // Keys are in order, and the pairs of a key are, by value.
  [[nodiscard]] Key keys() const noexcept;
  [[nodiscard]] std::string_view key(Key key) const noexcept;
  [[nodiscard]] std::optional<Key> FindKey(std::string_view wanted) const noexcept;
  // First, and one past the last.
  [[nodiscard]] std::pair<Pair, Pair> PairsOf(Key key) const noexcept;
  [[nodiscard]] Key KeyOf(Pair pair) const noexcept;
  [[nodiscard]] std::string_view value(Pair pair) const noexcept;
  [[nodiscard]] std::optional<Pair> FindPair(Key key, std::string_view wanted) const noexcept;
  [[nodiscard]] Pair pairs() const noexcept;
  // Who has the label, in order.
  [[nodiscard]] std::span<const Ordinal> members(Pair pair) const noexcept;

  // The groups that have a name, by number.
  [[nodiscard]] std::span<const Group> named_groups() const noexcept {
    return Of<Group>(RosterSection::kGroupNumbers);
  }

  [[nodiscard]] std::string_view GroupName(Group group) const noexcept;
  [[nodiscard]] std::optional<Group> FindGroup(std::string_view name) const noexcept;

 private:
  Roster(const std::byte* at, std::size_t mapped);

  template <typename T>
  [[nodiscard]] std::span<const T> Of(RosterSection section) const noexcept {
    const RosterExtent& extent = header_->sections[static_cast<std::size_t>(section)];
    return {reinterpret_cast<const T*>(at_ + extent.offset), extent.bytes / sizeof(T)};
  }

  template <typename T>
  [[nodiscard]] std::string_view TextOf(RosterSection offsets,
                                        RosterSection bytes,
                                        std::size_t at) const noexcept {
    const auto ends = Of<T>(offsets);
    return {Of<char>(bytes).data() + ends[at], static_cast<std::size_t>(ends[at + 1] - ends[at])};
  }

  // Where the part of `ordinal` begins, in a column of bases and offsets.
  [[nodiscard]] std::uint64_t Begin(RosterSection base,
                                    RosterSection offset,
                                    std::size_t ordinal) const noexcept {
    return Of<std::uint64_t>(base)[ordinal >> kOffsetBlockBits] +
           Of<std::uint32_t>(offset)[ordinal];
  }

  const std::byte* at_;
  std::size_t mapped_;
  const RosterHeader* header_;
  const EndpointId* ids_;
  const std::uint32_t* directory_;
  unsigned bucket_bits_;
  unsigned name_bits_;
};

}  // namespace flatline
