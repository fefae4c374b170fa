// A roster as comma-separated values (RFC 4180): a header line that names the columns, then a line
// for each endpoint; a quoted field may hold commas, line ends and doubled quotes. Columns `id`,
// `name`, `group` and `profile` are known; every other one is a label. Used by the load, a piece of
// the file for each thread. Pure. An empty field says nothing. Cost: one pass.
#pragma once

#include "control/roster/roster_batch.h"

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace flatline {

class RosterColumns {
 public:
  enum class Meaning : std::uint8_t { kId, kName, kGroup, kProfile, kLabel };

  struct Column {
    Meaning meaning = Meaning::kLabel;
    std::string name{};
  };

  // From the file's first line, which is taken off `text`.
  [[nodiscard]] static std::expected<RosterColumns, RosterFault> Take(std::string_view& text);

  [[nodiscard]] const std::vector<Column>& columns() const noexcept { return columns_; }

 private:
  std::vector<Column> columns_;
};

// Rows and faults into `out`. A faulty line is left out, and the next one is read.
void ReadRosterCsv(std::string_view piece, const RosterColumns& columns, RosterBatch& out);

}  // namespace flatline
