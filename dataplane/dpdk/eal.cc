#include "dataplane/dpdk/eal.h"

#include "dataplane/dpdk/device_string.h"
#include "dataplane/dpdk/log.h"

#include <algorithm>
#include <filesystem>
#include <fmt/ranges.h>
#include <string_view>
#include <system_error>
#include <utility>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_pdump.h>

namespace flatline::dpdk {
namespace {

constexpr std::uint64_t kMebibyte = 1U << 20;

// Whether one of `options` is given in `extra`: as itself, as "--option=value", or as "-Xvalue".
bool Settles(std::span<const std::string> extra, std::span<const std::string_view> options) {
  const auto is_option = [](std::string_view argument, std::string_view option) {
    return argument == option || argument.starts_with(std::string(option) + "=") ||
           (option.size() == 2 && argument.starts_with(option));
  };
  return std::ranges::any_of(extra, [&](const std::string& argument) {
    return std::ranges::any_of(
        options, [&](std::string_view option) { return is_option(argument, option); });
  });
}

constexpr std::array kPrefixOptions{std::string_view{"--file-prefix"}};
constexpr std::array<std::string_view, 7> kCoreOptions{
    "-l", "-c", "--lcores", "-s", "-S", "--main-lcore", "--main"};
constexpr std::array<std::string_view, 8> kMemoryOptions{"--no-huge",
                                                         "--in-memory",
                                                         "-m",
                                                         "--socket-mem",
                                                         "--huge-dir",
                                                         "--legacy-mem",
                                                         "--single-file-segments",
                                                         "--no-shconf"};
constexpr std::array<std::string_view, 5> kPciOptions{"-a", "--allow", "-b", "--block", "--no-pci"};
constexpr std::array<std::string_view, 1> kLogOptions{"--log-level"};
constexpr std::array<std::string_view, 2> kTelemetryOptions{"--telemetry", "--no-telemetry"};

// EAL would answer with a page of its options.
std::expected<void, std::string> CheckCores(const DataplaneConfig& config, const HostMemory& host) {
  const auto missing = std::ranges::find_if(
      config.cores, [&host](std::uint32_t core) { return core >= host.processors; });
  if (missing == config.cores.end()) {
    return {};
  }
  return std::unexpected(
      fmt::format("dataplane.cores: needed processors below {}, found {}; name those there are",
                  host.processors,
                  *missing));
}

// Lcore 0 for main, wherever the scheduler likes; lcore w + 1 for worker w, on its core if one is
// given. Lcore numbers are names here, not processors.
std::string CoreMap(const DataplaneConfig& config, const std::string& cpus) {
  std::string out = fmt::format("--lcores=0@({})", cpus);
  for (std::uint32_t w = 0; w < config.workers; ++w) {
    out += config.cores.empty()
               ? fmt::format(",{}@({})", w + 1, cpus)
               : fmt::format(",{}@{}", w + 1, config.cores[w % config.cores.size()]);
  }
  return out;
}

// Appends the memory options; the error says what is short.
std::expected<void, std::string> PlanMemory(const Config& config,
                                            const HostMemory& host,
                                            EalPlan& plan) {
  const std::uint64_t needed = config.dataplane.memory;
  const bool enough = !host.hugetlbfs.empty() && host.free >= needed;
  if (config.dataplane.hugepages == HugepageMode::kRequired && !enough) {
    return std::unexpected(
        host.hugetlbfs.empty()
            ? std::string("hugepages: needed a writable mount of hugetlbfs, found none; run "
                          "\"./run setup\" as root, or set dataplane.hugepages = \"auto\"")
            : fmt::format("hugepages: needed {} MiB for DPDK's buffers, found {} MiB free; reserve "
                          "more in /proc/sys/vm/nr_hugepages, lower dataplane.memory, or set "
                          "dataplane.hugepages = \"auto\"",
                          needed / kMebibyte,
                          host.free / kMebibyte));
  }
  plan.hugepages = enough && config.dataplane.hugepages != HugepageMode::kOff;
  if (!plan.hugepages && host.available < needed) {
    return std::unexpected(
        fmt::format("dataplane.memory: needed {} MiB for DPDK's buffers, found {} MiB available; "
                    "lower it, reserve hugepages, or free memory",
                    needed / kMebibyte,
                    host.available / kMebibyte));
  }
  plan.arguments.push_back(fmt::format("-m{}", (needed + kMebibyte - 1) / kMebibyte));
  if (plan.hugepages) {
    plan.arguments.push_back("--huge-dir=" + host.hugetlbfs);
    plan.hugetlbfs = host.hugetlbfs;
  } else {
    // shared configuration is of no use without hugepages: no secondary process can attach
    plan.arguments.insert(plan.arguments.end(), {"--no-huge", "--no-shconf"});
  }
  return {};
}

// Whether the peer writes into DPDK's own memory: net_memif wants it in few files then.
bool SharesMemory(const DeviceString& device) {
  const auto zero_copy = device.Argument("zero-copy");
  return device.IsDriver("net_memif") && zero_copy.has_value() && *zero_copy != "no";
}

// Appends the devices, and keeps every other PCI device out.
std::expected<void, std::string> PlanDevices(const std::vector<std::string>& devices,
                                             bool pci_is_settled,
                                             EalPlan& plan) {
  bool any_pci = false;
  bool shares_memory = false;
  for (const std::string& text : devices) {
    const auto device = DeviceString::Parse(text);
    if (!device) {
      return std::unexpected(device.error());
    }
    any_pci = any_pci || device->is_pci;
    shares_memory = shares_memory || SharesMemory(*device);
    plan.arguments.push_back((device->is_pci ? "--allow=" : "--vdev=") + device->Text());
  }
  if (!any_pci && !pci_is_settled) {
    plan.arguments.emplace_back("--no-pci");
  }
  if (shares_memory && plan.hugepages) {
    plan.arguments.emplace_back("--single-file-segments");
  }
  return {};
}

}  // namespace

std::expected<EalPlan, std::string> PlanEal(const Config& config,
                                            const std::vector<std::string>& devices,
                                            const HostMemory& host,
                                            std::span<const std::string> extra) {
  EalPlan plan;
  if (!Settles(extra, kPrefixOptions)) {
    plan.arguments.push_back("--file-prefix=" + config.instance);
  }
  if (!Settles(extra, kCoreOptions)) {
    if (const auto there = CheckCores(config.dataplane, host); !there) {
      return std::unexpected(there.error());
    }
    plan.arguments.push_back(CoreMap(config.dataplane, host.cpus));
    plan.arguments.emplace_back("--main-lcore=0");
  }
  if (!Settles(extra, kMemoryOptions)) {
    if (const auto memory = PlanMemory(config, host, plan); !memory) {
      return std::unexpected(memory.error());
    }
  }
  if (const auto planned = PlanDevices(devices, Settles(extra, kPciOptions), plan); !planned) {
    return std::unexpected(planned.error());
  }
  if (!plan.hugepages && !Settles(extra, kTelemetryOptions)) {
    plan.arguments.emplace_back("--no-telemetry");
  }
  if (!Settles(extra, kLogOptions)) {
    // of several patterns that match a type EAL takes the first
    for (const char* level :
         {"flatline:info", "pmd.net.memif:error", "lib.telemetry:error", "*:warning"}) {
      plan.arguments.push_back(std::string("--log-level=") + level);
    }
  }
  plan.arguments.insert(plan.arguments.end(), extra.begin(), extra.end());
  return plan;
}

Eal::Eal(std::vector<unsigned> lcores, std::string pages_prefix, bool hugepages) noexcept
    : lcores_(std::move(lcores)), pages_prefix_(std::move(pages_prefix)), hugepages_(hugepages) {}

Eal::Eal(Eal&& other) noexcept
    : lcores_(std::move(other.lcores_)),
      pages_prefix_(std::move(other.pages_prefix_)),
      hugepages_(other.hugepages_),
      owns_(std::exchange(other.owns_, false)) {}

std::expected<Eal, std::string> Eal::Start(const Config& config, EalPlan plan) {
  Log(LogLevel::kInfo, "EAL arguments: {}", fmt::join(plan.arguments, " "));
  std::vector<std::string> line{"flatline-dataplane"};
  std::ranges::move(plan.arguments, std::back_inserter(line));
  std::vector<char*> pointers;
  pointers.reserve(line.size());
  std::ranges::transform(line, std::back_inserter(pointers), [](auto& s) { return s.data(); });
  if (rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) < 0) {
    return std::unexpected(fmt::format(
        "EAL: did not start: {}; its own lines above say why: an unknown driver, another instance "
        "\"{}\", or rights that only root has",
        rte_strerror(rte_errno),
        config.instance));
  }
  OpenLog();
  std::vector<unsigned> lcores;
  unsigned lcore = 0;
  RTE_LCORE_FOREACH_WORKER(lcore) {
    lcores.push_back(lcore);
  }
  Eal eal(std::move(lcores),
          plan.hugepages ? plan.hugetlbfs + "/" + config.instance + "map_" : std::string{},
          plan.hugepages);
  if (eal.lcores_.size() < config.dataplane.workers) {
    return std::unexpected(
        fmt::format("EAL: needed {} lcores for workers beside the main one, found {}; name more "
                    "after -- or lower dataplane.workers",
                    config.dataplane.workers,
                    eal.lcores_.size()));
  }
  if (rte_pdump_init() != 0) {
    Log(LogLevel::kWarning,
        "packet capture with dpdk-dumpcap is not to be had: {}",
        rte_strerror(rte_errno));
  }
  return eal;
}

Eal::~Eal() {
  if (!owns_) {
    return;
  }
  const std::string runtime_directory = rte_eal_get_runtime_dir();
  rte_pdump_uninit();
  rte_eal_cleanup();
  std::error_code error;
  std::filesystem::remove_all(runtime_directory, error);
  if (pages_prefix_.empty()) {
    return;
  }
  const std::filesystem::path prefix(pages_prefix_);
  for (const auto& entry : std::filesystem::directory_iterator(prefix.parent_path(), error)) {
    if (entry.path().filename().string().starts_with(prefix.filename().string())) {
      std::filesystem::remove(entry.path(), error);
    }
  }
}

}  // namespace flatline::dpdk
