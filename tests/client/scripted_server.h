// A delivery server that does what a test wrote down: a list of connections, each a list of bytes
// to send after the request was read. One thread, loopback TCP or a Unix socket. It notes what each
// connection asked for.
#pragma once

#include <flatline/check.h>
#include <flatline/command_ring.h>
#include <flatline/crc32c.h>
#include <flatline/delivery.h>
#include <flatline/liveness.h>

#include <arpa/inet.h>
#include <array>
#include <cstddef>
#include <cstdint>
#include <linux/sockios.h>
#include <mutex>
#include <netinet/in.h>
#include <poll.h>
#include <span>
#include <string>
#include <string_view>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace flatline {

inline DeliveryRecord Sealed(DeliveryRecord record) {
  record.crc = SealOf(record);
  return record;
}

inline DeliveryRecord Record(RecordKind kind, std::uint64_t sequence, std::int64_t silence_ns = 0) {
  return Sealed({.sequence = sequence, .silence_ns = silence_ns, .kind = kind});
}

inline DeliveryRecord Hello(std::uint64_t newest) {
  return Record(RecordKind::kHello, newest, 1);
}

inline DeliveryRecord Death(std::uint64_t sequence) {
  return Sealed({.sequence = sequence,
                 .endpoint = 1000 + sequence,
                 .from = 2,
                 .to = 3,
                 .reason = static_cast<std::uint8_t>(Reason::kNotConfirmed)});
}

inline DeliveryRecord NamePart(std::uint64_t sequence,
                               std::string_view text,
                               std::uint8_t part = 1,
                               std::uint8_t parts = 1) {
  DeliveryRecord out{.sequence = sequence, .kind = RecordKind::kName, .from = part, .to = parts};
  out.reason = static_cast<std::uint8_t>(text.size());
  text.copy(reinterpret_cast<char*>(&out) + kErrorTextOffset, kNamePartSize);
  return Sealed(out);
}

inline DeliveryRecord Refused(DeliveryError error) {
  return Sealed({.kind = RecordKind::kError, .reason = static_cast<std::uint8_t>(error)});
}

// The sends of one connection; each is one write. It is closed after the last, or kept open.
struct Script {
  std::vector<std::vector<std::byte>> sends;
  bool stays_open = false;

  Script& Send(const std::vector<DeliveryRecord>& records) {
    const auto bytes = std::as_bytes(std::span{records});
    sends.emplace_back(bytes.begin(), bytes.end());
    return *this;
  }

  // In two writes, `at` bytes from the beginning.
  Script& SendSplit(const std::vector<DeliveryRecord>& records, std::size_t at) {
    const auto bytes = std::as_bytes(std::span{records});
    const auto middle = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    sends.emplace_back(bytes.begin(), middle);
    sends.emplace_back(middle, bytes.end());
    return *this;
  }

  // The last of these is cut `missing` bytes short.
  Script& SendCut(const std::vector<DeliveryRecord>& records, std::size_t missing) {
    Send(records);
    sends.back().resize(sends.back().size() - missing);
    return *this;
  }

  Script& Stay() {
    stays_open = true;
    return *this;
  }
};

class ScriptedServer {
 public:
  // Over TCP, or on a Unix socket where `path` is given.
  explicit ScriptedServer(std::vector<Script> scripts, const std::string& path = "")
      : scripts_(std::move(scripts)), path_(path) {
    listener_ = ::socket(path.empty() ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    path.empty() ? BindTcp() : BindUnix();
    FLATLINE_CHECK(::listen(listener_, 16) == 0);
    thread_ = std::thread([this] { Serve(); });
  }

  ~ScriptedServer() {
    ::shutdown(listener_, SHUT_RDWR);
    {
      const std::lock_guard lock(mutex_);
      if (open_ >= 0) {
        ::shutdown(open_, SHUT_RDWR);
      }
    }
    thread_.join();
    ::close(listener_);
    if (!path_.empty()) {
      ::unlink(path_.c_str());
    }
  }

  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  [[nodiscard]] const std::string& address() const { return address_; }

  [[nodiscard]] std::vector<DeliveryRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

  [[nodiscard]] std::vector<Group> groups() const {
    const std::lock_guard lock(mutex_);
    return groups_;
  }

  // Of all requests to administer.
  [[nodiscard]] std::vector<AdminEntry> entries() const {
    const std::lock_guard lock(mutex_);
    return entries_;
  }

 private:
  void BindTcp() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    FLATLINE_CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) == 0);
    FLATLINE_CHECK(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }

  void BindUnix() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    FLATLINE_CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    address_ = "unix:" + path_;
  }

  void Serve() {
    for (const Script& script : scripts_) {
      const int peer = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (peer < 0) {
        return;
      }
      {
        const std::lock_guard lock(mutex_);
        open_ = peer;
      }
      Play(peer, script);
      const std::lock_guard lock(mutex_);
      open_ = -1;
      ::close(peer);
    }
  }

  static bool ReadAll(int peer, void* to, std::size_t bytes) {
    return ::recv(peer, to, bytes, MSG_WAITALL) == static_cast<ssize_t>(bytes);
  }

  void Play(int peer, const Script& script) {
    DeliveryRequest request;
    if (!ReadAll(peer, &request, sizeof(request))) {
      return;
    }
    const bool administers = request.kind == RequestKind::kAdminister;
    std::vector<Group> groups(administers ? 0 : request.count);
    std::vector<AdminEntry> entries(administers ? request.count : 0);
    std::vector<char> text(request.text_bytes);
    const auto read = [&](auto& into) {
      return into.empty() || ReadAll(peer, into.data(), into.size() * sizeof(into[0]));
    };
    // Text stands before entries, and behind groups.
    if (!read(groups) || !read(text) || !read(entries)) {
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      groups_ = groups;
      entries_.insert(entries_.end(), entries.begin(), entries.end());
    }
    for (const std::vector<std::byte>& send : script.sends) {
      ::send(peer, send.data(), send.size(), MSG_NOSIGNAL);
      WaitUntilRead(peer);
    }
    for (const AdminEntry& entry : entries) {
      Answer(peer, entry);
    }
    std::byte rest{};
    if (script.stays_open) {
      ReadAll(peer, &rest, 1);  // until the client leaves, or the server ends
    }
  }

  // So that two sends are two receptions. On a Unix socket the queue of the sender empties when the
  // peer has read; over TCP, when its kernel has.
  static void WaitUntilRead(int peer) {
    int left = 1;
    pollfd hung_up{.fd = peer, .events = POLLRDHUP, .revents = 0};
    while (::ioctl(peer, SIOCOUTQ, &left) == 0 && left > 0 && ::poll(&hung_up, 1, 0) == 0) {
      std::this_thread::yield();
    }
  }

  // To each entry "done", but "unknown endpoint" to id 13.
  static void Answer(int peer, const AdminEntry& entry) {
    const CommandStatus status =
        entry.id == 13 ? CommandStatus::kUnknownEndpoint : CommandStatus::kDone;
    const DeliveryRecord answer = Sealed({.endpoint = entry.id,
                                          .kind = RecordKind::kCommandResult,
                                          .reason = static_cast<std::uint8_t>(status)});
    ::send(peer, &answer, sizeof(answer), MSG_NOSIGNAL);
  }

  std::vector<Script> scripts_;
  std::string path_;
  std::string address_;
  int listener_ = -1;
  std::thread thread_;
  mutable std::mutex mutex_;
  int open_ = -1;
  std::vector<DeliveryRequest> requests_;
  std::vector<Group> groups_;
  std::vector<AdminEntry> entries_;
};

}  // namespace flatline
