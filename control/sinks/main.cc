// flatline-sink: a subscriber like any other, in a process of its own, that hands what it hears to
// a command, a webhook or NATS JetStream, at least once and in order. Exit status: 0 told to stop,
// 1 cannot go on, 2 bad usage.
#include "control/cli/record_text.h"
#include "control/sinks/command_sink.h"
#include "control/sinks/options.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <curl/curl.h>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <thread>

namespace flatline::sinks {
namespace {

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): all that a handler can reach
std::atomic<bool> stop_wanted{false};

Instant Now() {
  return Instant{
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())};
}

std::unique_ptr<Sink> MakeSink(const SinkOptions& options) {
  switch (options.kind) {
    case SinkKind::kCommand:
      return std::make_unique<CommandSink>(options.command, options.time_limit);
    case SinkKind::kWebhook:
      return std::make_unique<WebhookSink>(options.webhook, [] { return std::time(nullptr); });
    case SinkKind::kNats:
      return std::make_unique<NatsSink>(options.nats);
  }
  return nullptr;
}

std::expected<void, std::string> Forward(Client& client, Forwarder& forwarder) {
  constexpr Duration kLongest{200'000'000};
  std::uint64_t refusals = 0;
  while (!stop_wanted.load(std::memory_order_relaxed)) {
    const Instant now = Now();
    const Duration wait = std::clamp(forwarder.due(now) - now, Duration{}, kLongest);
    if (forwarder.wants_records()) {
      const auto polled = client.Poll(
          wait, [&](std::span<const DeliveryRecord> records) { forwarder.Take(records, Now()); });
      if (!polled) {
        return std::unexpected(polled.error());
      }
    } else {
      std::this_thread::sleep_for(wait);
    }
    if (auto turned = forwarder.Turn(Now(), client.sequence()); !turned) {
      return turned;
    }
    if (forwarder.refusals() != refusals) {
      refusals = forwarder.refusals();
      spdlog::warn("not taken, will be offered again: {}", forwarder.trouble());
    }
  }
  return {};
}

std::expected<void, std::string> Run(SinkOptions options) {
  const PositionFile file(options.position);
  const auto loaded = file.Load();
  if (!loaded) {
    return std::unexpected(loaded.error());
  }
  Position position = loaded->value_or(Position{.taken = options.from.value_or(0)});
  if (*loaded || options.from) {
    options.subscription.start = RequestKind::kSubscribeFrom;
    options.subscription.sequence = position.taken;
  }
  spdlog::info("{}: begins behind {}", options.subscription.address, position.taken);
  const auto sink = MakeSink(options);
  Forwarder forwarder(
      *sink,
      position,
      options.limits,
      [&file](const Position& reached) { return file.Save(reached); },
      [](const DeliveryRecord& record) { return cli::RecordJson(record).dump(); },
      std::random_device{}());
  Client client(options.subscription);
  return Forward(client, forwarder);
}

}  // namespace
}  // namespace flatline::sinks

int main(int argc, char** argv) {
  using flatline::sinks::stop_wanted;
  spdlog::set_default_logger(spdlog::stderr_color_st("sink"));
  const auto options = flatline::sinks::ParseSinkOptions(argc, argv);
  if (!options) {
    return options.error();
  }
  struct sigaction action{};
  action.sa_handler = [](int) { stop_wanted.store(true, std::memory_order_relaxed); };
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::curl_global_init(CURL_GLOBAL_DEFAULT);
  const auto ended = flatline::sinks::Run(*options);
  if (!ended) {
    fmt::print(stderr, "flatline-sink: {}\n", ended.error());
    return 1;
  }
  return 0;
}
