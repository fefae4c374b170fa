// `flatline metrics`: all that it counts, and what became of promises, for Prometheus.
#pragma once

namespace CLI {
class App;
}

namespace flatline::cli {

struct Invocation;

void AddMetricsVerb(CLI::App& app, Invocation& invocation);

}  // namespace flatline::cli
