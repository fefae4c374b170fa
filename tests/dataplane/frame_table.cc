#include "tests/dataplane/frame_table.h"

#include <flatline/check.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <ostream>

namespace flatline {
namespace {

std::vector<std::byte> FromHex(std::string_view hex) {
  std::vector<std::byte> out(hex.size() / 2);
  for (std::size_t i = 0; i < out.size(); ++i) {
    unsigned value = 0;
    const char* digits = hex.data() + 2 * i;
    FLATLINE_CHECK(std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2);
    out[i] = static_cast<std::byte>(value);
  }
  return out;
}

std::string Field(std::string_view& line) {
  const auto end = line.find('|');
  std::string_view field = line.substr(0, end);
  line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
  field.remove_prefix(std::min(field.find_first_not_of(' '), field.size()));
  return std::string{field.substr(0, field.find_last_not_of(' ') + 1)};
}

std::vector<FrameRow> ReadTable() {
  std::ifstream in{FLATLINE_FRAMES};
  std::vector<FrameRow> rows;
  for (std::string line; std::getline(in, line);) {
    std::string_view rest = line;
    FrameRow row;
    row.sentence = Field(rest);
    row.verdict = Field(rest);
    row.frame = FromHex(Field(rest));
    row.answer = FromHex(Field(rest));
    rows.push_back(std::move(row));
  }
  FLATLINE_CHECK(rows.size() > 100);
  return rows;
}

}  // namespace

void PrintTo(const FrameRow& row, std::ostream* out) {
  *out << row.sentence;
}

const std::vector<FrameRow>& FrameTable() {
  static const std::vector<FrameRow> table = ReadTable();
  return table;
}

const FrameRow& RowOf(std::string_view sentence) {
  const auto row = std::ranges::find(FrameTable(), sentence, &FrameRow::sentence);
  FLATLINE_CHECK(row != FrameTable().end());
  return *row;
}

PortIdentity TablePort() {
  return {.mac = {2, 0, 0, 0, 0, 1},
          .udp_port = 17996,
          .addresses = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 1},
                        {0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}};
}

Frame FrameOf(const std::vector<std::byte>& bytes) {
  return {.data = bytes.data(), .length = static_cast<std::uint32_t>(bytes.size())};
}

std::string VerdictOf(const Frame& frame, const PortIdentity& identity) {
  constexpr std::array<std::string_view, 8> kClasses{"datagram",
                                                     "arp-request",
                                                     "neighbour-solicitation",
                                                     "echo4",
                                                     "echo6",
                                                     "echo-reply",
                                                     "arp-reply",
                                                     "neighbour-advertisement"};
  const auto packet = ParsePacket(frame, identity);
  return std::string{packet ? kClasses[static_cast<std::size_t>(packet->kind)]
                            : NameOf(packet.error())};
}

}  // namespace flatline
