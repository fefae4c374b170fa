#include "control/uring/server.h"

#include <cstring>
#include <spdlog/spdlog.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace flatline::uring {

std::expected<std::unique_ptr<Server>, std::string> Server::Create(const ControlConfig& config,
                                                                   Service& service) {
  auto ring = Ring::Create();
  if (!ring) {
    return std::unexpected(std::move(ring.error()));
  }
  std::unique_ptr<Server> out(new Server(std::move(*ring), service));
  if (auto listening = out->Listen(config); !listening) {
    return std::unexpected(std::move(listening.error()));
  }
  return out;
}

std::expected<void, std::string> Server::Listen(const ControlConfig& config) {
  const auto on_accept = [this](int descriptor, Session::Origin origin) {
    Accept(descriptor, origin);
  };
  auto local = Listener::ListenUnix(*ring_, config.socket, on_accept);
  if (!local) {
    return std::unexpected(std::move(local.error()));
  }
  listeners_.push_back(std::move(*local));
  for (const std::string& address : config.listen) {
    auto listener = Listener::ListenTcp(*ring_, address, on_accept);
    if (!listener) {
      return std::unexpected(std::move(listener.error()));
    }
    listeners_.push_back(std::move(*listener));
  }
  return {};
}

Server::~Server() {
  // The ring goes first: with it every operation on the memory of the others.
  ring_.reset();
}

void Server::Accept(int descriptor, Session::Origin origin) {
  Session* const session = service_->Open(origin, clock_.now);
  if (session == nullptr) {
    ::close(descriptor);
    return;
  }
  connections_.push_back(std::make_unique<Connection>(*ring_, descriptor, *session, clock_));
}

void Server::Serve(Instant now, WallInstant wall) {
  clock_ = {now, wall};
  for (const auto& listener : listeners_) {
    listener->Arm();
  }
  for (std::size_t i = 0; i < connections_.size();) {
    Connection& connection = *connections_[i];
    connection.Turn();
    if (connection.ended()) {
      service_->Close(&connection.session());
      std::swap(connections_[i], connections_.back());
      connections_.pop_back();
    } else {
      ++i;
    }
  }
}

void Server::Sync(Journal& journal) {
  if (syncing_) {
    return;
  }
  syncing_ = journal.SyncTarget();
  if (!syncing_) {
    return;
  }
  io_uring_sqe& submission = ring_->Next();
  io_uring_prep_fsync(&submission, syncing_->descriptor(), IORING_FSYNC_DATASYNC);
  Ring::Address(submission, *this, 0);
}

void Server::Complete(unsigned /*operation*/, const io_uring_cqe& completion) {
  if (completion.res < 0) {
    spdlog::error("{}: cannot be written to the disk: {}",
                  syncing_->path(),
                  std::generic_category().message(-completion.res));
  }
  syncing_.reset();
}

}  // namespace flatline::uring
