#include "dataplane/dpdk/memif_relay.h"

#include "dataplane/dpdk/log.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace flatline::dpdk {
namespace {

constexpr int kRetryMilliseconds = 100;  // between attempts to reach a server

// A directory that only we may enter, for the private socket; the same at the next start.
std::expected<std::string, std::string> PrivateDirectory(const std::string& instance) {
  const char* own = std::getenv("XDG_RUNTIME_DIR");  // NOLINT(concurrency-mt-unsafe): at start
  const std::string base = geteuid() == 0 ? "/run" : own != nullptr ? own : "/tmp";
  std::string path = fmt::format("{}/flatline-{}.memif", base, instance);
  struct stat about{};
  if ((mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) || lstat(path.c_str(), &about) != 0 ||
      !S_ISDIR(about.st_mode) || about.st_uid != geteuid()) {
    return std::unexpected(fmt::format(
        "memif: needed a directory of our own at {}, found: {}; remove what is there",
        path,
        errno == 0 ? std::string("one of somebody else") : std::generic_category().message(errno)));
  }
  return path;
}

Instant Now() {
  return Instant{std::chrono::steady_clock::now().time_since_epoch()};
}

}  // namespace

// What is known of the conversation between one peer and the driver.
struct MemifRelay::Session {
  Descriptor peer;
  Descriptor driver;
  Instant until{};         // by when it must be complete
  bool connected = false;  // the message that completes it has passed
  bool open = false;       // and the gate is open
  unsigned to_server = 0;  // rings set up
  unsigned to_client = 0;
};

std::expected<std::unique_ptr<MemifRelay>, std::string> MemifRelay::Create(
    DeviceString& device, const std::string& instance, std::size_t port_index) {
  const auto directory = PrivateDirectory(instance);
  if (!directory) {
    return std::unexpected(directory.error());
  }
  const std::string role = device.Argument("role").value_or("client");
  const bool is_server = role == "server" || role == "master";
  const MemifAddress outside = MemifAddress::Of(device);
  const MemifAddress inside{.path = fmt::format("{}/{}", *directory, port_index),
                            .abstract = false};
  (void)unlink(inside.path.c_str());
  auto listener = (is_server ? outside : inside).Listen();
  if (!listener) {
    return std::unexpected(listener.error());
  }
  device.SetArgument("socket", inside.path);
  device.SetArgument("socket-abstract", "no");
  return std::unique_ptr<MemifRelay>(
      new MemifRelay(outside, inside, is_server, std::move(*listener)));
}

MemifRelay::MemifRelay(MemifAddress outside,
                       MemifAddress inside,
                       bool is_server,
                       Descriptor listener)
    : outside_(std::move(outside)),
      inside_(std::move(inside)),
      listener_(std::move(listener)),
      stop_(eventfd(0, EFD_CLOEXEC)),
      is_server_(is_server) {}

void MemifRelay::Stop() {
  if (thread_.joinable()) {
    eventfd_write(stop_.get(), 1);
    thread_.join();
  }
}

MemifRelay::~MemifRelay() {
  Stop();
  (void)unlink(inside_.path.c_str());
  (void)rmdir(inside_.path.substr(0, inside_.path.rfind('/')).c_str());
  if (is_server_ && !outside_.abstract) {
    (void)unlink(outside_.path.c_str());
  }
}

void MemifRelay::Start(Driver driver) {
  driver_ = std::move(driver);
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "memif-relay");
    Run();
  });
}

bool MemifRelay::StopsWithin(int milliseconds) const {
  pollfd told{.fd = stop_.get(), .events = POLLIN, .revents = 0};
  return poll(&told, 1, milliseconds) > 0;
}

void MemifRelay::Run() {
  while (!StopsWithin(0)) {
    Session session;
    session.peer = AwaitPeer();
    if (!session.peer.valid()) {
      continue;
    }
    session.driver = JoinDriver();
    session.until = Now() + kHandshake;
    while (session.peer.valid() && session.driver.valid() && Attend(session)) {
    }
    gate_.Close();
    Dismiss(std::move(session.driver));  // the driver tears down, and nobody is inside
    AwaitLinkDown();
    if (session.open) {
      Log(LogLevel::kNotice, "memif {}: the peer is gone", outside_.path);
    }
    if (!is_server_ && !StopsWithin(kRetryMilliseconds)) {
      driver_.restart();
    }
  }
}

