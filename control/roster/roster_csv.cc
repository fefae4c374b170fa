#include "control/roster/roster_csv.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

namespace flatline {
namespace {

struct Field {
  std::string_view text{};   // quotes around it taken off
  bool has_doubled = false;  // quotes within it
  bool is_last = false;      // of its line
  std::size_t begin = 0;     // in the text
};

struct CsvFault {
  std::size_t at = 0;
  const char* cause = nullptr;
};

// Fields one after the other, where lines end, and how many there were.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }

  [[nodiscard]] std::uint32_t line() const { return line_; }

  [[nodiscard]] std::size_t line_begin() const { return line_begin_; }

  // Takes an empty line, if there is one.
  [[nodiscard]] bool TakeBlank() {
    const std::size_t end = EndOfLine(at_);
    const bool is_blank = end == at_ || (end == at_ + 1 && text_[at_] == '\r');
    if (is_blank) {
      GoTo(end);
    }
    return is_blank;
  }

  [[nodiscard]] std::expected<Field, CsvFault> Next() {
    if (at_ < text_.size() && text_[at_] == '"') {
      return NextQuoted();
    }
    const std::size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '\n') {
      if (text_[at_] == '"') {
        return std::unexpected(
            CsvFault{at_, "a quote amid a field: put the field in quotes and double this one"});
      }
      ++at_;
    }
    std::size_t end = at_;
    const bool is_last = at_ == text_.size() || text_[at_] == '\n';
    if (is_last && end > begin && text_[end - 1] == '\r') {
      --end;
    }
    const Field out{text_.substr(begin, end - begin), false, is_last, begin};
    Pass();
    return out;
  }

  // The rest of the line that begins at line_begin(), whatever its quotes.
  void SkipLine(std::uint32_t line, std::size_t line_begin) {
    line_ = line;
    line_begin_ = line_begin;
    GoTo(EndOfLine(line_begin));
  }

 private:
  [[nodiscard]] std::size_t EndOfLine(std::size_t from) const {
    return std::min(text_.find('\n', from), text_.size());
  }

  void GoTo(std::size_t line_end) {
    at_ = line_end + 1;
    line_begin_ = at_;
    ++line_;
  }

  // Behind a field: the comma, or the end of the line.
  void Pass() {
    if (at_ >= text_.size() || text_[at_] == '\n') {
      GoTo(at_);
    } else {
      ++at_;
    }
  }

  [[nodiscard]] std::expected<Field, CsvFault> NextQuoted() {
    const std::size_t opened = at_;
    Field out{.begin = opened + 1};
    ++at_;
    for (;;) {
      const std::size_t quote = text_.find('"', at_);
      if (quote == std::string_view::npos) {
        return std::unexpected(CsvFault{opened, "a quoted field has no end"});
      }
      if (quote + 1 < text_.size() && text_[quote + 1] == '"') {
        out.has_doubled = true;
        at_ = quote + 2;
        continue;
      }
      out.text = text_.substr(opened + 1, quote - opened - 1);
      at_ = quote + 1;
      break;
    }
    line_ += static_cast<std::uint32_t>(std::ranges::count(out.text, '\n'));
    if (at_ < text_.size() && text_[at_] == '\r' &&
        (at_ + 1 == text_.size() || text_[at_ + 1] == '\n')) {
      ++at_;
    }
    out.is_last = at_ >= text_.size() || text_[at_] == '\n';
    if (!out.is_last && text_[at_] != ',') {
      return std::unexpected(CsvFault{at_, "text behind a closing quote"});
    }
    Pass();
    return out;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_begin_ = 0;
  std::uint32_t line_ = 0;
};

std::string Undoubled(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    i += text[i] == '"' ? 1 : 0;
  }
  return out;
}

