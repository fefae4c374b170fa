// Control as it serves subscribers, with real sockets and a fleet that is invented, turned by the
// test in invented time on one thread: the fixture of the tests of this folder. Skips where the
// kernel forbids the ring.
#pragma once

#include "control/uring/server.h"
#include "tests/control/invented_region.h"
#include "tests/control/journal/journal_in_a_directory.h"

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace flatline::uring {

class Served : public testing::Test {
 protected:
  // `syncs`: nobody is told what is not on the disk yet.
  explicit Served(std::uint32_t subscribers, bool syncs = false)
      : service_(
            {.bookmark = Duration{1'000'000'000}, .subscribers = subscribers, .first_serial = 1},
            OpenJournal(syncs)) {
    config_.socket = place_.options.directory + "/control.sock";
    config_.listen = {"127.0.0.1:0"};
    config_.subscribers = subscribers;
  }

  // After what the test has to say in `config_`.
  void Serve(TlsCredentials* credentials = nullptr) {
    auto outlet = OutletServer::Create(service_, {run_, run_});
    if (!outlet && outlet.error().starts_with("io_uring")) {
      GTEST_SKIP() << outlet.error();
    }
    ASSERT_TRUE(outlet) << outlet.error();
    outlet_ = std::move(*outlet);
    auto server = Server::Create(config_, {outlet_.get()}, credentials);
    ASSERT_TRUE(server) << server.error();
    server_ = std::move(*server);
    service_.Join(region_.view());
  }

  void Turn(Duration later = Duration{100'000}) {
    now_ += later;
    wall_ += later;
    ASSERT_TRUE(service_.Turn(now_, wall_));
    server_->Serve(now_);
    server_->Wait(Duration{});
    outlet_->Serve(now_, wall_);
    outlet_->Wait(Duration{1'000'000});
  }

  // Turns until `done`, which is asked after each; false after too many.
  [[nodiscard]] bool TurnUntil(const std::function<bool()>& done, int turns = 20'000) {
    for (; turns != 0; --turns) {
      Turn();
      if (done()) {
        return true;
      }
    }
    return false;
  }

  [[nodiscard]] std::unique_ptr<Journal> OpenJournal(bool syncs) {
    place_.options.sync_before_telling = syncs;
    return place_.Open();
  }

  // Of the listener over TCP.
  [[nodiscard]] int port() const { return server_->listeners()[1]->port(); }

  Instant now_{Duration{1'000'000'000'000}};  // long after boot
  WallInstant wall_{Duration{1'790'000'000'000'000'000}};
  InventedRegion region_{{.workers = 2, .transitions = 4096, .commands = 4096}};
  JournalInADirectory place_{16383, 4};  // 1 MiB each
  ControlConfig config_;
  Service service_;
  // What is to be done elsewhere: at once, unless the test holds it back.
  SnapshotJob::Run run_ = [this](std::function<void()> task) {
    if (holds_back_) {
      held_back_.push_back(std::move(task));
    } else {
      task();
    }
  };
  bool holds_back_ = false;
  std::vector<std::function<void()>> held_back_;
  std::unique_ptr<OutletServer> outlet_;
  std::unique_ptr<Server> server_;
};

}  // namespace flatline::uring
