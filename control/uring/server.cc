#include "control/uring/server.h"

#include "control/delivery/frames.h"

#include <algorithm>
#include <cstring>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace flatline::uring {

std::expected<std::unique_ptr<Server>, std::string> Server::Create(
    const ControlConfig& config,
    std::vector<OutletServer*> outlets,
    const TlsCredentials* credentials) {
  auto ring = Ring::Create(Ring::Use::kListening);
  if (!ring) {
    return std::unexpected(std::move(ring.error()));
  }
  const std::size_t most = config.subscribers + Service::kSpareSessions;
  std::unique_ptr<Server> out(new Server(std::move(*ring), most, std::move(outlets), credentials));
  if (auto listening = out->Listen(config); !listening) {
    return std::unexpected(std::move(listening.error()));
  }
  return out;
}

std::expected<void, std::string> Server::Listen(const ControlConfig& config) {
  const auto on_accept = [this](int descriptor, Session::Origin origin) {
    Accept(descriptor, origin, false);
  };
  const auto on_accept_encrypted = [this](int descriptor, Session::Origin origin) {
    Accept(descriptor, origin, true);
  };
  auto local = Listener::ListenUnix(*ring_, config.socket, on_accept);
  if (!local) {
    return std::unexpected(std::move(local.error()));
  }
  listeners_.push_back(std::move(*local));
  for (const std::string& address : config.listen) {
    const bool encrypted = IsEncrypted(config, address);
    if (encrypted && credentials_ == nullptr) {
      return std::unexpected(
          address +
          ": needed a certificate to speak TLS there, found none; set control.tls_certificate");
    }
    auto listener = encrypted ? Listener::ListenTcp(*ring_, address, on_accept_encrypted)
                              : Listener::ListenTcp(*ring_, address, on_accept);
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

void Server::Accept(int descriptor, Session::Origin origin, bool encrypted) {
  std::size_t connections = 0;
  for (const OutletServer* const outlet : outlets_) {
    connections += outlet->connections();
  }
  // The last ones are the Unix socket's: a crowd on the network keeps no operator out.
  const std::size_t kept = origin == Session::Origin::kLocal ? 0 : Service::kSpareSessions;
  if (connections >= most_connections_ - kept) {
    TurnAway(descriptor, encrypted);
    return;
  }
  (*std::ranges::min_element(outlets_, {}, &OutletServer::connections))
      ->HandOver(descriptor, origin, encrypted ? credentials_->current() : nullptr);
}

// As far as the socket takes it at once; over TLS there is nobody yet to say it to.
void Server::TurnAway(int descriptor, bool encrypted) {
  ++turned_away_;
  if (!encrypted) {
    const DeliveryRecord said =
        frames::Error({DeliveryError::kTooManySubscribers, "see control.subscribers"});
    static_cast<void>(::send(descriptor, &said, sizeof(said), MSG_DONTWAIT | MSG_NOSIGNAL) > 0);
  }
  ::close(descriptor);
}

void Server::Serve(Instant now) {
  for (const auto& listener : listeners_) {
    listener->Arm(now);
  }
  if (turned_away_ != told_turned_away_ && now >= complain_at_) {
    spdlog::warn(
        "connections: needed a place for {} more, found all {} taken (the last {} are the Unix "
        "socket's), and turned them away: see who connects, or raise control.subscribers",
        turned_away_ - told_turned_away_,
        most_connections_,
        Service::kSpareSessions);
    told_turned_away_ = turned_away_;
    complain_at_ = now + kComplaintInterval;
  }
}

void Server::Sync(Service& service) {
  if (syncing_) {
    return;
  }
  syncing_ = service.journal().SyncTarget();
  if (!syncing_) {
    return;
  }
  sync_for_ = &service;
  io_uring_sqe& submission = ring_->Next();
  io_uring_prep_fsync(&submission, syncing_->descriptor(), IORING_FSYNC_DATASYNC);
  Ring::Address(submission, *this, 0);
}

void Server::Complete(unsigned /*operation*/, const io_uring_cqe& completion) {
  syncing_.reset();
  if (completion.res < 0) {
    sync_for_->journal().SyncFailed(-completion.res);
  } else {
    sync_for_->journal().Synced();
  }
  sync_for_->RingBells();
}

}  // namespace flatline::uring
