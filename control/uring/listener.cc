#include "control/uring/listener.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace flatline::uring {
namespace {

constexpr int kBacklog = 4096;
constexpr int kNewConnection = 0;

struct Freer {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};

using AddressList = std::unique_ptr<addrinfo, Freer>;

std::unexpected<std::string> Fail(const std::string& address, const std::string& remedy) {
  return std::unexpected(fmt::format("{}: needed to listen there, found: {}; {}",
                                     address,
                                     std::generic_category().message(errno),
                                     remedy));
}

AddressList Resolve(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) {
    return nullptr;
  }
  std::string host = address.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const bool anywhere = host.empty() || host == "*";
  const int result =
      ::getaddrinfo(anywhere ? nullptr : host.c_str(), address.c_str() + colon + 1, &hints, &list);
  return AddressList(result == 0 ? list : nullptr);
}

void SetOption(int descriptor, int level, int option) {
  const int on = 1;
  ::setsockopt(descriptor, level, option, &on, sizeof(on));
}

// A subscriber that is sent bookmarks and acknowledges nothing, not even by its kernel, is closed.
void FindTheDead(int descriptor) {
  SetOption(descriptor, SOL_SOCKET, SO_KEEPALIVE);
  const unsigned most_ms = 60'000;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &most_ms, sizeof(most_ms));
  const int idle_s = 15;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, &idle_s, sizeof(idle_s));
}

int PortOf(int descriptor) {
  sockaddr_storage bound{};
  socklen_t length = sizeof(bound);
  ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&bound), &length);
  return ntohs(bound.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6*>(&bound)->sin6_port
                   : reinterpret_cast<const sockaddr_in*>(&bound)->sin_port);
}

std::optional<sockaddr_un> UnixAddress(const std::string& path) {
  sockaddr_un out{};
  out.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(out.sun_path)) {
    return std::nullopt;
  }
  std::memcpy(out.sun_path, path.data(), path.size());
  return out;
}

// Somebody's file, which a slip in the configuration must not cost him.
bool IsOtherThanASocket(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 && !S_ISSOCK(status.st_mode);
}

// Why the path is not to be taken over, or nothing: only where it is certain that nobody listens.
std::string WhoAnswers(const sockaddr_un& address) {
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) {
    return "no file descriptor to ask with whether somebody does; raise the limit of open files";
  }
  const bool is_answered =
      ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  const int number = errno;
  ::close(descriptor);
  if (is_answered) {
    return "another flatline-control answering; stop that one, or set control.socket";
  }
  if (number == ECONNREFUSED || number == ENOENT || number == ENOTDIR) {
    return {};
  }
  return std::generic_category().message(number) + "; stop who has it, or set control.socket";
}

// A socket that listens there, or -1 and an errno.
int ListenOn(const std::string& path, const sockaddr_un& address) {
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) {
    return -1;
  }
  if (::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::chmod(path.c_str(), 0660) != 0 || ::listen(descriptor, kBacklog) != 0) {
    const int number = errno;
    ::close(descriptor);
    errno = number;
    return -1;
  }
  return descriptor;
}

}  // namespace

std::expected<std::unique_ptr<Listener>, std::string> Listener::ListenTcp(
    Ring& ring, const std::string& address, OnAccept on_accept) {
  const AddressList list = Resolve(address);
  if (!list) {
    return std::unexpected(fmt::format(
        "{}: needed an address such as 127.0.0.1:17997 or [::1]:17997, found something else; mend "
        "control.listen",
        address));
  }
  const int descriptor = ::socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) {
    return Fail(address, "enable that protocol, or take it out of control.listen");
  }
  std::unique_ptr<Listener> out(
      new Listener(ring, descriptor, Session::Origin::kTcp, std::move(on_accept)));
  SetOption(descriptor, SOL_SOCKET, SO_REUSEADDR);
  if (list->ai_family == AF_INET6) {
    SetOption(descriptor, IPPROTO_IPV6, IPV6_V6ONLY);
  }
  if (::bind(descriptor, list->ai_addr, list->ai_addrlen) != 0 ||
      ::listen(descriptor, kBacklog) != 0) {
    return Fail(address, "stop who has it, or set control.listen");
  }
  out->port_ = PortOf(descriptor);
  return out;
}

