// One value of the file on its way into the configuration: its node, its key, its place, and where
// to complain. Each Read gives the value when type, unit and range are right, else complains and
// gives nothing, so that the default stays and reading goes on. Used by the schema.
#pragma once

#include "control/config/complaints.h"

#include <flatline/time.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <toml++/toml.h>
#include <vector>

namespace flatline {

[[nodiscard]] Place PlaceOf(const toml::node& node);

template <typename T>
struct Range {
  T least;
  T most;
};

// What is wrong with a text, or empty.
using TextRule = std::string (*)(std::string_view text);

class Value {
 public:
  // The references are kept: a Value lives no longer than the reading of one key.
  Value(const toml::node& node, std::string_view key, Complaints& complaints)
      : node_(&node), key_(key), complaints_(&complaints) {}

  [[nodiscard]] std::optional<std::uint64_t> ReadInteger(Range<std::uint64_t> range) const;
  // Of a number from 0 to 1.
  [[nodiscard]] std::optional<std::uint32_t> ReadMillionths() const;
  [[nodiscard]] std::optional<bool> ReadFlag() const;
  // From 0 to below 1.
  [[nodiscard]] std::optional<double> ReadShare() const;
  [[nodiscard]] std::optional<Duration> ReadDuration(Range<Duration> range) const;
  [[nodiscard]] std::optional<std::uint64_t> ReadBytes(Range<std::uint64_t> range) const;
  [[nodiscard]] std::optional<std::string> ReadText(TextRule rule) const;
  // Index of the text among the names.
  [[nodiscard]] std::optional<std::size_t> ReadChoice(
      std::span<const std::string_view> names) const;
  // An array without the same entry twice.
  [[nodiscard]] std::optional<std::vector<std::string>> ReadTexts(TextRule rule) const;
  [[nodiscard]] std::optional<std::vector<std::uint64_t>> ReadIntegers(
      Range<std::uint64_t> range) const;

  void Complain(const std::string& text) const;

 private:
  void ComplainOfType(std::string_view wanted) const;
  template <typename T, typename ReadOne>
  [[nodiscard]] std::optional<std::vector<T>> ReadArray(std::string_view wanted,
                                                        const ReadOne& read_one) const;

  const toml::node* node_;
  std::string_view key_;
  Complaints* complaints_;
};

// As TOML.
[[nodiscard]] std::string PrintText(std::string_view text);
[[nodiscard]] std::string PrintShare(double share);

// "0.5": with a point, and no more digits than it needs.
[[nodiscard]] std::string PrintMillionths(std::uint32_t millionths);

}  // namespace flatline
