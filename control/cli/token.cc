#include "control/cli/token.h"

#include "control/tokens.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <system_error>

namespace flatline::cli {
namespace {

struct Options {
  std::string file;  // empty: the configuration's
  std::string name;
  std::string groups = "*";
};

std::expected<std::string, std::string> FileOf(const Options& options,
                                               const Invocation& invocation) {
  if (!options.file.empty()) {
    return options.file;
  }
  auto config = invocation.Load();
  if (!config) {
    return std::unexpected(config.error());
  }
  if (config->control.tokens.empty()) {
    return std::unexpected("needed control.tokens, found none; set it, or give --file");
  }
  return config->control.tokens;
}

// What there is; nothing where there is no file yet.
std::expected<Tokens, std::string> TokensIn(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored) ? ReadTokens(path) : Tokens{};
}

ExitCode New(const Options& options, const std::string& path, Tokens tokens, const Invocation& in) {
  auto groups = ParseTokenGroups(options.groups);
  if (!IsTokenName(options.name) || !groups) {
    return in.Fail(ExitCode::kUsage,
                   "a name has up to 64 letters, digits and . _ -; groups are * or 1,2,17");
  }
  if (std::ranges::find(tokens, options.name, &Token::name) != tokens.end()) {
    return in.Fail(ExitCode::kFailed, options.name + " is there already; revoke it first");
  }
  if (tokens.size() == kMostTokens) {
    return in.Fail(ExitCode::kFailed, "there are too many tokens; revoke some");
  }
  const std::string text = MakeTokenText();
  tokens.push_back({options.name, HashOf(text), std::move(*groups)});
  if (const auto written = WriteTokens(path, tokens); !written) {
    return in.Fail(ExitCode::kFailed, written.error());
  }
  in.out << (in.json ? nlohmann::json{{"name", options.name}, {"token", text}}.dump() : text)
         << "\n";
  return ExitCode::kOk;
}

ExitCode List(const Tokens& tokens, const Invocation& in) {
  for (const Token& token : tokens) {
    if (in.json) {
      in.out << nlohmann::json{{"name", token.name}, {"groups", token.groups}}.dump() << "\n";
      continue;
    }
    in.out << token.name << (token.groups.empty() ? " sees every group" : " sees groups");
    for (const Group group : token.groups) {
      in.out << " " << group;
    }
    in.out << "\n";
  }
  return ExitCode::kOk;
}

ExitCode Revoke(const Options& options,
                const std::string& path,
                Tokens tokens,
                const Invocation& in) {
  if (std::erase_if(tokens, [&](const Token& token) { return token.name == options.name; }) == 0) {
    return in.Fail(ExitCode::kAbsent, options.name + " is not among the tokens of " + path);
  }
  const auto written = WriteTokens(path, tokens);
  return written ? ExitCode::kOk : in.Fail(ExitCode::kFailed, written.error());
}

template <typename Action>
void AddAction(CLI::App* verb,
               Invocation& invocation,
               const std::shared_ptr<Options>& options,
               Action action) {
  verb->add_option("--file", options->file, "of tokens; the configuration's if left out")
      ->type_name("PATH");
  verb->callback([options, &invocation, action] {
    invocation.run = [options, &invocation, action] {
      const auto path = FileOf(*options, invocation);
      if (!path) {
        return invocation.Fail(ExitCode::kUsage, path.error());
      }
      auto tokens = TokensIn(*path);
      return tokens ? action(*options, *path, std::move(*tokens), invocation)
                    : invocation.Fail(ExitCode::kFailed, tokens.error());
    };
  });
}

}  // namespace

void AddTokenVerb(CLI::App& app, Invocation& invocation) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("token", "let subscribers in, and show them the door");
  verb->require_subcommand(1);
  CLI::App* fresh = verb->add_subcommand("new", "make one; printed once, and kept nowhere");
  fresh->add_option("name", options->name, "whose it is")->required();
  fresh->add_option("--groups", options->groups, "that it may see")->capture_default_str();
  AddAction(fresh, invocation, options, New);
  AddAction(verb->add_subcommand("list", "names, and what they may see"),
            invocation,
            options,
            [](const Options&, const std::string&, const Tokens& tokens, const Invocation& in) {
              return List(tokens, in);
            });
  CLI::App* revoke = verb->add_subcommand("revoke", "no new connection with it from now on");
  revoke->add_option("name", options->name, "whose it is")->required();
  AddAction(revoke, invocation, options, Revoke);
}

}  // namespace flatline::cli
