#include "control/cli/watch.h"

#include "control/cli/arguments.h"
#include "control/cli/observation.h"
#include "control/cli/option_values.h"
#include "control/cli/record_text.h"
#include "control/cli/trust_options.h"
#include "control/client/socket.h"
#include "control/delivery/subscription_text.h"
#include "control/filter/filter_text.h"

#include <flatline/client.h>
#include <flatline/config.h>
#include <flatline/liveness.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace flatline::cli {
namespace {

constexpr Duration kStep{200'000'000};
// Control may be on its way up; after so long without it nobody is there.
constexpr Duration kArrival{5'000'000'000};

struct Options {
  std::string address;
  std::optional<std::uint64_t> from;
  bool snapshot = false;
  bool no_health = false;
  bool names = false;
  bool flapping = false;
  double suspicion = 0;  // 0: as the profile has it
  std::string summary;   // empty: transitions
  std::vector<std::string> liveness;
  std::vector<Group> groups;
  std::string filter;
  std::string token;
  TlsTrust trust;
  std::string duration;     // empty: for ever
  std::uint64_t count = 0;  // 0: no limit
};

// Empty: it is one that can be reached.
std::string FaultInLevel(const std::string& text) {
  double level = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, level);
  const bool is_one = error == std::errc{} && at == end && level >= 0.1 && level <= 1000;
  return is_one ? "" : "needed a level of suspicion, 0.1 to 1000, found \"" + text + "\"";
}

// The Unix socket where we may use it, else the first TCP address.
std::string AddressOf(const ControlConfig& control) {
  const bool prefers_tcp =
      !control.listen.empty() && ::access(control.socket.c_str(), R_OK | W_OK) != 0;
  if (!prefers_tcp) {
    return "unix:" + control.socket;
  }
  const std::string& listener = control.listen.front();
  return (IsEncrypted(control, listener) ? "tls:" : "plain:") + listener;
}

std::expected<Subscription, std::string> SubscriptionOf(const Options& options,
                                                        const Config& config) {
  const auto liveness = ParseNames(options.liveness, kLivenessNames);
  if (!liveness) {
    return std::unexpected("--liveness: " + liveness.error());
  }
  Subscription out;
  out.address = options.address.empty() ? AddressOf(config.control) : options.address;
  if (const auto address = ParseSocketAddress(out.address); !address) {
    return std::unexpected(address.error());
  }
  out.start = options.snapshot ? RequestKind::kSubscribeSnapshot
              : options.from   ? RequestKind::kSubscribeFrom
                               : RequestKind::kSubscribeNow;
  out.sequence = options.from.value_or(0);
  out.liveness_mask = static_cast<std::uint8_t>(*liveness);
  out.want_health = !options.no_health;
  out.groups = options.groups;
  out.filter = options.filter;
  if (!options.filter.empty()) {
    if (const auto parsed = ParseFilter(options.filter); !parsed) {
      return std::unexpected("--filter: " + parsed.error().Text());
    }
  }
  out.token = options.token;
  out.trust = options.trust;
  out.want_names = options.names;
  out.want_flapping = options.flapping;
  out.suspicion = options.suspicion;
  if (!options.summary.empty()) {
    const auto interval = ParseDuration(options.summary).value_or(Duration{});
    constexpr std::int64_t kMostMs = SubscriptionText::kMostSummaryMs;
    const std::int64_t ms = interval.count() / 1'000'000;
    if (ms < 1 || ms > kMostMs) {
      return std::unexpected("--summary: needed 1ms to 1h, found " + options.summary);
    }
    out.summary_ms = static_cast<std::uint32_t>(ms);
  }
  return out;
}

class Watch {
 public:
  Watch(const Options& options, Subscription subscription, const Invocation& invocation)
      : address_(subscription.address),
        invocation_(invocation),
        left_(options.count == 0 ? ~std::uint64_t{0} : options.count),
        client_(std::move(subscription)) {
    if (!options.duration.empty()) {
      ends_ = began_ + ParseDuration(options.duration).value_or(Duration{});
    }
  }

  ExitCode Run() {
    while (left_ > 0 && invocation_.out) {
      const Instant now = MonotonicNow();
      if (!was_there_ && now - began_ >= kArrival) {
        return NotServed();
      }
      if (IsOver(now)) {
        return was_there_ ? ExitCode::kOk : NotServed();
      }
      if (const auto heard = Hear(now); !heard) {
        return invocation_.Fail(ExitCode::kFailed, heard.error());
      }
      TellRefusal();
      was_there_ = was_there_ || client_.connected();
    }
    return invocation_.out ? ExitCode::kOk : ExitCode::kFailed;
  }