Descriptor MemifRelay::AwaitPeer() {
  if (is_server_) {
    return AcceptWithin(-1);
  }
  Descriptor server = outside_.Connect();
  while (!server.valid() && !StopsWithin(kRetryMilliseconds)) {
    server = outside_.Connect();
  }
  return server;
}

// As a client the driver connects to our listener when it is started.
Descriptor MemifRelay::JoinDriver() {
  return is_server_ ? inside_.Connect() : AcceptWithin(kRetryMilliseconds);
}

Descriptor MemifRelay::AcceptWithin(int milliseconds) {
  std::array<pollfd, 2> wait{pollfd{.fd = listener_.get(), .events = POLLIN, .revents = 0},
                             pollfd{.fd = stop_.get(), .events = POLLIN, .revents = 0}};
  while (poll(wait.data(), wait.size(), milliseconds) < 0 && errno == EINTR) {
  }
  if (wait[0].revents == 0 || wait[1].revents != 0) {
    return Descriptor();
  }
  return Descriptor(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

// Waits for the next event of a session and deals with it; false ends the session.
bool MemifRelay::Attend(Session& session) {
  std::array<pollfd, 3> wait{pollfd{.fd = session.peer.get(), .events = POLLIN, .revents = 0},
                             pollfd{.fd = session.driver.get(), .events = POLLIN, .revents = 0},
                             pollfd{.fd = stop_.get(), .events = POLLIN, .revents = 0}};
  const int while_opening = session.connected ? 1 : kRetryMilliseconds;
  if (poll(wait.data(), wait.size(), session.open ? -1 : while_opening) < 0 && errno != EINTR) {
    return false;
  }
  const bool peer_speaks = wait[0].revents != 0;
  const bool driver_speaks = wait[1].revents != 0;
  if (wait[2].revents != 0 || (session.open && (peer_speaks || driver_speaks))) {
    return false;
  }
  if ((driver_speaks && !Pass(session, false)) || (peer_speaks && !Pass(session, true))) {
    return false;
  }
  return session.open || OpensInTime(session);
}

bool MemifRelay::OpensInTime(Session& session) {
  if (session.connected && driver_.link_is_up()) {
    session.open = true;
    gate_.Open(is_server_ ? session.to_server : session.to_client,
               is_server_ ? session.to_client : session.to_server);
    Log(LogLevel::kNotice, "memif {}: a peer is connected", outside_.path);
  } else if (Now() > session.until) {
    Log(LogLevel::kWarning,
        "memif {}: a peer did not complete its session; sent away",
        outside_.path);
    return false;
  }
  return true;
}

bool MemifRelay::Pass(Session& session, bool from_peer) {
  const auto message = MemifMessage::Receive(from_peer ? session.peer : session.driver);
  // a disconnect from the peer is told to the driver by the end of its socket, in one way only
  if (!message || (from_peer && message->kind() == MemifKind::kDisconnect)) {
    return false;
  }
  if (message->kind() == MemifKind::kAddRing) {
    ++(message->ring_is_to_server() ? session.to_server : session.to_client);
  }
  session.connected = session.connected || message->kind() == MemifKind::kConnected;
  return message->Send(from_peer ? session.driver : session.peer);
}

// Says no more and listens until the driver has closed its end. Were ours closed first, whatever it
// is about to send would fail, and then it closes a descriptor that EAL's interrupt thread is yet
// to add, who panics; the next session likewise must not begin amid the end of this one.
void MemifRelay::Dismiss(Descriptor driver) {
  if (!driver.valid()) {
    return;
  }
  (void)shutdown(driver.get(), SHUT_WR);
  pollfd ends{.fd = driver.get(), .events = POLLIN, .revents = 0};
  const Instant until = Now() + kHandshake;
  while (Now() < until && poll(&ends, 1, kRetryMilliseconds) >= 0) {
    if (ends.revents != 0 && !MemifMessage::Receive(driver)) {
      return;
    }
  }
  Log(LogLevel::kError, "memif {}: the driver keeps a session that has ended", outside_.path);
}

void MemifRelay::AwaitLinkDown() {
  const Instant until = Now() + kHandshake;
  while (driver_.link_is_up()) {
    if (Now() > until) {
      Log(LogLevel::kError, "memif {}: the driver keeps a link whose peer has left", outside_.path);
      return;
    }
    std::this_thread::yield();
  }
}

}  // namespace flatline::dpdk
