#include "control/uring/outlet_server.h"

#include <algorithm>
#include <fmt/format.h>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace flatline::uring {
namespace {

// The bell's: closed when the last who may ring it is gone.
class EventDescriptor {
 public:
  explicit EventDescriptor(int descriptor) noexcept : descriptor_(descriptor) {}

  ~EventDescriptor() { ::close(descriptor_); }

  EventDescriptor(const EventDescriptor&) = delete;
  EventDescriptor& operator=(const EventDescriptor&) = delete;

  void Signal() const noexcept {
    const std::uint64_t one = 1;
    static_cast<void>(::write(descriptor_, &one, sizeof(one)) == sizeof(one));
  }

 private:
  int descriptor_;
};

}  // namespace

std::expected<std::unique_ptr<OutletServer>, std::string> OutletServer::Create(
    Service& service, const Elsewhere& elsewhere) {
  auto ring = Ring::Create(Ring::Use::kServing);
  if (!ring) {
    return std::unexpected(std::move(ring.error()));
  }
  std::unique_ptr<OutletServer> out(new OutletServer(std::move(*ring)));
  out->bell_descriptor_ = ::eventfd(0, EFD_CLOEXEC);
  if (out->bell_descriptor_ < 0) {
    return std::unexpected(fmt::format("eventfd: {}; raise the limit of open files",
                                       std::generic_category().message(errno)));
  }
  auto event = std::make_shared<const EventDescriptor>(out->bell_descriptor_);
  auto bell = std::make_shared<Bell>([event = std::move(event)] { event->Signal(); });
  out->turnover_.run = elsewhere.handshakes;
  out->turnover_.wake = [bell] { bell->Ring(); };
  out->outlet_ = std::make_unique<Outlet>(service, elsewhere.snapshots, std::move(bell));
  return out;
}

OutletServer::~OutletServer() {
  // The ring goes first: with it every operation on the memory of the others.
  ring_.reset();
  for (const Arrival& arrival : arrivals_) {
    ::close(arrival.descriptor);
  }
}

void OutletServer::HandOver(int descriptor,
                            Session::Origin origin,
                            std::shared_ptr<const TlsContext> tls) {
  count_.fetch_add(1);
  {
    const std::lock_guard lock(mutex_);
    arrivals_.push_back({descriptor, origin, std::move(tls)});
  }
  bell()->Ring();
}

bool OutletServer::HasArrivals() {
  const std::lock_guard lock(mutex_);
  return !arrivals_.empty();
}

// A few a turn: a thousand that come back at once do not keep the others waiting.
void OutletServer::TakeArrivals() {
  std::vector<Arrival> arrived;
  {
    const std::lock_guard lock(mutex_);
    const auto end =
        arrivals_.begin() + static_cast<std::ptrdiff_t>(std::min(kMostArrivals, arrivals_.size()));
    arrived.assign(arrivals_.begin(), end);
    arrivals_.erase(arrivals_.begin(), end);
  }
  for (const Arrival& arrival : arrived) {
    Session& session = outlet_->Open(arrival.origin, turnover_.now);
    connections_.push_back(
        std::make_unique<Connection>(*ring_, arrival.descriptor, session, turnover_, arrival.tls));
    connections_.back()->Begin(connections_.size() - 1);
  }
}

void OutletServer::Serve(Instant now, WallInstant wall) {
  turnover_.now = now;
  turnover_.wall = wall;
  ListenToBell();
  TakeArrivals();
  outlet_->Turn(now, wall);
  Shake();
  for (Connection* const connection : turnover_.lingering) {
    connection->Attend();
  }
  std::erase_if(turnover_.lingering,
                [](const Connection* connection) { return !connection->lingers(); });
  Bury();
}

// Takes back what is done, and begins with those who wait, in the order in which they came.
void OutletServer::Shake() {
  std::erase_if(turnover_.under_way, [](Connection* connection) { return connection->TakeStep(); });
  while (MayShake()) {
    Connection* const connection = turnover_.shaking.front();
    turnover_.shaking.pop_front();
    if (connection->Shake()) {
      turnover_.under_way.push_back(connection);
    }
  }
}

bool OutletServer::MayShake() const noexcept {
  return !turnover_.shaking.empty() && turnover_.under_way.size() < Connection::kMostHandshakes;
}

void OutletServer::Bury() {
  for (Connection* const connection : std::exchange(turnover_.ended, {})) {
    if (connection->awaits_handshake()) {
      std::erase(turnover_.shaking, connection);
    }
    const std::size_t place = connection->place();
    outlet_->Close(connection->session());
    std::swap(connections_[place], connections_.back());
    connections_[place]->MoveTo(place);
    connections_.pop_back();
    count_.fetch_sub(1);
  }
}

void OutletServer::Wait(Duration most) {
  bell()->LieDown();
  const bool has_work = outlet_->has_work() || !turnover_.ended.empty() || HasArrivals() ||
                        MayShake() ||
                        std::ranges::any_of(turnover_.under_way, &Connection::has_step);
  const Duration until = std::clamp(outlet_->next_turn() - turnover_.now, Duration{}, most);
  ring_->Wait(has_work ? Duration{} : until);
  bell()->GetUp();
}

void OutletServer::ListenToBell() {
  if (listens_to_bell_) {
    return;
  }
  io_uring_sqe& submission = ring_->Next();
  io_uring_prep_read(&submission, bell_descriptor_, &bell_count_, sizeof(bell_count_), 0);
  Ring::Address(submission, *this, 0);
  listens_to_bell_ = true;
}

void OutletServer::Complete(unsigned /*operation*/, const io_uring_cqe& /*completion*/) {
  listens_to_bell_ = false;
}

}  // namespace flatline::uring
