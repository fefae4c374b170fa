#include "control/uring/publisher_thread.h"

#include "control/clock.h"

#include <future>
#include <sys/prctl.h>
#include <utility>

namespace flatline::uring {
namespace {

// Well below what counts as hanging (flatline/hang.h).
constexpr Duration kLongestWait{250'000'000};

}  // namespace

std::expected<std::unique_ptr<PublisherThread>, std::string> PublisherThread::Start(
    Service& service, const Elsewhere& elsewhere) {
  std::unique_ptr<PublisherThread> out(new PublisherThread);
  std::promise<std::expected<void, std::string>> begun;
  auto has_begun = begun.get_future();
  out->thread_ = std::thread([self = out.get(), &service, &elsewhere, &begun] {
    auto server = OutletServer::Create(service, elsewhere);
    if (!server) {
      begun.set_value(std::unexpected(std::move(server.error())));
      return;
    }
    self->server_ = std::move(*server);
    self->bell_ = self->server_->bell();
    begun.set_value({});
    self->Run();
    self->server_.reset();
  });
  if (auto result = has_begun.get(); !result) {
    return std::unexpected(std::move(result.error()));
  }
  return out;
}

PublisherThread::~PublisherThread() {
  stop_.store(true);
  if (bell_) {
    bell_->Ring();
  }
  thread_.join();
}

void PublisherThread::Run() {
  ::prctl(PR_SET_NAME, "publisher", 0UL, 0UL, 0UL);
  ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  while (!stop_.load()) {
    const Instant now = ReadMonotonic();
    turn_ns_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
    server_->Serve(now, ReadWall());
    server_->Wait(kLongestWait);
  }
}

}  // namespace flatline::uring
