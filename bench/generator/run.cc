#include "bench/generator/run.h"

#include "bench/generator/capture_sender.h"
#include "bench/generator/flood.h"
#include "bench/generator/listener.h"
#include "bench/generator/replay.h"
#include "bench/generator/report.h"
#include "bench/generator/run_clock.h"
#include "bench/generator/socket_sender.h"

#include <csignal>
#include <fmt/format.h>
#include <memory>
#include <sys/prctl.h>

namespace flatline::generator {

namespace {

constexpr int kPassed = 0;
constexpr int kFailed = 1;
constexpr int kNotThere = 3;
constexpr int kMostSteps = 256;                      // between two looks at everything else
constexpr Duration kLead = std::chrono::seconds(2);  // for the judge to be connected
constexpr Elapsed kSecond = std::chrono::seconds(1);

// Written by the signal handler, and by nobody else.
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables)
volatile std::sig_atomic_t interrupted = 0;

void StopOnSignals() {
  struct sigaction action{};
  action.sa_handler = [](int) { interrupted = 1; };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

int Complain(const std::string& error) {
  fmt::print(stderr, "flatline-generator: {}\n", error);
  return kNotThere;
}

void Show(const std::string& text) {
  fmt::print("{}", text);
  std::fflush(stdout);
}

// What is shown once a second, or not at all.
class Ticker {
 public:
  explicit Ticker(const Options& options) : silent_(options.quiet || options.json) {}

  void Look(Elapsed now, Traffic& traffic, Listener* listener) {
    if (now < next_) {
      return;
    }
    next_ = now + kSecond;
    const TrafficCounts& counts = traffic.counts();
    const Second second{
        now, counts.sent - last_.sent, counts.refused - last_.refused, traffic.TakeLatest()};
    last_ = counts;
    if (!silent_) {
      Show(LiveLine(second, listener == nullptr ? std::nullopt : std::optional{listener->Live()}));
    }
  }

 private:
  bool silent_;
  Elapsed next_ = kSecond;
  TrafficCounts last_;
};

int Conclude(const Options& options, Summary summary) {
  if (options.json) {
    Show(JsonSummary(summary));
  } else {
    Show(TextSummary(summary));
    if (summary.findings) {
      Show(JudgeLine(*summary.findings));
    }
  }
  return summary.findings && !ReasonsToFail(*summary.findings).empty() ? kFailed : kPassed;
}

// Invented time: a capture is written as fast as the disk takes it.
int RunCapture(const Options& options, const Fleet& fleet) {
  const RunClock clock(Duration{0});
  auto sender = CaptureSender::Create(options.capture_path, clock.epoch_ns());
  if (!sender) {
    return Complain(sender.error());
  }
  TrafficOptions traffic_options = options.traffic;
  traffic_options.epoch_ns = clock.epoch_ns();
  Truth truth(fleet);
  Traffic traffic(fleet, options.scenario, traffic_options);
  Elapsed now{};
  for (; now < options.scenario.run_for && interrupted == 0; now += kTick) {
    while (traffic.Step(now, **sender, truth)) {
    }
  }
  traffic.Settle(now, truth);
  if (const auto closed = (*sender)->Close(); !closed) {
    return Complain(closed.error());
  }
  return Conclude(options, {fleet.size(), now, traffic.counts(), std::nullopt});
}

// A Flood, or a Replay, for as long as the run lasts.
template <typename Source>
int Pour(const Options& options,
         const RunClock& clock,
         std::uint64_t size,
         Source& flood,
         Sender& sender) {
  Elapsed now{};
  while (now < options.scenario.run_for && interrupted == 0) {
    now = clock.Now();
    for (int i = 0; i < kMostSteps; ++i) {
      static_cast<void>(flood.Step(now, sender));
    }
  }
  const double seconds = std::chrono::duration<double>(now).count();
  Show(fmt::format("flood: endpoints={} offered={} accepted={} seconds={:.3f} per_second={:.0f}\n",
                   size,
                   flood.offered(),
                   flood.accepted(),
                   seconds,
                   static_cast<double>(flood.accepted()) / seconds));
  return kPassed;
}

int RunFlood(const Options& options, const Fleet& fleet, Sender& sender) {
  const RunClock clock(Duration{0});
  if (!options.replay.empty()) {
    auto replay = Replay::Open(options.replay);
    return replay ? Pour(options, clock, replay->frames(), *replay, sender)
                  : Complain(replay.error());
  }
  TrafficOptions traffic_options = options.traffic;
  traffic_options.epoch_ns = clock.epoch_ns();
  Flood flood(fleet, traffic_options);
  return Pour(options, clock, fleet.size(), flood, sender);
}

// Sends what is due until the run is over and, where there is a judge, decided.
Elapsed Turn(const Options& options,
             const RunClock& clock,
             Sender& sender,
             Truth& truth,
             std::pair<Traffic&, Listener*> parts) {
  const auto [traffic, listener] = parts;
  Ticker ticker(options);
  while (true) {
    Elapsed now = clock.Now();
    if (now >= options.scenario.run_for || interrupted != 0) {
      if (listener == nullptr) {
        return now;
      }
      listener->Close();
    }
    if (listener != nullptr && listener->Decided()) {
      return now;
    }
    int steps = 0;
    while (steps < kMostSteps && traffic.Step(now, sender, truth)) {
      now = clock.Now();
      ++steps;
    }
    traffic.Settle(clock.Now(), truth);
    ticker.Look(now, traffic, listener);
    if (steps < kMostSteps) {
      clock.SleepUntil(now + kTick);
    }
  }
}

int RunTraffic(const Options& options, const Fleet& fleet, Sender& sender) {
  const bool judged = !options.judge.empty();
  const RunClock clock(judged ? kLead : Duration{0});
  TrafficOptions traffic_options = options.traffic;
  traffic_options.epoch_ns = clock.epoch_ns();
  Truth truth(fleet);
  Traffic traffic(fleet, options.scenario, traffic_options);
  std::optional<Listener> listener;
  if (judged) {
    listener.emplace(options.judge,
                     clock,
                     fleet,
                     truth,
                     JudgeOptions{.incarnation = options.traffic.incarnation,
                                  .epoch_ns = clock.epoch_ns(),
                                  .slack = options.slack,
                                  .early = options.early});
  }
  clock.SleepUntil(Elapsed{0});
  if (listener && !listener->is_connected()) {
    const auto findings = listener->Decided();
    return Complain(fmt::format("needed control to answer at {}, found {}; is it running?",
                                options.judge,
                                findings ? findings->error : "nobody"));
  }
  const Elapsed ran =
      Turn(options, clock, sender, truth, {traffic, listener ? &*listener : nullptr});
  std::optional<Findings> findings = listener ? listener->Decided() : std::nullopt;
  if (findings && interrupted != 0) {
    findings->error = "the run was interrupted";
  }
  return Conclude(options, {fleet.size(), ran, traffic.counts(), std::move(findings)});
}

}  // namespace

int Run(const Options& options) {
  StopOnSignals();
  prctl(PR_SET_TIMERSLACK, 1);
  const Fleet fleet = MakeFleet(options.scenario);
  if (options.outlet == Outlet::kCapture) {
    return RunCapture(options, fleet);
  }
  const auto sender = options.outlet == Outlet::kSocket ? CreateSocketSender(options.socket_target)
                                                        : CreateDpdkSender(options.port);
  if (!sender) {
    return Complain(sender.error());
  }
  return options.flood ? RunFlood(options, fleet, **sender) : RunTraffic(options, fleet, **sender);
}

}  // namespace flatline::generator
