// The dataplane's log: DPDK's, under a type of our own, so that one `--log-level=flatline:debug`
// governs it and lines of ours and of the drivers keep their order.
// For cold paths only: nothing on a worker's turn logs. Before EAL is up the lines go to stderr.
// Cost: formatting and a write.
#pragma once

#include <cstdint>
#include <fmt/format.h>
#include <string>
#include <utility>

namespace flatline::dpdk {

enum class LogLevel : std::uint8_t { kError, kWarning, kNotice, kInfo };

// Registers the type with EAL; called once, after EAL is up.
void OpenLog();

void WriteLog(LogLevel level, const std::string& line);

template <typename... Args>
void Log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  WriteLog(level, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace flatline::dpdk
