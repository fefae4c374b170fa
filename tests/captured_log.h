// What is logged while it lives, a line each, "[level] text"; nothing of it is shown. One at a
// time, in tests.
#pragma once

#include <memory>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sstream>
#include <string>
#include <utility>

namespace flatline {

class CapturedLog {
 public:
  CapturedLog() {
    auto logger = std::make_shared<spdlog::logger>(
        "captured", std::make_shared<spdlog::sinks::ostream_sink_mt>(lines_));
    logger->set_pattern("[%l] %v");
    spdlog::set_default_logger(std::move(logger));
  }

  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;

  ~CapturedLog() { spdlog::set_default_logger(std::move(before_)); }

  [[nodiscard]] std::string text() const { return lines_.str(); }

 private:
  std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
  std::ostringstream lines_;
};

}  // namespace flatline