std::expected<std::unique_ptr<Listener>, std::string> Listener::ListenUnix(Ring& ring,
                                                                           const std::string& path,
                                                                           OnAccept on_accept) {
  const auto address = UnixAddress(path);
  if (!address) {
    return std::unexpected(fmt::format(
        "{}: needed a path of 1 to 107 bytes for a Unix socket, found {}; set control.socket",
        path,
        path.size()));
  }
  if (const std::string found = WhoAnswers(*address); !found.empty()) {
    return std::unexpected(fmt::format("{}: needed to listen there, found {}", path, found));
  }
  if (IsOtherThanASocket(path)) {
    return std::unexpected(fmt::format(
        "{}: needed a path that is free, or the socket of a former flatline-control, found another "
        "kind of file; set control.socket",
        path));
  }
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  ::unlink(path.c_str());
  const int descriptor = ListenOn(path, *address);
  if (descriptor < 0) {
    return Fail(path,
                errno == EMFILE || errno == ENFILE
                    ? "raise the limit of open files"
                    : "give its directory to the user that runs flatline-control");
  }
  std::unique_ptr<Listener> out(
      new Listener(ring, descriptor, Session::Origin::kLocal, std::move(on_accept)));
  out->path_ = path;
  out->place_ = PlaceOf(path).value_or(Place{});
  return out;
}

Listener::~Listener() {
  ::close(descriptor_);
  if (!path_.empty() && PlaceOf(path_) == place_) {
    ::unlink(path_.c_str());
  }
}

std::optional<Listener::Place> Listener::PlaceOf(const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) {
    return std::nullopt;
  }
  return Place{status.st_dev, status.st_ino};
}

// Nobody comes in by a socket whose name is gone.
void Listener::LookForPath(Instant now) {
  if (path_.empty() || now < look_at_) {
    return;
  }
  look_at_ = now + kLook;
  const auto found = PlaceOf(path_);
  if (found == place_) {
    return;
  }
  const std::string outcome =
      found ? "another file in its place, which is left there: stop who made it, then start "
              "flatline-control anew"
            : "that somebody has removed it; " + ListenAnew();
  if (now >= complain_of_path_at_) {
    spdlog::error("{}: needed the socket on which control listens, found {}", path_, outcome);
    complain_of_path_at_ = now + kComplaintInterval;
  }
}

// What came of it, for the log. Connections that are there stay.
std::string Listener::ListenAnew() {
  const auto address = UnixAddress(path_);
  const int fresh = address ? ListenOn(path_, *address) : -1;
  if (fresh < 0) {
    return fmt::format(
        "it cannot be made anew: {}, tried every second: give its directory to the "
        "user that runs flatline-control",
        std::generic_category().message(errno));
  }
  if (armed_) {
    ring_->Cancel(*this, kNewConnection);  // who waited in its queue has to come again
  }
  ::close(std::exchange(descriptor_, fresh));
  place_ = PlaceOf(path_).value_or(Place{});
  return "made anew: leave it to flatline-control";
}

void Listener::Arm(Instant now) {
  LookForPath(now);
  if (fault_ != 0) {
    retry_at_ = now + kPause;
    if (now >= complain_at_) {
      spdlog::warn("connections cannot be taken: {}; trying again ten times a second",
                   std::generic_category().message(fault_));
      complain_at_ = now + kComplaintInterval;
    }
    fault_ = 0;
  }
  if (armed_ || now < retry_at_) {
    return;
  }
  io_uring_sqe& submission = ring_->Next();
  io_uring_prep_multishot_accept(&submission, descriptor_, nullptr, nullptr, SOCK_CLOEXEC);
  Ring::Address(submission, *this, kNewConnection);
  armed_ = true;
}

void Listener::Complete(unsigned /*operation*/, const io_uring_cqe& completion) {
  if ((completion.flags & IORING_CQE_F_MORE) == 0) {
    armed_ = false;
  }
  if (completion.res < 0) {
    fault_ = completion.res == -ECANCELED ? 0 : -completion.res;
    return;
  }
  if (origin_ == Session::Origin::kTcp) {
    SetOption(completion.res, IPPROTO_TCP, TCP_NODELAY);
    FindTheDead(completion.res);
  }
  on_accept_(completion.res, origin_);
}

}  // namespace flatline::uring
