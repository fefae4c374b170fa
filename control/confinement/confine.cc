#include "control/confinement/calls.h"
#include "control/confinement/capabilities.h"

#include <flatline/confinement.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <linux/capability.h>
#include <memory>
#include <seccomp.h>
#include <span>
#include <string_view>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

namespace flatline {
namespace {

constexpr std::size_t kMostCalls = 512;
constexpr std::size_t kLongestName = 32;

// Resolved at start, for a handler may not allocate.
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): all that it can reach
std::array<std::array<char, kLongestName>, kMostCalls> call_names;

using Filter = std::unique_ptr<void, void (*)(void*)>;

std::expected<void, std::string> Outcome(int code) {
  if (code < 0) {
    return std::unexpected(
        fmt::format("confinement: needed a filter of system calls, found: {}; use a kernel with "
                    "seccomp, or set confine = false",
                    std::generic_category().message(-code)));
  }
  return {};
}

void NameCalls() {
  for (std::size_t number = 0; number < call_names.size(); ++number) {
    const std::unique_ptr<char, void (*)(void*)> name(
        ::seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, static_cast<int>(number)), std::free);
    const std::string_view text = name ? name.get() : "unknown";
    text.copy(call_names[number].data(), kLongestName - 1);
  }
}

// Appends what fits.
std::size_t Append(std::span<char> line, std::size_t at, std::string_view text) noexcept {
  return at + text.copy(line.data() + at, line.size() - at);
}

// Says which call it was, then ends by the same signal. Calls only what a handler may, and what the
// filter allows.
void TellAndEnd(int signal, siginfo_t* info, void* /*context*/) noexcept {
  std::array<char, 160> line{};
  const auto number = static_cast<std::size_t>(info->si_syscall);
  std::array<char, 12> digits{};
  std::size_t first = digits.size();
  for (std::size_t rest = number; first == digits.size() || (rest != 0 && first != 0); rest /= 10) {
    digits[--first] = static_cast<char>('0' + rest % 10);
  }
  std::size_t size = Append(line, 0, "flatline: confinement: system call ");
  size = Append(line, size, {digits.data() + first, digits.size() - first});
  size = Append(line, size, " (");
  size = Append(line, size, number < kMostCalls ? call_names[number].data() : "unknown");
  size = Append(line, size, ") is not among those that this process needs; ended\n");
  [[maybe_unused]] const ssize_t told = ::write(STDERR_FILENO, line.data(), size);
  struct sigaction fatal{};
  fatal.sa_handler = SIG_DFL;
  ::sigaction(signal, &fatal, nullptr);
  ::syscall(SYS_tgkill, ::getpid(), ::syscall(SYS_gettid), signal);
}

void Listen() {
  struct sigaction action{};
  action.sa_sigaction = TellAndEnd;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  ::sigaction(SIGSYS, &action, nullptr);
}

// Adds rules until one fails.
class Rules {
 public:
  explicit Rules(void* filter) noexcept : filter_(filter) {}

  void Allow(std::span<const char* const> names) {
    for (const char* const name : names) {
      const int call = ::seccomp_syscall_resolve_name(name);
      if (call >= 0) {  // else one that this architecture does not have
        Note(::seccomp_rule_add(filter_, SCMP_ACT_ALLOW, call, 0));
      }
    }
  }

  void AllowIf(const char* name, const scmp_arg_cmp& argument) {
    Note(::seccomp_rule_add_array(
        filter_, SCMP_ACT_ALLOW, ::seccomp_syscall_resolve_name(name), 1, &argument));
  }

  [[nodiscard]] int code() const noexcept { return code_; }

 private:
  void Note(int code) noexcept { code_ = std::min(code_, code); }

  void* filter_;
  int code_ = 0;
};

void AllowByArguments(const Confinement& wanted, Rules& rules) {
  // Nothing becomes code that was not code at start.
  for (const char* const name : {"mmap", "mprotect"}) {
    rules.AllowIf(name, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  }
  for (const int family : {AF_UNIX, AF_INET, AF_INET6}) {
    rules.AllowIf("socket", SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(family)));
  }
  if (wanted.keeps_net_admin) {
    rules.AllowIf("socket", SCMP_A0(SCMP_CMP_EQ, AF_NETLINK));
    rules.Allow(std::array{"bpf"});
  }
}

std::expected<void, std::string> LoadFilter(const Confinement& wanted) {
  const Filter filter(::seccomp_init(SCMP_ACT_TRAP), ::seccomp_release);
  if (!filter) {
    return Outcome(-ENOMEM);
  }
  Rules rules(filter.get());
  rules.Allow(confinement::CallsOfBoth());
  rules.Allow(wanted.program == ConfinedProgram::kDataplane ? confinement::CallsOfDataplane()
                                                            : confinement::CallsOfControl());
  AllowByArguments(wanted, rules);
  if (rules.code() < 0) {
    return Outcome(rules.code());
  }
  // For all threads that there are, with no new privileges for any of them.
  if (const int code = ::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1); code < 0) {
    return Outcome(code);
  }
  return Outcome(::seccomp_load(filter.get()));
}

}  // namespace

std::expected<void, std::string> Confine(const Confinement& wanted) {
  const confinement::CapabilityMask kept =
      wanted.keeps_net_admin ? confinement::CapabilityMask{1} << CAP_NET_ADMIN : 0;
  if (auto dropped = confinement::DropInAllThreads(kept); !dropped) {
    return dropped;
  }
  NameCalls();
  Listen();
  return LoadFilter(wanted);
}

std::expected<void, std::string> DropCapabilities() {
  return confinement::DropInThisThread(0);
}

}  // namespace flatline
