#include "control/cli/token.h"

#include "control/cli/tell_control.h"
#include "control/delivery/tokens.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <grp.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace flatline::cli {
namespace {

struct Options {
  std::string file;  // empty: the configuration's
  std::string name;
  std::string groups = "*";
  std::string filter;
  bool may_administer = false;
};

// Control goes by the file once it is told: of its own configuration's by us, if we may; else by
// somebody who hears of it here.
void LetItHold(const Options& options, const Invocation& in) {
  const auto config = in.Load();
  if (options.file.empty() && config) {
    const auto told = TellControl(config->control.socket);
    if (told) {
      in.err << "flatline-control was told, and goes by it in a moment\n";
      return;
    }
    in.err << "flatline-control could not be told: " << told.error() << "\n";
  }
  in.err << "flatline-control goes by it once it is told: systemctl reload flatline-control\n";
}

// A file that is new is of whoever made it; control reads it by its group. What is to be done by
// hand before control can, or empty.
std::string GiveToGroup(const std::string& path, const std::string& name) {
  ::group entry{};
  ::group* found = nullptr;
  std::vector<char> names(16384);
  int error = ::getgrnam_r(name.c_str(), &entry, names.data(), names.size(), &found);
  if (error == 0 && found == nullptr) {
    error = ENOENT;
  }
  if (error == 0 && ::lchown(path.c_str(), static_cast<uid_t>(-1), entry.gr_gid) != 0) {
    error = errno;
  }
  return error == 0
             ? ""
             : path + ": needed it to be of group " + name +
                   " (region_group), found: " + std::generic_category().message(error) +
                   "; chgrp " + name + " " + path + " && systemctl reload flatline-control\n";
}

// The file was made, and not just changed.
void HandOver(const Options& options, const std::string& path, const Invocation& in) {
  const auto config = in.Load();
  const std::string group = config ? config->region_group : "";
  const std::string by_hand = group.empty() ? "" : GiveToGroup(path, group);
  if (!by_hand.empty()) {
    in.err << by_hand;
    return;
  }
  LetItHold(options, in);
  if (group.empty() && ::geteuid() == 0) {
    in.err << path << ": root's group alone can read it; where flatline-control runs as another "
           << "user, chgrp it to that one's group, and systemctl reload flatline-control\n";
  }
}

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
  if (!options.filter.empty()) {
    if (const std::string fault = FaultInTokenFilter(options.filter); !fault.empty()) {
      return in.Fail(ExitCode::kUsage, "--filter: " + fault);
    }
  }
  if (std::ranges::find(tokens, options.name, &Token::name) != tokens.end()) {
    return in.Fail(ExitCode::kFailed, options.name + " is there already; revoke it first");
  }
  if (tokens.size() == kMostTokens) {
    return in.Fail(ExitCode::kFailed, "there are too many tokens; revoke some");
  }
  std::error_code ignored;
  const bool is_first = !std::filesystem::exists(path, ignored);
  const std::string text = MakeTokenText();
  tokens.push_back({.name = options.name,
                    .hash = HashOf(text),
                    .groups = std::move(*groups),
                    .filter = options.filter,
                    .may_administer = options.may_administer});
  if (const auto written = WriteTokens(path, tokens); !written) {
    return in.Fail(ExitCode::kFailed, written.error());
  }
  in.out << (in.json ? nlohmann::json{{"name", options.name}, {"token", text}}.dump() : text)
         << "\n";
  if (is_first) {
    HandOver(options, path, in);
  } else {
    LetItHold(options, in);
  }
  return ExitCode::kOk;
}

ExitCode List(const Tokens& tokens, const Invocation& in) {
  for (const Token& token : tokens) {
    if (in.json) {
      in.out << nlohmann::ordered_json{{"name", token.name},
                                       {"groups", token.groups},
                                       {"filter", token.filter},
                                       {"administers", token.may_administer}}
                    .dump()
             << "\n";
      continue;
    }
    in.out << token.name << (token.groups.empty() ? " sees every group" : " sees groups");
    for (const Group group : token.groups) {
      in.out << " " << group;
    }
    in.out << (token.filter.empty() ? "" : " where " + token.filter)
           << (token.may_administer ? ", may administer\n" : "\n");
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
  if (const auto written = WriteTokens(path, tokens); !written) {
    return in.Fail(ExitCode::kFailed, written.error());
  }
  LetItHold(options, in);
  return ExitCode::kOk;
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
  fresh->add_option("--filter", options->filter, "that holds beside what is asked for")
      ->type_name("EXPRESSION");
  fresh->add_flag("--admin", options->may_administer, "it may enrol and retire, over TCP too");
  AddAction(fresh, invocation, options, New);
  AddAction(verb->add_subcommand("list", "names, and what they may see"),
            invocation,
            options,
            [](const Options&, const std::string&, const Tokens& tokens, const Invocation& in) {
              return List(tokens, in);
            });
  CLI::App* revoke = verb->add_subcommand("revoke", "who is connected by it is sent away");
  revoke->add_option("name", options->name, "whose it is")->required();
  AddAction(revoke, invocation, options, Revoke);
}

}  // namespace flatline::cli
