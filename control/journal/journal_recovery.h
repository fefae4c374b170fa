// How a journal is opened: what a predecessor left is looked at, record by record, and nothing of
// it is believed but what its CRC and its number vouch for. Called once at start, by Journal::Open.
// A record that was never finished is cut; one that was, and is damaged or missing now, keeps its
// number and becomes a hole, which subscribers are told of as a gap; nothing is mended by guessing.
// Scans with all cores, some 5 GB a second and core once it is in memory.
#pragma once

#include "control/journal/journal.h"

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
  // A file of the journal, and what is in it.
  struct Found {
    std::shared_ptr<Segment> segment;
    SegmentScan scan;

    // Garbage with a name like ours says nothing by itself.
    [[nodiscard]] bool speaks_for_itself() const noexcept {
      return segment->is_header_sound() || scan.good != 0;
    }
  };

  [[nodiscard]] std::expected<void, std::string> OpenSegments(const std::string& directory,
                                                              bool in_memory);
  void SetAside(const std::string& path, const std::string& why);
  void SettleOverlap(Found one);
  void SetAsideForeign();
  [[nodiscard]] bool FitsAmongThose(const Found& candidate) const;
  void WriteHeadersAnew();
  void Judge();
  void KeepCount(std::size_t last);
  void SettleStumps();
  [[nodiscard]] std::uint64_t LastGivenOut(std::size_t last) const;
  void FindHoles(std::size_t last);
  void SettleMarks(std::size_t last);
  void Cut(std::size_t last);

  Journal* journal_;
  Journal::Findings* findings_;
  std::vector<Found> found_;         // by sequence
  std::vector<std::string> stumps_;  // files too short for a segment
  std::uint64_t emptied_ = 0;        // last sequence before one of them
  std::uint64_t given_in_stumps_ = 0;
  bool had_memory_ = false;  // memory has not gone with the power
};

}  // namespace flatline
