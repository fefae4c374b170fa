// What flatline-sink is told, on its command line or in a TOML file with the same names. Strict: an
// unknown key, a value out of range or two kinds of sink at once is refused with what to do. Parsed
// once at start.
#pragma once

#include "control/sinks/forwarder.h"
#include "control/sinks/nats_sink.h"
#include "control/sinks/webhook_sink.h"

#include <flatline/client.h>

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

namespace flatline::sinks {

enum class SinkKind : std::uint8_t { kCommand, kWebhook, kNats };

struct SinkOptions {
  SinkKind kind = SinkKind::kCommand;
  Subscription subscription;
  std::optional<std::uint64_t> from;  // where there is no position yet; nothing: from now on
  std::string position;               // file
  BatchLimits limits;
  std::vector<std::string> command;
  Duration time_limit{10'000'000'000};
  WebhookOptions webhook;
  NatsOptions nats;
};

// The error is the exit status: what there is to say has been said.
[[nodiscard]] std::expected<SinkOptions, int> ParseSinkOptions(int argc, const char* const* argv);

}  // namespace flatline::sinks
