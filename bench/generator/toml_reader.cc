#include "bench/generator/toml_reader.h"

#include <flatline/config.h>

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <numeric>
#include <utility>

namespace flatline::generator {

namespace {

std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

bool ReadRange(std::string_view text, Range& out) {
  const char* end = text.end();
  const auto [dash, error] = std::from_chars(text.begin(), end, out.first);
  out.last = out.first;
  if (error != std::errc{} || dash == end) {
    return error == std::errc{};
  }
  const auto [rest, last_error] = std::from_chars(dash + 1, end, out.last);
  return *dash == '-' && last_error == std::errc{} && rest == end;
}

}  // namespace

std::string_view Nearest(std::string_view word, std::initializer_list<std::string_view> known) {
  return *std::ranges::min_element(
      known, {}, [&](std::string_view other) { return EditDistance(word, other); });
}

TomlReader::TomlReader(const toml::table& table,
                       std::string what,
                       std::initializer_list<std::string_view> known,
                       std::string file,
                       std::vector<std::string>& errors)
    : table_(&table), what_(std::move(what)), file_(std::move(file)), errors_(&errors) {
  for (const auto& [key, value] : table) {
    if (std::ranges::find(known, key.str()) == known.end()) {
      ComplainAt(key.source().begin,
                 fmt::format("{} has no key '{}'; did you mean '{}'?",
                             what_,
                             key.str(),
                             Nearest(key.str(), known)));
    }
  }
}

void TomlReader::ComplainAt(const toml::source_position& at, const std::string& message) const {
  errors_->push_back(fmt::format("{}:{}:{}: {}", file_, at.line, at.column, message));
}

void TomlReader::Complain(const std::string& message) const {
  ComplainAt(table_->source().begin, message);
}

void TomlReader::Complain(std::string_view key, const std::string& message) const {
  const toml::node* node = table_->get(key);
  ComplainAt(node != nullptr ? node->source().begin : table_->source().begin,
             fmt::format("{}: {}", key, message));
}

void TomlReader::Require(std::string_view key) const {
  if (!Has(key)) {
    Complain(fmt::format("{} needs the key '{}'", what_, key));
  }
}

void TomlReader::Text(std::string_view key, std::string& out) const {
  if (!Has(key)) {
    return;
  }
  if (const auto* text = table_->get(key)->as_string()) {
    out = text->get();
  } else {
    Complain(key, "needed a text in quotes");
  }
}

void TomlReader::Time(std::string_view key, Duration& out) const {
  std::string text;
  Text(key, text);
  if (text.empty()) {
    return;
  }
  if (const auto time = ParseDuration(text)) {
    out = *time;
  } else {
    Complain(key, time.error());
  }
}

void TomlReader::Probability(std::string_view key, double& out) const {
  if (!Has(key)) {
    return;
  }
  const auto number = table_->get(key)->value<double>();
  if (number && *number >= 0 && *number <= 1) {
    out = *number;
  } else {
    Complain(key, "needed a number from 0 to 1");
  }
}

void TomlReader::Count(std::string_view key, std::uint64_t& out) const {
  if (!Has(key)) {
    return;
  }
  const auto* number = table_->get(key)->as_integer();
  if (number != nullptr && number->get() >= 0) {
    out = static_cast<std::uint64_t>(number->get());
  } else {
    Complain(key, "needed a whole number, 0 or more");
  }
}

void TomlReader::Ranges(std::string_view key, std::vector<Range>& out) const {
  if (!Has(key)) {
    return;
  }
  const auto wrong = [&] { Complain(key, "needed ranges like \"1-10,15\", or [1, 2, 3]"); };
  if (const auto* array = table_->get(key)->as_array()) {
    for (const toml::node& node : *array) {
      const auto number = node.value_exact<std::int64_t>();
      if (!number || *number < 0) {
        return wrong();
      }
      out.push_back({static_cast<std::uint64_t>(*number), static_cast<std::uint64_t>(*number)});
    }
    return;
  }
  std::string text;
  Text(key, text);
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    Range range;
    if (!ReadRange(rest.substr(0, comma), range)) {
      return wrong();
    }
    out.push_back(range);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
}

}  // namespace flatline::generator
