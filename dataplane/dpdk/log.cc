#include "dataplane/dpdk/log.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>

#include <rte_log.h>

namespace flatline::dpdk {
namespace {

constexpr std::array<std::uint32_t, 4> kRteLevels{
    RTE_LOG_ERR, RTE_LOG_WARNING, RTE_LOG_NOTICE, RTE_LOG_INFO};

// Set once when EAL is up; read by every thread that logs.
std::atomic<int>& LogType() {
  static std::atomic<int> type{-1};
  return type;
}

}  // namespace

void OpenLog() {
  LogType().store(rte_log_register_type_and_pick_level("flatline", RTE_LOG_INFO),
                  std::memory_order_release);
}

void WriteLog(LogLevel level, const std::string& line) {
  const int type = LogType().load(std::memory_order_acquire);
  if (type < 0) {
    std::fprintf(stderr, "flatline: %s\n", line.c_str());
    return;
  }
  rte_log(kRteLevels[static_cast<unsigned>(level)],
          static_cast<std::uint32_t>(type),
          "flatline: %s\n",
          line.c_str());
}

}  // namespace flatline::dpdk