// One line's fields into one row.
class RowReader {
 public:
  RowReader(const RosterColumns& columns, RosterBatch& out) : columns_(&columns), out_(&out) {
    keys_.resize(columns.columns().size());
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      if (columns.columns()[i].meaning == RosterColumns::Meaning::kLabel) {
        // The columns were asked for the same when they were read.
        keys_[i] = out.KeyFor(columns.columns()[i].name).value_or(0);
      }
    }
  }

  void Read(Cursor& from) {
    const std::uint32_t line = from.line();
    const std::size_t line_begin = from.line_begin();
    out_->Begin(line);
    for (std::size_t column = 0;; ++column) {
      const auto field = from.Next();
      if (!field) {
        out_->Complain(line, field.error().at - line_begin + 1, field.error().cause);
        from.SkipLine(line, line_begin);
        return;
      }
      if (auto set = Set(column, *field); !set) {
        out_->Complain(line, field->begin - line_begin + 1, std::move(set.error()));
        from.SkipLine(line, line_begin);
        return;
      }
      if (field->is_last) {
        Finish(line, column + 1);
        return;
      }
    }
  }

 private:
  [[nodiscard]] RosterBatch::Result Set(std::size_t column, const Field& field) {
    if (column >= keys_.size()) {
      return std::unexpected("more fields than the header's " + std::to_string(keys_.size()));
    }
    if (field.text.empty()) {
      return {};
    }
    const std::string_view text =
        field.has_doubled ? out_->Keep(Undoubled(field.text)) : field.text;
    using enum RosterColumns::Meaning;
    switch (columns_->columns()[column].meaning) {
      case kId:
        return out_->SetId(text);
      case kName:
        return out_->SetName(text);
      case kGroup:
        return out_->SetGroup(text);
      case kProfile:
        return out_->SetProfile(text);
      case kLabel:
        break;
    }
    return out_->AddLabel(keys_[column], text);
  }

  void Finish(std::uint32_t line, std::size_t fields) {
    if (fields != keys_.size()) {
      out_->Complain(
          line,
          0,
          std::to_string(fields) + " fields where the header has " + std::to_string(keys_.size()));
    } else if (auto ended = out_->End(); !ended) {
      out_->Complain(line, 0, std::move(ended.error()));
    }
  }

  const RosterColumns* columns_;
  RosterBatch* out_;
  std::vector<std::uint32_t> keys_;
};

std::optional<RosterColumns::Meaning> MeaningOf(std::string_view name) {
  using enum RosterColumns::Meaning;
  constexpr std::array kKnown{std::pair{std::string_view{"id"}, kId},
                              std::pair{std::string_view{"name"}, kName},
                              std::pair{std::string_view{"group"}, kGroup},
                              std::pair{std::string_view{"profile"}, kProfile}};
  const auto* const at = std::ranges::find(kKnown, name, [](const auto& one) { return one.first; });
  return at == kKnown.end() ? std::nullopt : std::optional(at->second);
}

}  // namespace

std::expected<RosterColumns, RosterFault> RosterColumns::Take(std::string_view& text) {
  RosterColumns out;
  const ProfileByName nobody;
  RosterBatch scratch(nobody);
  Cursor cursor(text);
  bool has_identity = false;
  for (bool is_last = text.empty(); !is_last;) {
    const auto field = cursor.Next();
    if (!field) {
      return std::unexpected(
          RosterFault{1, static_cast<std::uint32_t>(field.error().at + 1), field.error().cause});
    }
    const auto column = static_cast<std::uint32_t>(field->begin + 1);
    const auto meaning = MeaningOf(field->text);
    if (std::ranges::find(out.columns_, field->text, &Column::name) != out.columns_.end()) {
      return std::unexpected(
          RosterFault{1, column, "column \"" + std::string(field->text) + "\": named twice"});
    }
    if (const auto key = scratch.KeyFor(field->text); !meaning && !key) {
      return std::unexpected(RosterFault{1, column, key.error()});
    }
    has_identity = has_identity || meaning == Meaning::kId || meaning == Meaning::kName;
    out.columns_.push_back({meaning.value_or(Meaning::kLabel), std::string(field->text)});
    is_last = field->is_last;
  }
  if (!has_identity) {
    return std::unexpected(RosterFault{
        1, 0, "the first line names no column \"id\" or \"name\"; begin with id,name,rack, say"});
  }
  text.remove_prefix(std::min(cursor.line_begin(), text.size()));
  return out;
}

void ReadRosterCsv(std::string_view piece, const RosterColumns& columns, RosterBatch& out) {
  RowReader reader(columns, out);
  for (Cursor cursor(piece); !cursor.at_end();) {
    if (!cursor.TakeBlank()) {
      reader.Read(cursor);
    }
  }
}

}  // namespace flatline
