// Rows of a roster as they are read: one batch for each piece of the file, filled by one thread,
// merged by RosterWriter. Says what may be in a row, for every format. Assumes that the file's text
// outlives the batch: names and values are kept where they stand, but for those with escapes. Cost:
// 40 bytes a row, 4 a label; a look in a hash table for each label whose value is not the one
// before.
#pragma once

#include "control/roster/roster_layout.h"

#include <flatline/endpoint.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace flatline {

// By name or number; the configuration's. The error says what there is.
using ProfileByName = std::function<std::expected<ProfileId, std::string>(std::string_view)>;

struct RosterFault {
  std::uint64_t line = 0;    // from 1
  std::uint32_t column = 0;  // in bytes, from 1; 0: the whole line
  std::string cause{};
};

// Whether it would be taken for an id, or a range of ids: then it can be nobody's name.
[[nodiscard]] bool ReadsAsIds(std::string_view text) noexcept;

// A whole number, decimal or with 0x, up to `most`.
[[nodiscard]] std::expected<std::uint64_t, std::string> ReadRosterNumber(std::string_view text,
                                                                         std::uint64_t most);

class RosterBatch {
 public:
  struct Row {
    EndpointId id = kNoEndpoint;
    const char* name = nullptr;
    std::uint64_t first_label = 0;  // in labels()
    std::uint32_t line = 0;         // within the piece, from 0
    Group group = kNoGroup;
    std::uint8_t name_size = 0;
    std::uint8_t label_count = 0;
    std::uint8_t profile = 0;
  };

  struct Label {
    std::uint32_t key = 0;  // in keys()
    std::string_view value{};
  };

  using Result = std::expected<void, std::string>;  // the cause of a fault

  explicit RosterBatch(const ProfileByName& profiles) : profiles_(&profiles) {}

  // A row: Begin, what there is of it, and End; what was set since Begin is void where one of them
  // gives a fault.
  void Begin(std::uint32_t line);
  [[nodiscard]] Result SetId(std::uint64_t id);
  [[nodiscard]] Result SetId(std::string_view text);
  [[nodiscard]] Result SetName(std::string_view name);
  [[nodiscard]] Result SetGroup(std::string_view text);
  [[nodiscard]] Result SetGroupNumber(std::uint64_t number);
  [[nodiscard]] Result SetProfile(std::string_view text);
  // `key` is from KeyFor.
  [[nodiscard]] Result AddLabel(std::uint32_t key, std::string_view value);
  [[nodiscard]] Result End();

  [[nodiscard]] std::expected<std::uint32_t, std::string> KeyFor(std::string_view key);

  // Text that does not stand in the file, kept as long as the batch.
  [[nodiscard]] std::string_view Keep(std::string text);

  [[nodiscard]] const std::vector<Row>& rows() const noexcept { return rows_; }

  // Of a row: places in pairs().
  [[nodiscard]] const std::vector<std::uint32_t>& labels() const noexcept { return labels_; }

  [[nodiscard]] const std::vector<Label>& pairs() const noexcept { return pairs_; }

  [[nodiscard]] const std::deque<std::string>& keys() const noexcept { return key_names_; }

  [[nodiscard]] const std::map<Group, std::string>& group_names() const noexcept {
    return group_names_;
  }

  std::uint64_t first_line = 1;  // of the piece in the file
  std::vector<RosterFault> faults{};
  std::uint64_t fault_count = 0;

  void Complain(std::uint32_t line, std::size_t column, std::string cause);

 private:
  struct Key {
    std::unordered_map<std::string_view, std::uint32_t> pairs;
    std::uint32_t last = 0;  // the pair met last: neighbours in a file are alike
    bool has_last = false;
  };

  const ProfileByName* profiles_;
  Row row_;
  std::vector<Row> rows_;
  std::vector<std::uint32_t> labels_;
  std::vector<Label> pairs_;
  std::deque<Key> keys_;
  std::deque<std::string> key_names_;
  std::unordered_map<std::string_view, std::uint32_t> key_places_;
  std::map<Group, std::string> group_names_;
  std::string last_group_;
  Group last_group_number_ = kNoGroup;
  std::deque<std::string> kept_;
};

}  // namespace flatline
