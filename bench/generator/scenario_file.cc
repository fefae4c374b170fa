#include "bench/generator/scenario_file.h"

#include "bench/generator/toml_reader.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

namespace flatline::generator {

namespace {

using Errors = std::vector<std::string>;

constexpr std::array<std::pair<std::string_view, EventKind>, 4> kEventKinds{
    {{"die", EventKind::kDie},
     {"leave", EventKind::kLeave},
     {"flap", EventKind::kFlap},
     {"restart", EventKind::kRestart}}};
constexpr std::array<std::pair<std::string_view, LossModel>, 3> kLossModels{
    {{"bernoulli", LossModel::kBernoulli},
     {"gilbert-elliott", LossModel::kGilbertElliott},
     {"cut", LossModel::kCut}}};

template <typename Enum, std::size_t kSize>
void ReadName(const TomlReader& reader,
              std::string_view key,
              const std::array<std::pair<std::string_view, Enum>, kSize>& names,
              Enum& out) {
  reader.Require(key);
  std::string text;
  reader.Text(key, text);
  std::string choices;
  for (const auto& [name, value] : names) {
    if (text == name) {
      out = value;
      return;
    }
    choices += fmt::format("{}{}", choices.empty() ? "" : ", ", name);
  }
  if (!text.empty()) {
    reader.Complain(key, fmt::format("needed one of {}, found '{}'", choices, text));
  }
}

Selector ReadSelector(const TomlReader& reader) {
  Selector out;
  int ways = 0;
  const auto choose = [&](std::string_view key, Selector::By by) {
    if (reader.Has(key)) {
      ++ways;
      out.by = by;
    }
  };
  choose("count", Selector::By::kCount);
  choose("share", Selector::By::kShare);
  choose("racks", Selector::By::kRacks);
  choose("range", Selector::By::kRange);
  reader.Count("count", out.count);
  reader.Probability("share", out.share);
  reader.Ranges("racks", out.ranges);
  reader.Ranges("range", out.ranges);
  if (ways > 1) {
    reader.Complain("needed at most one of count, share, racks and range, found several");
  }
  return out;
}

// When a rule is in force.
void ReadWhen(const TomlReader& reader, Elapsed& from, Elapsed& until) {
  until = Elapsed::max();
  reader.Time("from", from);
  reader.Time("until", until);
  if (from >= until) {
    reader.Complain("until", "needed an instant after 'from'");
  }
}

Cohort ReadCohort(const TomlReader& reader) {
  std::string name;
  reader.Require("profile");
  reader.Require("endpoints");
  reader.Text("profile", name);
  Cohort out;
  const auto built_in = CohortOfProfile(name);
  if (built_in) {
    out = *built_in;
  } else if (!reader.Has("profile_id")) {
    reader.Complain("profile", built_in.error());
  }
  out.profile = name;
  std::uint64_t id = out.profile_id;
  std::uint64_t endpoints = 0;
  reader.Count("profile_id", id);
  reader.Count("endpoints", endpoints);
  if (id >= kMaxProfiles) {
    reader.Complain("profile_id", fmt::format("needed at most {}", kMaxProfiles - 1));
  }
  if (endpoints > kMostEndpoints) {
    reader.Complain("endpoints", fmt::format("needed at most {}", kMostEndpoints));
  }
  out.profile_id = static_cast<ProfileId>(id);
  out.endpoints = static_cast<Index>(endpoints);
  reader.Time("interval", out.interval);
  reader.Time("jitter", out.jitter);
  reader.Time("timeout", out.timeout);
  reader.Time("confirmation", out.confirmation);
  return out;
}

Event ReadEvent(const TomlReader& reader) {
  Event out;
  reader.Require("at");
  ReadName(reader, "kind", kEventKinds, out.kind);
  out.who = ReadSelector(reader);
  reader.Time("at", out.at);
  reader.Time("over", out.over);
  reader.Time("lasting", out.lasting);
  if (out.kind == EventKind::kDie && reader.Has("lasting")) {
    reader.Complain("lasting", "who dies stays dead; say kind = \"flap\" or \"restart\"");
  }
  if (out.kind == EventKind::kFlap && out.lasting.count() == 0) {
    reader.Complain("a flap needs the key 'lasting', longer than 0");
  }
  return out;
}

Loss ReadLoss(const TomlReader& reader) {
  Loss out;
  ReadName(reader, "model", kLossModels, out.model);
  out.who = ReadSelector(reader);
  ReadWhen(reader, out.from, out.until);
  reader.Time("flips", out.flips);
  reader.Probability("rate", out.rate);
  reader.Probability("to_bad", out.to_bad);
  reader.Probability("to_good", out.to_good);
  reader.Probability("good", out.good);
  reader.Probability("bad", out.bad);
  const bool is_bernoulli = out.model == LossModel::kBernoulli;
  if (is_bernoulli != reader.Has("rate")) {
    reader.Complain("the key 'rate' belongs to bernoulli, and bernoulli needs it");
  }
  const bool is_gilbert = out.model == LossModel::kGilbertElliott;
  if (is_gilbert != (reader.Has("to_bad") && reader.Has("to_good"))) {
    reader.Complain("the keys 'to_bad' and 'to_good' belong to gilbert-elliott, and it needs both");
  }
  if (!is_gilbert && (reader.Has("good") || reader.Has("bad"))) {
    reader.Complain("the keys 'good' and 'bad' belong to gilbert-elliott");
  }
  return out;
}

Delay ReadDelay(const TomlReader& reader) {
  Delay out;
  reader.Require("by");
  out.who = ReadSelector(reader);
  ReadWhen(reader, out.from, out.until);
  reader.Time("by", out.by);
  reader.Time("ramp", out.ramp);
  return out;
}

// Calls `read` with a reader of each table in the array of tables `key`.
template <typename Read>
void ForEachTable(const toml::table& root,
                  std::string_view key,
                  std::initializer_list<std::string_view> known,
                  std::pair<const std::string&, Errors&> context,
                  const Read& read) {
  const toml::node* node = root.get(key);
  if (node == nullptr) {
    return;
  }
  const toml::array* array = node->as_array();
  if (array == nullptr || !array->is_homogeneous(toml::node_type::table)) {
    const auto& at = node->source().begin;
    context.second.push_back(
        fmt::format("{}:{}:{}: needed [[{}]] tables", context.first, at.line, at.column, key));
    return;
  }
  for (const toml::node& table : *array) {
    read(TomlReader(
        *table.as_table(), fmt::format("[[{}]]", key), known, context.first, context.second));
  }
}

Scenario ReadRoot(const toml::table& root, const std::string& name, Errors& errors) {
  Scenario out;
  const TomlReader reader(root,
                          "a scenario",
                          {"seed", "racks", "run_for", "cohort", "event", "loss", "delay"},
                          name,
                          errors);
  reader.Count("seed", out.seed);
  reader.Count("racks", out.racks);
  reader.Time("run_for", out.run_for);
  const std::pair<const std::string&, Errors&> context{name, errors};
  ForEachTable(
      root,
      "cohort",
      {"profile", "profile_id", "endpoints", "interval", "jitter", "timeout", "confirmation"},
      context,
      [&](const TomlReader& table) { out.cohorts.push_back(ReadCohort(table)); });
  ForEachTable(root,
               "event",
               {"kind", "at", "over", "lasting", "count", "share", "racks", "range"},
               context,
               [&](const TomlReader& table) { out.events.push_back(ReadEvent(table)); });
  ForEachTable(root,
               "loss",
               {"model",
                "from",
                "until",
                "flips",
                "rate",
                "to_bad",
                "to_good",
                "good",
                "bad",
                "count",
                "share",
                "racks",
                "range"},
               context,
               [&](const TomlReader& table) { out.losses.push_back(ReadLoss(table)); });
  ForEachTable(root,
               "delay",
               {"by", "ramp", "from", "until", "count", "share", "racks", "range"},
               context,
               [&](const TomlReader& table) { out.delays.push_back(ReadDelay(table)); });
  return out;
}

}  // namespace

std::expected<Scenario, std::string> ParseScenario(std::string_view text, const std::string& name) {
  Errors errors;
  try {
    const toml::table root = toml::parse(text, name);
    Scenario out = ReadRoot(root, name, errors);
    if (errors.empty()) {
      return out;
    }
  } catch (const toml::parse_error& error) {
    const auto& at = error.source().begin;
    errors.push_back(fmt::format("{}:{}:{}: {}", name, at.line, at.column, error.description()));
  }
  for (std::string& error : errors) {  // a key may hold a line's end, or move a terminal's cursor
    std::ranges::replace_if(
        error, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7F'; }, '?');
  }
  return std::unexpected(fmt::format("{}", fmt::join(errors, "\n")));
}

std::expected<Scenario, std::string> ReadScenario(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) {
    return std::unexpected(
        fmt::format("{}: needed a scenario file to read, found none; check the path", path));
  }
  return ParseScenario(text.str(), path);
}

}  // namespace flatline::generator
