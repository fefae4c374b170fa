// flatline-control: joins the dataplane's region, journals its transitions, serves subscribers.
// Needs neither root nor hugepages nor a network card. Exit status: 0 told to stop, 1 cannot go on,
// 2 bad usage or configuration.
#include "control/control_loop.h"
#include "control/options.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <string>
#include <sys/prctl.h>
#include <systemd/sd-daemon.h>

namespace {

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): all that a handler can reach
std::atomic<bool> stop_wanted{false};

void StopOnSignals() {
  struct sigaction action{};
  action.sa_handler = [](int) { stop_wanted.store(true, std::memory_order_relaxed); };
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
}

int Fail(int status, const std::string& text) {
  fmt::print(stderr, "flatline-control: {}\n", text);
  return status;
}

int Serve(const flatline::Config& config) {
  flatline::Journal::Findings findings;
  auto journal = flatline::Journal::Open({.directory = config.control.journal,
                                          .segment = config.control.segment,
                                          .retain = config.control.retain,
                                          .allocate = {}},
                                         findings);
  if (!journal) {
    return Fail(1, journal.error());
  }
  std::ranges::for_each(findings, [](const std::string& text) { spdlog::error("{}", text); });
  spdlog::info(
      "journal {}: {} to {}", config.control.journal, (*journal)->oldest(), (*journal)->newest());
  const auto serial = std::chrono::system_clock::now().time_since_epoch().count() >> 10;
  flatline::Service service({.bookmark = config.control.bookmark,
                             .subscribers = config.control.subscribers,
                             .first_serial = static_cast<std::uint64_t>(serial)},
                            std::move(*journal));
  auto server = flatline::uring::Server::Create(config.control, service);
  if (!server) {
    return Fail(1, server.error());
  }
  ::sd_notify(0, "READY=1");
  const auto ended = flatline::ControlLoop(config, service, **server).Run(stop_wanted);
  ::sd_notify(0, "STOPPING=1");
  return ended ? 0 : Fail(1, ended.error());
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = flatline::ParseControlOptions(argc, argv);
  if (!options) {
    return options.error();
  }
  spdlog::set_default_logger(spdlog::stderr_color_st("control"));
  spdlog::set_level(options->is_verbose ? spdlog::level::debug : spdlog::level::info);
  const auto config = flatline::LoadConfig(options->config);
  if (!config) {
    return Fail(2, config.error());
  }
  StopOnSignals();
  ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);  // else a wait of 50 µs takes 100
  return Serve(*config);
}
