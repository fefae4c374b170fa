#include "control/cli/option_values.h"

#include "control/cli/arguments.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <expected>
#include <fmt/format.h>
#include <iterator>
#include <string_view>
#include <system_error>

namespace flatline::cli {
namespace {

constexpr std::array<std::string_view, 2> kMayBeEmpty{"--text", "--command"};

std::expected<std::uint64_t, std::string> NumberFrom(const std::string& text,
                                                     const std::string& what,
                                                     std::uint64_t least,
                                                     std::uint64_t most) {
  const auto number = ParseNumber(text, most);
  if (!number || *number < least) {
    return std::unexpected(fmt::format(
        "needed {}, a whole number from {} to {}, found \"{}\"", what, least, most, text));
  }
  return *number;
}

// What stands between commas. An empty text has been refused, or stands for no value at all.
std::vector<std::string> PartsOf(const std::string& name, const std::vector<std::string>& given) {
  std::vector<std::string> out;
  for (const std::string& text : given) {
    for (std::size_t at = 0; !text.empty() && at <= text.size();) {
      const std::size_t comma = std::min(text.find(',', at), text.size());
      if (comma == at) {
        throw CLI::ValidationError(
            name, "needed a value beside every comma, found \"" + text + "\"; remove the comma");
      }
      out.push_back(text.substr(at, comma - at));
      at = comma + 1;
    }
  }
  return out;
}

std::string FaultInEmpty(const std::string& text) {
  return text.empty() ? "needed a value, found an empty one; leave it out, or see whether the "
                        "variable that it comes from is set"
                      : "";
}

}  // namespace

CLI::Validator WholeNumber(const std::string& what, std::uint64_t least, std::uint64_t most) {
  return {[what, least, most](std::string& text) {
            const auto number = NumberFrom(text, what, least, most);
            text = number ? std::to_string(*number) : text;  // CLI11 would take 010 for 8
            return number ? "" : number.error();
          },
          ""};
}

CLI::Validator RealNumber(double least, double most) {
  return {[least, most](const std::string& text) {
            double number = 0;
            const char* const end = text.data() + text.size();
            const auto [rest, error] = std::from_chars(text.data(), end, number);
            const bool is_one =
                error == std::errc{} && rest == end && number >= least && number <= most;
            return is_one ? ""
                          : fmt::format(
                                "needed a number from {} to {}, found \"{}\"", least, most, text);
          },
          ""};
}

CLI::Option* AddList(CLI::App& app,
                     const std::string& name,
                     std::vector<std::string>& into,
                     const std::string& description) {
  return app.add_option_function<std::vector<std::string>>(
      name,
      [name, &into](const std::vector<std::string>& given) { into = PartsOf(name, given); },
      description);
}

CLI::Option* AddGroups(CLI::App& app,
                       std::vector<Group>& into,
                       Group least,
                       const std::string& description) {
  const auto take = [&into, least](const std::vector<std::string>& given) {
    for (const std::string& text : PartsOf("--group", given)) {
      const auto group = NumberFrom(text, "a group", least, std::numeric_limits<Group>::max());
      if (!group) {
        throw CLI::ValidationError("--group", group.error());
      }
      into.push_back(static_cast<Group>(*group));
    }
  };
  return app.add_option_function<std::vector<std::string>>("--group", take, description)
      ->type_name("GROUP,...");
}

void RefuseEmpty(CLI::App& app) {
  std::vector<CLI::App*> verbs{&app};
  while (!verbs.empty()) {
    CLI::App* const verb = verbs.back();
    verbs.pop_back();
    for (CLI::Option* const option : verb->get_options()) {
      const bool takes_one = option->get_items_expected_max() != 0;
      if (takes_one && std::ranges::find(kMayBeEmpty, option->get_name()) == kMayBeEmpty.end()) {
        option->check(FaultInEmpty);
      }
    }
    std::ranges::copy(verb->get_subcommands([](const CLI::App*) { return true; }),
                      std::back_inserter(verbs));
  }
}

}  // namespace flatline::cli
