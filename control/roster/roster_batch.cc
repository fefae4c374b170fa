#include "control/roster/roster_batch.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace flatline {
namespace {

constexpr std::size_t kMostFaultsKept = 20;
constexpr std::size_t kMostKeys = 4096;

std::unexpected<std::string> Fault(std::string cause) {
  return std::unexpected(std::move(cause));
}

std::string Quoted(std::string_view text) {
  constexpr std::size_t kMostShown = 40;
  return text.size() <= kMostShown ? "\"" + std::string(text) + "\""
                                   : "\"" + std::string(text.substr(0, kMostShown)) + "…\"";
}

bool IsPrintable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte != 0x7F;
  });
}

bool IsKeyCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-' || c == '/';
}

}  // namespace

std::expected<std::uint64_t, std::string> ReadRosterNumber(std::string_view text,
                                                           std::uint64_t most) {
  const bool is_hex = text.starts_with("0x") || text.starts_with("0X");
  const std::string_view digits = is_hex ? text.substr(2) : text;
  std::uint64_t out = 0;
  const auto [at, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), out, is_hex ? 16 : 10);
  if (error != std::errc{} || at != digits.data() + digits.size() || out > most) {
    return Fault(Quoted(text) + " is not a whole number up to " + std::to_string(most));
  }
  return out;
}

bool ReadsAsIds(std::string_view text) noexcept {
  const auto is_number = [](std::string_view part) {
    const bool is_hex = part.starts_with("0x") || part.starts_with("0X");
    part.remove_prefix(is_hex ? 2 : 0);
    return !part.empty() && std::ranges::all_of(part, [&](char c) {
      return (c >= '0' && c <= '9') || (is_hex && ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'));
    });
  };
  const std::size_t dash = text.find('-');
  return is_number(text.substr(0, dash)) &&
         (dash == std::string_view::npos || is_number(text.substr(dash + 1)));
}

void RosterBatch::Begin(std::uint32_t line) {
  // What a row that was given up has left behind goes.
  labels_.resize(rows_.empty() ? 0 : rows_.back().first_label + rows_.back().label_count);
  row_ = {};
  row_.first_label = labels_.size();
  row_.line = line;
}

RosterBatch::Result RosterBatch::SetId(std::uint64_t id) {
  if (id == kNoEndpoint) {
    return Fault("an id is from 1 on");
  }
  row_.id = id;
  return {};
}

RosterBatch::Result RosterBatch::SetId(std::string_view text) {
  const auto id = ReadRosterNumber(text, std::numeric_limits<EndpointId>::max());
  return id ? SetId(*id) : Fault("id: " + id.error());
}

RosterBatch::Result RosterBatch::SetName(std::string_view name) {
  if (name.size() > kMostNameBytes) {
    return Fault("name: " + std::to_string(name.size()) + " bytes, at most " +
                 std::to_string(kMostNameBytes) + " are allowed");
  }
  if (!IsPrintable(name)) {
    return Fault("name: has a control character");
  }
  if (ReadsAsIds(name)) {
    return Fault("name: " + Quoted(name) + " would be taken for an id; choose one with letters");
  }
  row_.name = name.data();
  row_.name_size = static_cast<std::uint8_t>(name.size());
  return {};
}

RosterBatch::Result RosterBatch::SetGroupNumber(std::uint64_t number) {
  if (number > std::numeric_limits<Group>::max()) {
    return Fault("group: a number is at most 4294967295");
  }
  row_.group = static_cast<Group>(number);
  return {};
}

RosterBatch::Result RosterBatch::SetGroup(std::string_view text) {
  if (text.empty()) {
    row_.group = kNoGroup;
    return {};
  }
  if (text == last_group_) {
    row_.group = last_group_number_;
    return {};
  }
  if (text.size() > kMostLabelBytes || !IsPrintable(text)) {
    return Fault("group: a name is at most 255 bytes without control characters");
  }
  if (ReadsAsIds(text)) {
    const auto number = ReadRosterNumber(text, std::numeric_limits<Group>::max());
    if (!number) {
      return Fault("group: " + number.error());
    }
    row_.group = static_cast<Group>(*number);
  } else {
    row_.group = roster::NumberOfGroup(text.data(), text.size());
    const auto [at, is_new] = group_names_.try_emplace(row_.group, text);
    if (!is_new && at->second != text) {
      return Fault("group: " + Quoted(text) + " and " + Quoted(at->second) +
                   " have the same number; rename one, or give numbers");
    }
  }
  last_group_ = text;
  last_group_number_ = row_.group;
  return {};
}

RosterBatch::Result RosterBatch::SetProfile(std::string_view text) {
  const auto profile = (*profiles_)(text);
  if (!profile) {
    return Fault("profile: " + profile.error());
  }
  static_assert(kMaxProfiles <= 256, "a profile is kept in a byte");
  row_.profile = static_cast<std::uint8_t>(*profile);
  return {};
}

std::expected<std::uint32_t, std::string> RosterBatch::KeyFor(std::string_view key) {
  if (const auto at = key_places_.find(key); at != key_places_.end()) {
    return at->second;
  }
  if (key.empty() || key.size() > kMostLabelBytes || !std::ranges::all_of(key, IsKeyCharacter) ||
      key == "and" || key == "or" || key == "not") {
    return Fault("label " + Quoted(key) +
                 ": a key is made of letters, digits, \".\", \"_\", \"-\" and \"/\"");
  }
  if (keys_.size() == kMostKeys) {
    return Fault("label " + Quoted(key) + ": there are 4096 keys already; put it into a value");
  }
  const auto place = static_cast<std::uint32_t>(keys_.size());
  keys_.emplace_back();
  key_places_.emplace(key_names_.emplace_back(key), place);
  return place;
}

RosterBatch::Result RosterBatch::AddLabel(std::uint32_t key, std::string_view value) {
  Key& known = keys_[key];
  std::uint32_t pair = known.last;
  if (!known.has_last || pairs_[pair].value != value) {
    if (value.size() > kMostLabelBytes || !IsPrintable(value)) {
      return Fault("label " + Quoted(key_names_[key]) +
                   ": a value is at most 255 bytes without control characters");
    }
    const auto [at, is_new] =
        known.pairs.try_emplace(value, static_cast<std::uint32_t>(pairs_.size()));
    if (is_new) {
      pairs_.push_back({key, value});
    }
    pair = at->second;
    known.last = pair;
    known.has_last = true;
  }
  for (std::size_t at = row_.first_label; at < labels_.size(); ++at) {
    if (pairs_[labels_[at]].key == key) {
      return Fault("label " + Quoted(key_names_[key]) + ": given twice");
    }
  }
  if (row_.label_count == kMostLabels) {
    return Fault("more than 64 labels");
  }
  labels_.push_back(pair);
  ++row_.label_count;
  return {};
}

RosterBatch::Result RosterBatch::End() {
  if (row_.id == kNoEndpoint && row_.name_size == 0) {
    return Fault("neither id nor name: needs one of them");
  }
  if (row_.id == kNoEndpoint) {
    row_.id = roster::IdOfName(row_.name, row_.name_size);
  }
  rows_.push_back(row_);
  return {};
}

std::string_view RosterBatch::Keep(std::string text) {
  return kept_.emplace_back(std::move(text));
}

void RosterBatch::Complain(std::uint32_t line, std::size_t column, std::string cause) {
  if (++fault_count <= kMostFaultsKept) {
    faults.push_back({first_line + line, static_cast<std::uint32_t>(column), std::move(cause)});
  }
}

}  // namespace flatline
