// One table of a scenario file, read key by key: every value with its type and bounds checked,
// every key that nobody asked for an error with the nearest one that there is. Used by
// scenario_file; collects errors instead of stopping at the first. Costs nothing worth counting.
#pragma once

#include "bench/generator/scenario.h"

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <toml++/toml.h>
#include <vector>

namespace flatline::generator {

class TomlReader {
 public:
  // Complains of keys that are not in `known`. `what` names the table in messages.
  TomlReader(const toml::table& table,
             std::string what,
             std::initializer_list<std::string_view> known,
             std::string file,
             std::vector<std::string>& errors);

  [[nodiscard]] bool Has(std::string_view key) const { return table_->contains(key); }

  // Each leaves the default where the key is absent, and complains where its value will not do.
  void Text(std::string_view key, std::string& out) const;
  void Time(std::string_view key, Duration& out) const;
  void Probability(std::string_view key, double& out) const;
  void Count(std::string_view key, std::uint64_t& out) const;

  // "1-10,15", or an array of whole numbers.
  void Ranges(std::string_view key, std::vector<Range>& out) const;

  // Complains where the key is absent.
  void Require(std::string_view key) const;

  // A complaint about the table, or about one of its values.
  void Complain(const std::string& message) const;
  void Complain(std::string_view key, const std::string& message) const;

 private:
  void ComplainAt(const toml::source_position& at, const std::string& message) const;

  const toml::table* table_;
  std::string what_;
  std::string file_;
  std::vector<std::string>* errors_;
};

// One of `known` that is written most like `word`.
[[nodiscard]] std::string_view Nearest(std::string_view word,
                                       std::initializer_list<std::string_view> known);

}  // namespace flatline::generator
