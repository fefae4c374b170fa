// The file in which control keeps who is silenced until when: its layout, for control, which maps
// it, and for `flatline maintain`, which lists it. Assumes one writer; a reader beside it sees each
// entry whole or as it was. Bounds: kMostMaintained entries. Cost: a mebibyte read.
//
//   file:  slot | slot | …      slot: two entries, written in turn; the later one that is whole
//   counts
#pragma once

#include "control/files/two_copies.h"

#include <flatline/endpoint.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace flatline {

inline constexpr std::size_t kMostMaintained = 4'096;
inline constexpr std::uint32_t kMostMaintenanceSeconds = 366 * 86'400;
inline constexpr std::size_t kMostMaintenanceReason = 80;

// An endpoint, or, where that is none, a group.
struct MaintenanceTarget {
  EndpointId endpoint = kNoEndpoint;
  Group group = kNoGroup;

  bool operator==(const MaintenanceTarget&) const = default;
};

struct MaintenanceEntry {
  enum class State : std::uint32_t { kFree = 0, kBegun = 1, kTold = 2 };

  EndpointId endpoint = kNoEndpoint;
  Group group = kNoGroup;
  State state = State::kFree;  // kTold: its begin is in the journal
  std::int64_t begun_ns = 0;   // wall clock
  std::int64_t until_ns = 0;
  std::array<char, kMostMaintenanceReason> reason{};  // zero-padded
  std::uint64_t version = 0;                          // the later of two
  std::uint32_t reserved = 0;
  std::uint32_t crc = 0;  // CRC32C of all before

  // Its times can be reckoned with.
  [[nodiscard]] bool is_possible() const noexcept {
    return begun_ns >= 0 && until_ns >= 0 && state <= State::kTold;
  }

  [[nodiscard]] MaintenanceTarget target() const noexcept { return {endpoint, group}; }

  [[nodiscard]] std::string_view reason_text() const noexcept;
};

static_assert(sizeof(MaintenanceEntry) == 128);

using MaintenanceSlot = TwoCopies<MaintenanceEntry>;

// What is in the file now, for the tools; the error is one line.
[[nodiscard]] std::expected<std::vector<MaintenanceEntry>, std::string> ReadMaintenance(
    const std::string& path);

}  // namespace flatline
