// The configuration of the whole appliance, one TOML file for all its programs: plain data, with
// the defaults that hold where the file is silent. Loaded once at start by each program
// (control/config/ has the implementation). Strict: an unknown key, a bad unit or a contradiction
// is an error with file, line, column and what to write instead. Source of every key:
// control/packaging/flatline.toml, the commented example.
#pragma once

#include <flatline/delivery.h>
#include <flatline/flapping.h>
#include <flatline/guard.h>
#include <flatline/heartbeat.h>
#include <flatline/profile.h>
#include <flatline/time.h>

#include <array>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace flatline {

enum class IdleMode : std::uint8_t { kAdaptive, kPoll };

enum class HugepageMode : std::uint8_t { kAuto, kOff, kRequired };

enum class Enrolment : std::uint8_t { kOpen, kClosed };

// Whether the heartbeats of a profile have to carry a tag, made with the endpoint's key.
enum class Authentication : std::uint8_t {
  kOff,       // tags are not looked at
  kAccepted,  // without a tag is well; with a wrong one is not
  kRequired,
  kDefault,  // of a profile: as authentication.mode says
};

// [[port]]: one DPDK device.
struct PortConfig {
  std::string device;                   // "0000:3b:00.0", or a vdev "net_memif0,role=server,…"
  std::vector<std::string> addresses;   // "10.0.0.1", "fd00::1": those we answer to; empty: any
  std::vector<std::string> gateways{};  // next hops to whom nobody has been heard to be
  std::uint16_t udp_port = kHeartbeatPort;
  std::uint16_t queues = 0;  // 0: one for each worker, as far as the device has them
  std::uint16_t descriptors = 4096;
  bool promiscuous = false;
};

