// The table of frames.txt: frames that scapy built, what they are, and the answers they deserve.
// Read by packet_test and responder_test. A file that is missing or malformed ends the test.
#pragma once

#include "dataplane/packet.h"

#include <cstddef>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace flatline {

struct FrameRow {
  std::string sentence;
  std::string verdict;  // name of the packet's class, or of the reason why it was dropped
  std::vector<std::byte> frame;
  std::vector<std::byte> answer;  // empty: none
};

void PrintTo(const FrameRow& row, std::ostream* out);  // for GoogleTest: the sentence

[[nodiscard]] const std::vector<FrameRow>& FrameTable();

[[nodiscard]] const FrameRow& RowOf(std::string_view sentence);

// The port that the table's frames are sent to.
[[nodiscard]] PortIdentity TablePort();

[[nodiscard]] Frame FrameOf(const std::vector<std::byte>& bytes);

[[nodiscard]] std::string VerdictOf(const Frame& frame, const PortIdentity& identity);

}  // namespace flatline
