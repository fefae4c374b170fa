// The dataplane put together: relays, EAL, ports, engine, poll loops, and the main thread's watch.
// Run is called once, by main, and returns when told to stop by SIGTERM or SIGINT.
// Assumes a configuration that has been checked. What is missing is one line, with nothing left
// behind: no process, no lock, no hugepage file. Cost: start-up; then a look at the devices ten
// times a second.
#pragma once

#include "dataplane/options.h"

#include <flatline/config.h>

#include <expected>
#include <string>

namespace flatline::dpdk {

// Whether the configured devices are ones that EAL can be asked for; before anything is touched.
[[nodiscard]] std::expected<void, std::string> CheckDevices(const Config& config);

[[nodiscard]] std::expected<void, std::string> RunDataplane(const Config& config,
                                                            const Options& options);

}  // namespace flatline::dpdk
