#include "control/roster/roster_json.h"

#include <algorithm>
#include <expected>
#include <simdjson.h>
#include <string>
#include <utility>

namespace flatline {
namespace {

static_assert(kRosterPadding >= simdjson::SIMDJSON_PADDING);

using simdjson::ondemand::json_type;
using simdjson::ondemand::object;
using simdjson::ondemand::value;
using Result = RosterBatch::Result;

std::unexpected<std::string> Fault(std::string cause) {
  return std::unexpected(std::move(cause));
}

class LineReader {
 public:
  explicit LineReader(RosterBatch& out) : out_(&out) {}

  // `line` without its end; readable kRosterPadding bytes further.
  void Read(std::string_view line, std::uint32_t number) {
    out_->Begin(number);
    at_ = line.data();
    const simdjson::padded_string_view padded(
        line.data(), line.size(), line.size() + kRosterPadding);
    simdjson::ondemand::document document;
    object fields;
    if (parser_.iterate(padded).get(document) != simdjson::SUCCESS ||
        document.get_object().get(fields) != simdjson::SUCCESS) {
      out_->Complain(number, 1, "not a JSON object: needs one, in braces, on each line");
      return;
    }
    auto done = ReadFields(fields);
    if (done && document.current_location().error() == simdjson::SUCCESS) {
      done = Fault("text behind the object; one object a line");
    }
    if (done) {
      done = out_->End();
    }
    if (!done) {
      const auto column = std::clamp<std::ptrdiff_t>(
          at_ - line.data(), 0, static_cast<std::ptrdiff_t>(line.size()));
      out_->Complain(number, static_cast<std::size_t>(column) + 1, std::move(done.error()));
    }
  }

 private:
  // A string where it stands if it has no escapes, else kept.
  [[nodiscard]] std::expected<std::string_view, std::string> TextOf(value& from) {
    const std::string_view raw = from.raw_json_token();
    std::string_view text;
    if (from.get_string().get(text) != simdjson::SUCCESS) {
      return Fault("not a string, or not UTF-8");
    }
    // The parser unescapes into a buffer of its own, which the next line overwrites.
    const bool stands = raw.size() >= text.size() + 2 && raw.substr(1, text.size()) == text &&
                        raw[text.size() + 1] == '"';
    return stands ? raw.substr(1, text.size()) : out_->Keep(std::string(text));
  }

  [[nodiscard]] Result ReadFields(object& fields) {
    for (auto entry : fields) {
      std::string_view key;
      value one;
      if (entry.unescaped_key().get(key) != simdjson::SUCCESS) {
        return Fault("a key is not a string");
      }
      if (entry.value().get(one) != simdjson::SUCCESS) {
        return Fault("\"" + std::string(key) + "\" has no value");
      }
      at_ = one.raw_json_token().data();
      if (auto set = ReadField(key, one); !set) {
        return set;
      }
    }
    return {};
  }

  [[nodiscard]] Result ReadField(std::string_view key, value& from) {
    json_type type{};
    if (from.type().get(type) != simdjson::SUCCESS) {
      return Fault("\"" + std::string(key) + "\": not JSON");
    }
    if (type == json_type::null) {
      bool is_null = false;  // "nothing" begins like null, and is an error, not a false
      return from.is_null().get(is_null) == simdjson::SUCCESS && is_null ? Result{}
                                                                         : Fault("not JSON");
    }
    if (key == "labels") {
      object labels;
      return from.get_object().get(labels) == simdjson::SUCCESS
                 ? ReadLabels(labels)
                 : Fault("labels: needs an object, {\"rack\": \"r7\"}, say");
    }
    if (key == "id" || key == "group") {
      return ReadNumberOrText(key, type, from);
    }
    if (key != "name" && key != "profile") {
      return Fault("unknown key \"" + std::string(key) +
                   "\"; there are id, name, group, profile and labels");
    }
    const auto text = TextOf(from);
    if (!text) {
      return Fault(std::string(key) + ": " + text.error());
    }
    return key == "name" ? out_->SetName(*text) : out_->SetProfile(*text);
  }

  [[nodiscard]] Result ReadNumberOrText(std::string_view key, json_type type, value& from) {
    if (type == json_type::number) {
      std::uint64_t number = 0;
      if (from.get_uint64().get(number) != simdjson::SUCCESS) {
        return Fault(std::string(key) + ": not a whole number from 0 to 18446744073709551615");
      }
      return key == "id" ? out_->SetId(number) : out_->SetGroupNumber(number);
    }
    const auto text = TextOf(from);
    if (!text) {
      return Fault(std::string(key) + ": neither a number nor a string");
    }
    return key == "id" ? out_->SetId(*text) : out_->SetGroup(*text);
  }

  [[nodiscard]] Result ReadLabels(object& labels) {
    for (auto entry : labels) {
      std::string_view key;
      value one;
      if (entry.unescaped_key().get(key) != simdjson::SUCCESS) {
        return Fault("labels: a key is not a string");
      }
      const auto place = out_->KeyFor(key);
      if (!place) {
        return Fault(place.error());
      }
      if (entry.value().get(one) != simdjson::SUCCESS) {
        return Fault("label has no value");
      }
      at_ = one.raw_json_token().data();
      const auto text = TextOf(one);
      if (!text) {
        return Fault("label \"" + out_->keys()[*place] + "\": needs a string");
      }
      if (text->empty()) {
        continue;
      }
      if (auto added = out_->AddLabel(*place, *text); !added) {
        return added;
      }
    }
    return {};
  }

  RosterBatch* out_;
  simdjson::ondemand::parser parser_;
  const char* at_ = nullptr;  // of the value read last
};

}  // namespace

void ReadRosterJson(std::string_view piece, RosterBatch& out) {
  LineReader reader(out);
  std::uint32_t number = 0;
  for (std::size_t at = 0; at < piece.size(); ++number) {
    const std::size_t end = std::min(piece.find('\n', at), piece.size());
    const std::string_view line = piece.substr(at, end - at);
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) {
      reader.Read(line, number);
    }
    at = end + 1;
  }
}

}  // namespace flatline
