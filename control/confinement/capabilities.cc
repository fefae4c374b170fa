#include "control/confinement/capabilities.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <linux/capability.h>
#include <set>
#include <string>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

namespace flatline::confinement {
namespace {

constexpr int kMostWaits = 2000;
constexpr timespec kWait{.tv_sec = 0, .tv_nsec = 1'000'000};

// All that the handler can reach.
// NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables)
std::atomic<CapabilityMask> kept_by_all{0};
std::atomic<unsigned> answered{0};
std::atomic<int> failure{0};

// NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables)

int AskSignal() noexcept {
  return SIGRTMAX - 3;
}

// 0, or an errno. Safe in a signal handler.
int Drop(CapabilityMask kept) noexcept {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) {
    return errno;
  }
  const std::array masks{static_cast<std::uint32_t>(kept), static_cast<std::uint32_t>(kept >> 32)};
  static_assert(masks.size() == _LINUX_CAPABILITY_U32S_3);
  for (std::size_t i = 0; i < masks.size(); ++i) {
    data[i].effective &= masks[i];
    data[i].permitted &= masks[i];
    data[i].inheritable = 0;  // and with it what is ambient
  }
  return ::syscall(SYS_capset, &header, data.data()) == 0 ? 0 : errno;
}

void Answer(int /*signal*/) noexcept {
  const int before = errno;
  if (const int error = Drop(kept_by_all.load()); error != 0) {
    failure.store(error);
  }
  answered.fetch_add(1);
  errno = before;
}

std::unexpected<std::string> Trouble(const std::string& found) {
  return std::unexpected("confinement: needed to give up capabilities, found " + found +
                         "; set confine = false to run without");
}

std::set<pid_t> Threads() {
  std::set<pid_t> out;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    const std::string name = entry.path().filename();
    pid_t thread = 0;
    std::from_chars(name.data(), name.data() + name.size(), thread);
    out.insert(thread);
  }
  return out;
}

// False: it did not answer.
bool Ask(pid_t thread) {
  const unsigned before = answered.load();
  if (::syscall(SYS_tgkill, ::getpid(), thread, AskSignal()) != 0) {
    return errno == ESRCH;  // it has ended
  }
  for (int waits = 0; waits < kMostWaits && answered.load() == before; ++waits) {
    ::nanosleep(&kWait, nullptr);
  }
  return answered.load() != before;
}

}  // namespace

std::expected<void, std::string> DropInThisThread(CapabilityMask kept) {
  if (const int error = Drop(kept); error != 0) {
    return Trouble(std::generic_category().message(error));
  }
  return {};
}

std::expected<void, std::string> DropInAllThreads(CapabilityMask kept) {
  kept_by_all.store(kept);
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = Answer;
  action.sa_flags = SA_RESTART;
  ::sigaction(AskSignal(), &action, &before);
  // A thread that comes meanwhile has the capabilities of the one that made it: look again until
  // there is no new one.
  std::set<pid_t> done;
  bool answers = true;
  for (bool is_news = true; is_news && answers;) {
    is_news = false;
    for (const pid_t thread : Threads()) {
      if (done.insert(thread).second) {
        is_news = true;
        answers = answers && Ask(thread);
      }
    }
  }
  ::sigaction(AskSignal(), &before, nullptr);
  if (!answers) {
    return Trouble("a thread that does not answer");
  }
  if (const int error = failure.load(); error != 0) {
    return Trouble(std::generic_category().message(error));
  }
  return {};
}

}  // namespace flatline::confinement
