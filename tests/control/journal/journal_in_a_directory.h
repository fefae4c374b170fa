// A directory of its own for a journal, removed at the end; and the journal in it.
#pragma once

#include "control/journal/journal.h"
#include "tests/temporary_directory.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace flatline {

class JournalInADirectory {
 public:
  // Segments of `records` records, `segments` of them kept.
  explicit JournalInADirectory(std::uint64_t records = 63, std::uint64_t segments = 4) {
    options.directory = directory_.path();
    options.segment = (records + 1) * sizeof(DeliveryRecord);
    options.retain = segments * options.segment;
  }

  [[nodiscard]] std::unique_ptr<Journal> Open() {
    findings.clear();
    auto out = Journal::Open(options, findings);
    error = out ? "" : out.error();
    return out ? std::move(*out) : nullptr;
  }

  // The journal's files, in order.
  [[nodiscard]] std::vector<std::filesystem::path> Files() const {
    std::vector<std::filesystem::path> out;
    for (const auto& entry : std::filesystem::directory_iterator(options.directory)) {
      if (entry.path().extension() == ".journal") {
        out.push_back(entry.path());
      }
    }
    std::ranges::sort(out);
    return out;
  }

  JournalOptions options;
  Journal::Findings findings;
  std::string error;

 private:
  TemporaryDirectory directory_;
};

inline DeliveryRecord RecordFor(EndpointId id) {
  DeliveryRecord out;
  out.endpoint = id;
  out.from = static_cast<std::uint8_t>(Liveness::kSuspect);
  out.to = static_cast<std::uint8_t>(Liveness::kDead);
  return out;
}

}  // namespace flatline
