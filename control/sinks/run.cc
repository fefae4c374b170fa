#include "control/sinks/run.h"

#include "control/cli/record_text.h"
#include "control/sinks/command_sink.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <spdlog/spdlog.h>
#include <thread>
#include <utility>

namespace flatline::sinks {
namespace {

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

std::expected<void, std::string> Forward(Client& client,
                                         Forwarder& forwarder,
                                         const std::atomic<bool>& stop) {
  constexpr Duration kLongest{200'000'000};
  std::uint64_t refusals = 0;
  bool has_begun = false;
  while (!stop.load(std::memory_order_relaxed)) {
    client.Acknowledge(forwarder.position().taken);
    const Instant now = Now();
    const Duration wait = std::clamp(forwarder.due(now) - now, Duration{}, kLongest);
    if (forwarder.wants_records()) {
      const auto polled = client.Poll(wait, [&](std::span<const DeliveryRecord> records) {
        if (!std::exchange(has_begun, true)) {
          forwarder.BeginBehind(client.sequence());  // the greeting said where the cursor stands
        }
        forwarder.Take(records, Now());
      });
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

}  // namespace

std::expected<void, std::string> RunSink(SinkOptions options, const std::atomic<bool>& stop) {
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
  options.subscription.acknowledge_later = true;
  spdlog::info("{}: begins behind {}, or where control keeps {}",
               options.subscription.address,
               position.taken,
               options.subscription.cursor);
  const auto sink = MakeSink(options);
  Forwarder forwarder(
      *sink,
      position,
      options.limits,
      [&file](const Position& reached) { return file.Save(reached); },
      [](const DeliveryRecord& record, std::string_view name) {
        return cli::JsonLine(cli::RecordJson(record, name));
      },
      std::random_device{}());
  Client client(options.subscription);
  return Forward(client, forwarder, stop);
}

}  // namespace flatline::sinks