 private:
  [[nodiscard]] bool IsOver(Instant now) const { return ends_ && now >= *ends_; }

  std::expected<std::size_t, std::string> Hear(Instant now) {
    const Duration step = ends_ ? std::min(kStep, *ends_ - now) : kStep;
    const auto out = client_.PollEach(
        step, [this](const DeliveryRecord& record, std::string_view name) { Print(record, name); });
    invocation_.out.flush();
    return out;
  }

  void Print(const DeliveryRecord& record, std::string_view name) {
    if (left_ == 0) {
      return;
    }
    invocation_.out << (invocation_.json ? JsonLine(RecordJson(record, name))
                                         : RecordText(record, name))
                    << "\n";
    --left_;
  }

  // Each once, and again when it had passed meanwhile: the client tries on.
  void TellRefusal() {
    if (refusal_ == client_.refusal()) {
      return;
    }
    refusal_ = client_.refusal();
    if (!refusal_.empty()) {
      invocation_.err << "flatline: " << address_ << ": sent away: " << refusal_
                      << "; trying again\n"
                      << std::flush;
    }
  }

  [[nodiscard]] ExitCode NotServed() const {
    if (!refusal_.empty()) {
      return invocation_.Fail(
          ExitCode::kAbsent,
          address_ + ": needed flatline-control to take us in, found: " + refusal_ + "; try later");
    }
    return invocation_.Fail(ExitCode::kAbsent,
                            address_ +
                                ": needed flatline-control, found nobody; start it, or name its "
                                "address with --address");
  }

  std::string address_;
  const Invocation& invocation_;
  std::uint64_t left_;
  Client client_;
  Instant began_ = MonotonicNow();
  std::optional<Instant> ends_;
  std::string refusal_;  // that was told
  bool was_there_ = false;
};

ExitCode Run(const Options& options, const Invocation& invocation) {
  const auto config = invocation.Load();
  if (!config) {
    return invocation.Fail(ExitCode::kUsage, config.error());
  }
  auto subscription = SubscriptionOf(options, *config);
  if (!subscription) {
    return invocation.Fail(ExitCode::kUsage, subscription.error());
  }
  return Watch(options, std::move(*subscription), invocation).Run();
}

}  // namespace

void AddWatchVerb(CLI::App& app, Invocation& invocation) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("watch", "follow the verdicts as they are given");
  verb->add_option("--address",
                   options->address,
                   "unix:PATH, IPV4:PORT or [IPV6]:PORT; tls: or plain: before a number says how")
      ->type_name("ADDRESS");
  CLI::Option* from = verb->add_option("--from", options->from, "the records after this sequence")
                          ->type_name("SEQ")
                          ->transform(Number<std::uint64_t>("a sequence"));
  verb->add_flag("--snapshot", options->snapshot, "first every endpoint as it is")->excludes(from);
  AddList(*verb, "--liveness", options->liveness, "changes to these only")->type_name("NAME,...");
  AddGroups(*verb, options->groups, kNoGroup, "of these groups only");
  verb->add_option("--filter", options->filter, "liveness:dead and rack=r7 and not group:12, say")
      ->type_name("EXPRESSION");
  verb->add_flag("--names", options->names, "with the names of the roster");
  verb->add_flag("--flapping", options->flapping, "with changes that are suppressed for flapping");
  verb->add_option("--suspicion", options->suspicion, "suspect at this level of suspicion, phi")
      ->type_name("LEVEL")
      ->check(FaultInLevel);
  verb->add_option("--summary", options->summary, "counts of each group, so often")
      ->excludes(from)
      ->excludes("--snapshot")
      ->excludes("--liveness")
      ->excludes("--suspicion")
      ->type_name("DURATION")
      ->check(FaultInDuration);
  verb->add_flag("--no-health", options->no_health, "no changes of health");
  verb->add_option("--for", options->duration, "end after so long")
      ->type_name("DURATION")
      ->check(FaultInDuration);
  verb->add_option("--token", options->token, "to show; better in FLATLINE_TOKEN")
      ->envname("FLATLINE_TOKEN")
      ->type_name("TOKEN");
  AddTrustOptions(*verb, options->trust);
  verb->add_option("--count", options->count, "end after so many records; 0: no limit")
      ->type_name("N")
      ->transform(Number<std::uint64_t>("a count"));
  verb->callback([options, &invocation] {
    invocation.run = [options, &invocation] { return Run(*options, invocation); };
  });
}

}  // namespace flatline::cli
