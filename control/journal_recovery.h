// How a journal is opened: what a predecessor left is looked at, record by record, and nothing of
// it is believed but what its CRC and its number vouch for. Called once at start, by Journal::Open.
// What follows the last good record is cut; a damaged record before it becomes a hole, which
// subscribers are told of as a gap; nothing is mended by guessing. Scans with all cores, some 5 GB
// a second and core once it is in memory.
#pragma once

#include "control/journal.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

namespace flatline {

class JournalRecovery {
 public:
  JournalRecovery(Journal& journal, Journal::Findings& findings)
      : journal_(&journal), findings_(&findings) {}

  [[nodiscard]] std::expected<void, std::string> Run();

 private:
  [[nodiscard]] std::expected<void, std::string> OpenSegments();
  void SetAsideDisconnected();
  void Judge();
  void Cut(std::size_t last, const std::vector<SegmentScan>& scans);
  void AddHole(std::uint64_t first, std::uint64_t last);

  Journal* journal_;
  Journal::Findings* findings_;
  std::uint64_t emptied_ = 0;  // last sequence before a file that held nothing
};

}  // namespace flatline
