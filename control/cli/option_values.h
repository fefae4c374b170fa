// What the value of an option has to look like, on every command line of ours alike: a number is
// one of its type, a list has no gaps, and nothing is given and empty. For whoever adds options to
// a CLI::App, which alone takes an empty text for 0, wraps what is negative, and cuts down what is
// too large. Faults are said while it parses: wrong usage.
#pragma once

#include <flatline/endpoint.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace flatline::cli {

// For CLI::Option::transform. "42" or "0x2a"; `what` it is, such as "a group", is said of others.
[[nodiscard]] CLI::Validator WholeNumber(const std::string& what,
                                         std::uint64_t least,
                                         std::uint64_t most);

// One that T can hold, from `least` on.
template <typename T>
[[nodiscard]] CLI::Validator Number(const std::string& what, T least = 0) {
  return WholeNumber(what, least, std::numeric_limits<T>::max());
}

// For CLI::Option::check. With or without a fraction; no infinity, and nothing that is no number.
[[nodiscard]] CLI::Validator RealNumber(double least, double most);

// "a,b", or the option again; to `into`, which outlives `app`'s parsing.
CLI::Option* AddList(CLI::App& app,
                     const std::string& name,
                     std::vector<std::string>& into,
                     const std::string& description);

// The same of groups, from `least` on.
CLI::Option* AddGroups(CLI::App& app,
                       std::vector<Group>& into,
                       Group least,
                       const std::string& description);

// For all options and arguments that `app` and its verbs have by now: what is given is not empty,
// as from a shell whose variable is not set. But for --text, and for the arguments of a --command.
void RefuseEmpty(CLI::App& app);

}  // namespace flatline::cli
