// flatline-control: joins the dataplane's region, journals its transitions, serves subscribers.
// Needs neither root nor hugepages nor a network card. Exit status: 0 told to stop, 1 cannot go on,
// 2 bad usage or configuration.
#include "control/assembly.h"
#include "control/control_loop.h"
#include "control/files/page_shield.h"
#include "control/last_words.h"
#include "control/options.h"

#include <flatline/confinement.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <string>
#include <sys/prctl.h>

namespace {

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): all that a handler can reach
flatline::Wishes wishes;

void ListenToSignals() {
  struct sigaction action{};
  action.sa_handler = [](int) { wishes.stop.store(true, std::memory_order_relaxed); };
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
  action.sa_handler = [](int) { wishes.reload.store(true, std::memory_order_relaxed); };
  ::sigaction(SIGHUP, &action, nullptr);
}

int Fail(int status, const std::string& text) {
  fmt::print(stderr, "flatline-control: {}\n", text);
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  flatline::InstallLastWords();
  if (const auto dropped = flatline::DropCapabilities(); !dropped) {
    return Fail(1, dropped.error());
  }
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
  ListenToSignals();
  flatline::page_shield::Install();
  ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);  // else a wait of 50 µs takes 100
  const auto ended = flatline::RunControl(*config, wishes);
  return ended ? 0 : Fail(1, ended.error());
}
