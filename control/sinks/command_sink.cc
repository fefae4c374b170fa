#include "control/sinks/command_sink.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstring>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <string_view>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace flatline::sinks {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int number) noexcept : number_(number) {}

  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  ~Descriptor() {
    if (number_ >= 0) {
      ::close(number_);
    }
  }

  [[nodiscard]] int get() const noexcept { return number_; }

 private:
  int number_;
};

// A file, not a pipe: a command that does not read cannot hold us up.
bool Fill(int file, std::string_view body) {
  while (!body.empty()) {
    const ssize_t written = ::write(file, body.data(), body.size());
    if (written <= 0) {
      return false;
    }
    body.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::lseek(file, 0, SEEK_SET) == 0;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (std::string& text : texts) {
    out.push_back(text.data());
  }
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> EnvironmentFor(const Batch& batch) {
  std::vector<std::string> out;
  for (char** at = environ; *at != nullptr; ++at) {
    if (!std::string_view(*at).starts_with("FLATLINE_")) {
      out.emplace_back(*at);
    }
  }
  out.push_back("FLATLINE_KEY=" + KeyOf(batch));
  out.push_back(fmt::format("FLATLINE_FIRST={}", batch.first));
  out.push_back(fmt::format("FLATLINE_LAST={}", batch.last));
  return out;
}

// 0 or errno. The child leads a process group of its own, and has the usual signals.
int Spawn(pid_t& child, int input, std::vector<std::string> words, const Batch& batch) {
  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  sigset_t usual{};
  sigemptyset(&usual);
  sigaddset(&usual, SIGPIPE);
  ::posix_spawnattr_setsigdefault(&attributes, &usual);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
  std::vector<std::string> environment = EnvironmentFor(batch);
  const int out = ::posix_spawnp(&child,
                                 words.front().c_str(),
                                 &actions,
                                 &attributes,
                                 Pointers(words).data(),
                                 Pointers(environment).data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  return out;
}

bool EndsWithin(pid_t child, Duration limit) {
  const Descriptor watch(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  const auto until = std::chrono::steady_clock::now() + limit;
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd entry{.fd = watch.get(), .events = POLLIN, .revents = 0};
    const int ready =
        ::poll(&entry, 1, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, INT_MAX)));
    if (ready >= 0 || errno != EINTR) {
      return ready > 0;
    }
  }
}

}  // namespace

Answer CommandSink::Deliver(const Batch& batch) {
  const Descriptor input(::memfd_create("flatline-batch", MFD_CLOEXEC));
  if (input.get() < 0 || !Fill(input.get(), batch.body)) {
    return {.why = "no memory for the command's input"};
  }
  pid_t child = 0;
  if (const int error = Spawn(child, input.get(), words_, batch); error != 0) {
    return {.why = fmt::format("{}: needed to run it, found: {}; name a program that can be run",
                               words_.front(),
                               std::generic_category().message(error))};
  }
  const bool in_time = EndsWithin(child, time_limit_);
  if (!in_time) {
    ::kill(-child, SIGKILL);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!in_time) {
    return {.why = fmt::format("{}: took longer than its time, and was killed", words_.front())};
  }
  if (WIFSIGNALED(status)) {
    return {.why = fmt::format("{}: was ended by signal {}", words_.front(), WTERMSIG(status))};
  }
  if (WEXITSTATUS(status) != 0) {
    return {.why = fmt::format("{}: exit status {}", words_.front(), WEXITSTATUS(status))};
  }
  return {.taken = true};
}

}  // namespace flatline::sinks
