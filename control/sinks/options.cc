#include "control/sinks/options.h"

#include "control/cli/option_values.h"
#include "control/cli/trust_options.h"
#include "control/sinks/signature.h"

#include <flatline/config.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <map>
#include <string>

namespace flatline::sinks {
namespace {

constexpr int kBadUsage = 2;

// As they are written, before they are checked against each other.
struct Written {
  std::string batch_age = "100ms";
  std::string time_limit = "10s";
  std::string token_file;
  std::string secret_file;
};

std::string FaultInDuration(const std::string& text) {
  const auto parsed = ParseDuration(text);
  return parsed ? std::string() : parsed.error();
}

// NATS takes messages of 1 MiB as it comes, with their headers.
constexpr int kMostBatchBytes = 1'000'000;
constexpr Duration kLeastTimeLimit{1'000'000};

// To curl, none at all would be no limit.
std::string FaultInTimeLimit(const std::string& text) {
  const auto parsed = ParseDuration(text);
  if (parsed && *parsed < kLeastTimeLimit) {
    return "needed 1ms at least, found " + text;
  }
  return FaultInDuration(text);
}

void AddSource(CLI::App& app, SinkOptions& out, Written& written) {
  app.add_option("--address", out.subscription.address, "control's: unix:PATH or ADDRESS:PORT")
      ->required();
  app.add_option("--filter", out.subscription.filter, "what it wants to hear; see the manual");
  app.add_flag("--names", out.subscription.want_names, "lines tell the names of the roster");
  app.add_option("--token-file", written.token_file, "file with the token to show");
  cli::AddTrustOptions(app, out.subscription.trust);
  app.add_option("--cursor", out.subscription.cursor, "where control remembers how far it has come")
      ->required();
  app.add_option("--position", out.position, "file that remembers which batch was being offered")
      ->required();
  app.add_option("--from", out.from, "where there is neither: the records after this sequence")
      ->transform(cli::Number<std::uint64_t>("a sequence"));
  app.add_option("--batch-records", out.limits.records, "most records in a batch")
      ->transform(cli::WholeNumber("a count", 1, 100'000));
  app.add_option("--batch-bytes", out.limits.bytes, "most bytes in a batch")
      ->transform(cli::WholeNumber("bytes", 1024, kMostBatchBytes));
  app.add_option("--batch-age", written.batch_age, "a record waits no longer for others")
      ->check(FaultInDuration);
  app.add_option("--time-limit", written.time_limit, "of one attempt to deliver")
      ->check(FaultInTimeLimit);
}

void AddPlaces(CLI::App& app, SinkOptions& out, Written& written) {
  const std::map<std::string, SinkKind> kinds{
      {"command", SinkKind::kCommand}, {"webhook", SinkKind::kWebhook}, {"nats", SinkKind::kNats}};
  app.add_option("--to", out.kind, "command, webhook or nats")
      ->required()
      ->transform(CLI::CheckedTransformer(kinds));
  app.add_option("--command", out.command, "program and arguments, given each batch on its input");
  app.add_option("--url", out.webhook.url, "of the webhook, or of NATS");
  app.add_option("--secret-file", written.secret_file, "the webhook's batches are signed with it");
  app.add_option("--subject", out.nats.subject, "of NATS")->capture_default_str();
  app.add_option("--credentials", out.nats.credentials, "of NATS, a .creds file");
  app.add_option(
      "--ca-file", out.webhook.ca_file, "who may have signed the place's certificate (PEM)");
}

// What does not go together, or nothing.
std::string Contradiction(const SinkOptions& out, const Written& written) {
  if ((out.kind == SinkKind::kCommand) == out.command.empty()) {
    return "--command is for --to command, which needs it";
  }
  if (out.kind == SinkKind::kCommand && out.command.front().empty()) {
    return "--command: needed a program, found an empty name; write its path";
  }
  if (out.kind == SinkKind::kWebhook && out.webhook.url.empty()) {
    return "--to webhook needs --url";
  }
  if (out.kind == SinkKind::kCommand && !(out.webhook.url + out.webhook.ca_file).empty()) {
    return "--url and --ca-file are for --to webhook and --to nats";
  }
  if (out.kind != SinkKind::kWebhook && !written.secret_file.empty()) {
    return "--secret-file is for --to webhook";
  }
  if (out.kind != SinkKind::kNats && !out.nats.credentials.empty()) {
    return "--credentials is for --to nats";
  }
  return {};
}

std::string ReadSecrets(SinkOptions& out, const Written& written) {
  const auto read = [](const std::string& path, std::string& into) -> std::string {
    if (path.empty()) {
      return {};
    }
    auto secret = ReadSecret(path);
    if (!secret) {
      return secret.error();
    }
    into = std::move(*secret);
    return {};
  };
  std::string fault = read(written.token_file, out.subscription.token);
  return fault.empty() ? read(written.secret_file, out.webhook.secret) : fault;
}

void Complete(SinkOptions& out, const Written& written) {
  out.limits.age = ParseDuration(written.batch_age).value_or(out.limits.age);
  out.time_limit = ParseDuration(written.time_limit).value_or(out.time_limit);
  out.webhook.time_limit = out.time_limit;
  out.nats.time_limit = out.time_limit;
  out.nats.ca_file = out.webhook.ca_file;
  if (!out.webhook.url.empty()) {
    out.nats.url = out.webhook.url;
  }
}

}  // namespace

std::expected<SinkOptions, int> ParseSinkOptions(int argc, const char* const* argv) {
  SinkOptions out;
  Written written;
  CLI::App app("flatline-sink: hands what subscribers hear to a command, a webhook or NATS");
  app.set_config("--config", "", "TOML file with these options");
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.set_version_flag("--version", "flatline-sink " FLATLINE_VERSION);
  AddSource(app, out, written);
  AddPlaces(app, out, written);
  cli::RefuseEmpty(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return std::unexpected(app.exit(error) == 0 ? 0 : kBadUsage);
  }
  std::string fault = Contradiction(out, written);
  if (fault.empty()) {
    fault = ReadSecrets(out, written);
  }
  if (!fault.empty()) {
    fmt::print(stderr, "flatline-sink: {}\n", fault);
    return std::unexpected(kBadUsage);
  }
  Complete(out, written);
  return out;
}

}  // namespace flatline::sinks
