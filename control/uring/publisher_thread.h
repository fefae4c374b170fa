// A thread that serves its share of the subscribers, from its creation to its destruction. Made by
// main; connections are handed to it by the control loop. Nothing else is shared but the service's
// part for outlets.
#pragma once

#include "control/service.h"
#include "control/uring/outlet_server.h"

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <thread>

namespace flatline::uring {

class PublisherThread {
 public:
  // The error says why there can be no ring.
  [[nodiscard]] static std::expected<std::unique_ptr<PublisherThread>, std::string> Start(
      Service& service, const Elsewhere& elsewhere);

  ~PublisherThread();
  PublisherThread(const PublisherThread&) = delete;
  PublisherThread& operator=(const PublisherThread&) = delete;

  [[nodiscard]] OutletServer& server() noexcept { return *server_; }

  // When its latest turn began, in nanoseconds of the monotonic clock; four turns a second at
  // least.
  [[nodiscard]] const std::atomic<std::int64_t>& turn_ns() const noexcept { return turn_ns_; }

 private:
  PublisherThread() = default;

  void Run();

  std::unique_ptr<OutletServer> server_;  // made and destroyed by the thread
  std::shared_ptr<Bell> bell_;
  std::atomic<bool> stop_{false};
  std::atomic<std::int64_t> turn_ns_{0};
  std::thread thread_;
};

}  // namespace flatline::uring