// [dataplane]
struct DataplaneConfig {
  std::uint64_t endpoints = 1'000'000;  // capacity, fixed at start
  std::uint32_t workers = 1;
  std::vector<std::uint32_t>
      cores;  // one for each worker; empty: not pinned, the scheduler's choice
  IdleMode idle = IdleMode::kAdaptive;
  HugepageMode hugepages = HugepageMode::kAuto;
  std::uint64_t memory = std::uint64_t{256} << 20;  // for DPDK's buffers, bytes
  Enrolment enrolment = Enrolment::kOpen;
  // Where it is open: how long strangers take at the least to fill an empty table, beyond the half
  // of what is free that may come at once; how many one address may bring at once, and a second.
  // Zero: no limit.
  Duration enrolment_time{10'000'000'000};
  std::uint32_t enrolment_per_source = 10'000;
  ProfileId default_profile = 5;             // node
  Duration stall{10'000'000};                // a turn longer than this is a blind interval
  std::uint32_t transition_ring = 1U << 16;  // entries for each worker, power of two
  std::uint32_t probe_rate = 100'000;        // probes a second, at most
  std::uint32_t payloads = 8192;             // endpoints whose payload is kept; 0: of none
  std::uint32_t leases = 0;                  // held at once, at most; 0: none is ever granted
  Duration lease_term_most{60'000'000'000};  // longest term that is granted
  // File of the epoch of fencing tokens; `flatline lease begin` makes it.
  std::string lease_epoch = "/var/lib/flatline-dataplane/lease-epoch";
};

// What control.plaintext must say before anything is sent in the clear beyond this machine.
inline constexpr std::string_view kPlaintextWords = "anyone on the way may read and alter it";

// When a record of the journal is on the disk.
enum class Durability : std::uint8_t {
  kNone,           // when the kernel sees fit
  kInterval,       // some time later
  kBeforeSending,  // before any subscriber hears of it
};

// [control]
struct ControlConfig {
  std::vector<std::string> listen{"127.0.0.1:17997"};  // TCP
  std::string socket = "/run/flatline/control.sock";   // Unix: subscribers and administration
  std::string journal = "/var/lib/flatline/journal";   // directory
  std::string roster = "/var/lib/flatline/roster";     // file; its directory must be there
  std::uint64_t segment = std::uint64_t{64} << 20;     // bytes, a multiple of 4096
  // In memory while the disk takes none; zero: transitions wait in the dataplane's rings then.
  std::uint64_t memory_journal = std::uint64_t{256} << 20;
  std::uint64_t retain = std::uint64_t{1} << 30;  // bytes of journal kept
  Duration bookmark{1'000'000'000};               // to an idle subscriber
  std::uint32_t subscribers = 1024;               // at most
  std::string tokens;     // file of who may subscribe over TCP; empty: everybody
  std::string plaintext;  // kPlaintextWords, or empty: nothing goes so beyond loopback
  // Files for TLS 1.3, which is spoken wherever is not loopback: certificate, its key, and where
  // clients have to show certificates too, whose; empty: no TLS, or nobody has to.
  std::string tls_certificate;
  std::string tls_key;
  std::string tls_client_ca;
  bool tls_loopback = false;     // on loopback as well
  std::uint32_t publishers = 1;  // threads that serve them
  Durability durability = Durability::kInterval;
  Duration sync_interval{1'000'000'000};  // for kInterval
  Duration retain_age{};                  // older records go; zero: none for their age
  Duration cursor_expiry{30 * Duration{86'400'000'000'000}};  // untouched for so long: may go
};

// [authentication]: of heartbeats (subscribers have tokens).
struct AuthenticationConfig {
  std::string key;              // file of the master key (master_key.h); empty: nothing is checked
  std::uint32_t tag_bits = 64;  // or 128
  Authentication mode = Authentication::kOff;  // of profiles that do not say
};

// What a [[profile]] may promise of the verdict "dead" on one endpoint instead of saying how it
// judges (control/config/contract.h). Bounds on means, but for the first.
struct Promise {
  Duration detection{};   // from a crash to the verdict, beside the path's mean delay: at most
  Duration recurrence{};  // from one false verdict to the next: at least
  Duration mistake{};     // how long a false verdict stands: at most

  constexpr bool operator==(const Promise&) const = default;
};

// What the way does to heartbeats, to each independently of the others.
struct Path {
  double loss = 0.01;           // share of them, below 1
  Duration jitter{10'000'000};  // deviation of their delay

  constexpr bool operator==(const Path&) const = default;
};

struct Contract {
  Promise promise;
  Path path;

  // Whether the profile has one.
  [[nodiscard]] constexpr bool is_made() const noexcept { return promise.detection != Duration{}; }

  constexpr bool operator==(const Contract&) const = default;
};

// [guard]: flatline/guard.h
struct GuardConfig {
  std::uint32_t fleet_share_ppm = GuardSettings{}.share_ppm;
  std::uint32_t least_endpoints = GuardSettings{}.least_endpoints;
  Duration window = GuardSettings{}.window;
  Duration release_after = GuardSettings{}.release_after;
  std::uint32_t group_share_ppm = GuardSettings{}.group_share_ppm;
  std::uint32_t group_least_endpoints = GuardSettings{}.group_least;
};

// [mass_failure]: so many of a group, or of the fleet, falling silent within a window are told as
// one.
struct MassFailureConfig {
  std::uint32_t group_share_ppm = 500'000;
  std::uint32_t fleet_share_ppm = 100'000;
  std::uint32_t least_endpoints = 10;
  Duration window{10'000'000'000};
};

struct Config {
  std::string instance = "flatline";      // names the region and DPDK's files
  std::string region_directory = "auto";  // auto: hugetlbfs where it has room, else /dev/shm
  // What a process does not need once it has started is given up (confinement.h).
  bool confine = true;
  std::string region_group;  // group that may join the region; empty: the dataplane's
  DataplaneConfig dataplane;
  std::vector<PortConfig> ports;
  ControlConfig control;
  AuthenticationConfig authentication;
  GuardConfig guard;
  MassFailureConfig mass_failure;
  FlapSettings flapping;
  std::array<Profile, kMaxProfiles> profiles{};  // by id; built-in ones filled in
  std::array<Authentication, kMaxProfiles> profile_authentication = [] {
    std::array<Authentication, kMaxProfiles> out{};
    out.fill(Authentication::kDefault);
    return out;
  }();

  std::array<Contract, kMaxProfiles> contracts{};  // by profile

  // What holds for a profile; never kDefault.
  [[nodiscard]] Authentication AuthenticationOf(ProfileId profile) const noexcept {
    const Authentication own = profile_authentication[profile];
    return own == Authentication::kDefault ? authentication.mode : own;
  }
};

// The defaults, with the built-in profiles.
[[nodiscard]] Config DefaultConfig();

// The file as a Config, or every error in it, one a line: "file:line:column: what, what to do".
[[nodiscard]] std::expected<Config, std::string> LoadConfig(const std::string& path);

// The same from text; `name` stands for the file in messages.
[[nodiscard]] std::expected<Config, std::string> ParseConfig(std::string_view text,
                                                             const std::string& name);

// The whole configuration as TOML that loads to the same: `--print-effective`.
[[nodiscard]] std::string PrintConfig(const Config& config);

// "1s", "250ms", "10us"; "64M", "1G": as in the file. The error says which units there are.
[[nodiscard]] std::expected<Duration, std::string> ParseDuration(std::string_view text);
[[nodiscard]] std::expected<std::uint64_t, std::string> ParseBytes(std::string_view text);

// Whether what is sent there is encrypted: `listener` is one of control.listen.
[[nodiscard]] bool IsEncrypted(const ControlConfig& control, std::string_view listener);

// Where the region of this configuration is: the file that exists, else where to expect one. For
// those who join it: where it is made is the dataplane's choice, by what has room.
[[nodiscard]] std::string RegionPath(const Config& config);

}  // namespace flatline
