// flatline-sink: a subscriber like any other, in a process of its own, that hands what it hears to
// a command, a webhook or NATS JetStream, at least once and in order. Exit status: 0 told to stop,
// 1 cannot go on, 2 bad usage.
#include "control/sinks/options.h"
#include "control/sinks/run.h"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <curl/curl.h>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace flatline::sinks {
namespace {

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): all that a handler can reach
std::atomic<bool> stop_wanted{false};

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
  const auto ended = flatline::sinks::RunSink(*options, stop_wanted);
  if (!ended) {
    fmt::print(stderr, "flatline-sink: {}\n", ended.error());
    return 1;
  }
  return 0;
}
