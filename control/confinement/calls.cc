#include "control/confinement/calls.h"

#include <array>

namespace flatline::confinement {
namespace {

// Memory, threads, time, files and the descriptors that are there. mmap, mprotect and socket are
// allowed by their arguments, in confine.cc.
constexpr auto kBoth = std::to_array<const char*>({"accept",
                                                   "accept4",
                                                   "access",
                                                   "bind",
                                                   "brk",
                                                   "clock_getres",
                                                   "clock_gettime",
                                                   "clock_nanosleep",
                                                   "clone",
                                                   "clone3",
                                                   "close",
                                                   "close_range",
                                                   "connect",
                                                   "dup",
                                                   "dup2",
                                                   "dup3",
                                                   "epoll_create",
                                                   "epoll_create1",
                                                   "epoll_ctl",
                                                   "epoll_pwait",
                                                   "epoll_pwait2",
                                                   "epoll_wait",
                                                   "eventfd",
                                                   "eventfd2",
                                                   "exit",
                                                   "exit_group",
                                                   "faccessat",
                                                   "faccessat2",
                                                   "fcntl",
                                                   "flock",
                                                   "fstat",
                                                   "fstatfs",
                                                   "ftruncate",
                                                   "futex",
                                                   "getcpu",
                                                   "getdents",
                                                   "getdents64",
                                                   "getegid",
                                                   "geteuid",
                                                   "getgid",
                                                   "getpeername",
                                                   "getpid",
                                                   "getrandom",
                                                   "getrusage",
                                                   "getsockname",
                                                   "getsockopt",
                                                   "gettid",
                                                   "gettimeofday",
                                                   "getuid",
                                                   "listen",
                                                   "lseek",
                                                   "mkdir",
                                                   "rmdir",
                                                   "lstat",
                                                   "madvise",
                                                   "membarrier",
                                                   "mlock",
                                                   "mremap",
                                                   "munlock",
                                                   "munmap",
                                                   "nanosleep",
                                                   "newfstatat",
                                                   "open",
                                                   "openat",
                                                   "pipe",
                                                   "pipe2",
                                                   "poll",
                                                   "ppoll",
                                                   "prctl",
                                                   "pread64",
                                                   "prlimit64",
                                                   "pselect6",
                                                   "pwrite64",
                                                   "read",
                                                   "readlink",
                                                   "readlinkat",
                                                   "readv",
                                                   "recvfrom",
                                                   "recvmmsg",
                                                   "recvmsg",
                                                   "restart_syscall",
                                                   "rseq",
                                                   "rt_sigaction",
                                                   "rt_sigprocmask",
                                                   "rt_sigreturn",
                                                   "sched_getaffinity",
                                                   "sched_getattr",
                                                   "sched_setaffinity",
                                                   "sched_yield",
                                                   "select",
                                                   "sendmmsg",
                                                   "sendmsg",
                                                   "sendto",
                                                   "set_robust_list",
                                                   "set_tid_address",
                                                   "setitimer",
                                                   "setsockopt",
                                                   "shutdown",
                                                   "sigaltstack",
                                                   "signalfd4",
                                                   "socketpair",
                                                   "stat",
                                                   "statfs",
                                                   "statx",
                                                   "sysinfo",
                                                   "tgkill",
                                                   "timerfd_create",
                                                   "timerfd_gettime",
                                                   "timerfd_settime",
                                                   "times",
                                                   "uname",
                                                   "unlink",
                                                   "unlinkat",
                                                   "write",
                                                   "writev"});

// Devices; memory for the peers of net_memif; rte_pdump's and telemetry's sockets.
constexpr auto kDataplane = std::to_array<const char*>({
    "ioctl",
    "memfd_create",
    "mincore",
});

// The journal's files, the roster, cursors and tokens; the rings, which are there already: none can
// be made, and nothing registered with one.
constexpr auto kControl = std::to_array<const char*>({
    "chmod",   "fadvise64",      "fallocate", "fchmod",   "fchown",          "fdatasync",
    "fsync",   "io_uring_enter", "link",      "linkat",   "memfd_create",    "mincore",
    "mkdirat", "msync",          "pwritev",   "pwritev2", "preadv",          "preadv2",
    "rename",  "renameat",       "renameat2", "splice",   "sync_file_range", "umask",
});

}  // namespace

std::span<const char* const> CallsOfBoth() noexcept {
  return kBoth;
}

std::span<const char* const> CallsOfDataplane() noexcept {
  return kDataplane;
}

std::span<const char* const> CallsOfControl() noexcept {
  return kControl;
}

}  // namespace flatline::confinement
