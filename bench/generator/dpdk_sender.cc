#include "bench/generator/dpdk_sender.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fstream>
#include <sched.h>
#include <string_view>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

namespace flatline::generator {

namespace {

constexpr unsigned kBuffers = 8191;   // one less than a power of two, as mempools like it
constexpr unsigned kPoolCache = 256;  // several batches: the next is made in buffers just sent
constexpr std::uint16_t kDescriptors = 1024;
constexpr unsigned kMemoryMib = 64;
constexpr std::uint16_t kQueue = 0;

using Pool = std::unique_ptr<rte_mempool, decltype(&rte_mempool_free)>;

bool Says(const std::vector<std::string>& arguments, std::string_view option) {
  return std::ranges::any_of(
      arguments, [&](const std::string& argument) { return argument.starts_with(option); });
}

std::uint64_t FreeHugepageMib() {
  std::ifstream file("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
  std::uint64_t pages = 0;
  file >> pages;
  return pages * 2;
}

// The first processor that we may run on: EAL wants one named for its lcore 0.
int FirstCpu(const cpu_set_t& allowed) {
  int cpu = 0;
  while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(static_cast<unsigned>(cpu), &allowed)) {
    ++cpu;
  }
  return cpu;
}

std::vector<std::string> EalArguments(const DpdkOptions& options, const cpu_set_t& allowed) {
  const auto& extra = options.eal_arguments;
  std::vector<std::string> out{"flatline-generator"};
  if (!Says(extra, "-l") && !Says(extra, "--lcores") && !Says(extra, "-c")) {
    out.push_back(fmt::format("--lcores=0@{}", FirstCpu(allowed)));
  }
  if (!Says(extra, "--file-prefix")) {
    out.push_back(fmt::format("--file-prefix=flatline-generator-{}", getpid()));
  }
  if (!Says(extra, "--no-huge") && !Says(extra, "--in-memory") && !Says(extra, "-m") &&
      !Says(extra, "--socket-mem")) {
    out.push_back(fmt::format("-m{}", kMemoryMib));
    // Both leave no file behind.
    if (FreeHugepageMib() >= kMemoryMib) {
      out.emplace_back("--in-memory");
    } else {
      out.insert(out.end(), {"--no-huge", "--no-shconf"});
    }
  }
  const bool is_virtual = options.device.starts_with("net_");
  out.push_back((is_virtual ? "--vdev=" : "--allow=") + options.device);
  if (is_virtual && !Says(extra, "-a") && !Says(extra, "--allow")) {
    out.emplace_back("--no-pci");
  }
  out.emplace_back("--no-telemetry");
  if (!Says(extra, "--log-level")) {
    out.emplace_back("--log-level=*:error");
    out.emplace_back("--log-level=pmd.net.memif:critical");  // it would report each attempt
  }
  out.insert(out.end(), extra.begin(), extra.end());
  return out;
}

std::expected<void, std::string> StartEal(const DpdkOptions& options) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  std::vector<std::string> arguments = EalArguments(options, allowed);
  std::vector<char*> pointers;
  pointers.reserve(arguments.size());
  for (std::string& argument : arguments) {
    pointers.push_back(argument.data());
  }
  if (rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) < 0) {
    return std::unexpected(
        fmt::format("EAL did not start: {}; its own lines above say why. Its arguments were: {}",
                    rte_strerror(rte_errno),
                    fmt::join(arguments, " ")));
  }
  // EAL has pinned this thread to its lcore's processor; unless that was asked for, go back to all.
  if (!Says(options.eal_arguments, "-l") && !Says(options.eal_arguments, "--lcores") &&
      !Says(options.eal_arguments, "-c")) {
    sched_setaffinity(0, sizeof allowed, &allowed);
  }
  return {};
}

std::expected<void, std::string> StartPort(std::uint16_t port, rte_mempool* pool) {
  const rte_eth_conf configuration{};
  std::uint16_t receive = kDescriptors;
  std::uint16_t transmit = kDescriptors;
  int status = rte_eth_dev_configure(port, 1, 1, &configuration);
  const auto then = [&](auto&& step) {
    if (status >= 0) {
      status = step();
    }
  };
  const auto socket = static_cast<unsigned>(std::max(rte_eth_dev_socket_id(port), 0));
  then([&] { return rte_eth_dev_adjust_nb_rx_tx_desc(port, &receive, &transmit); });
  then([&] { return rte_eth_rx_queue_setup(port, kQueue, receive, socket, nullptr, pool); });
  then([&] { return rte_eth_tx_queue_setup(port, kQueue, transmit, socket, nullptr); });
  if (status < 0) {
    return std::unexpected(
        fmt::format("port: needed one queue each way, found: {}; is the device right, and free?",
                    rte_strerror(-status)));
  }
  return {};
}

// Both a memif client and a link need the other side, which may come later than we.
std::expected<void, std::string> AwaitLink(std::uint16_t port, const DpdkOptions& options) {
  const auto deadline = std::chrono::steady_clock::now() + options.link_timeout;
  bool started = false;
  rte_eth_link link{};
  while (true) {
    started = started || rte_eth_dev_start(port) == 0;
    if (started && rte_eth_link_get_nowait(port, &link) == 0 &&
        link.link_status == RTE_ETH_LINK_UP) {
      return {};
    }
    if (std::chrono::steady_clock::now() > deadline) {
      return std::unexpected(fmt::format(
          "port: needed the link of {} up within {} s, found it down; is the other side running, "
          "and for memif with the same socket and id and the other role?",
          options.device,
          std::chrono::duration_cast<std::chrono::seconds>(options.link_timeout).count()));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

class DpdkSender : public Sender {
 public:
  DpdkSender(std::uint16_t port, Pool pool) : port_(port), pool_(std::move(pool)) {}

  ~DpdkSender() override {
    rte_pktmbuf_free_bulk(claimed_.data(), claimed_count_);
    FreeReceived();
    rte_eth_dev_stop(port_);
    rte_eth_dev_close(port_);
    pool_.reset();
    const std::string runtime_directory = rte_eal_get_runtime_dir();
    rte_eal_cleanup();
    std::error_code error;
    std::filesystem::remove_all(runtime_directory, error);
  }

  DpdkSender(const DpdkSender&) = delete;
  DpdkSender& operator=(const DpdkSender&) = delete;

  [[nodiscard]] std::span<std::byte* const> Claim(std::size_t count) noexcept override {
    if (claimed_count_ < count) {
      const auto lacking = static_cast<unsigned>(count) - claimed_count_;
      if (rte_pktmbuf_alloc_bulk(pool_.get(), claimed_.data() + claimed_count_, lacking) == 0) {
        claimed_count_ += lacking;
      }
    }
    const std::size_t given = std::min<std::size_t>(count, claimed_count_);
    for (std::size_t i = 0; i < given; ++i) {
      rooms_[i] = rte_pktmbuf_mtod(claimed_[i], std::byte*);
    }
    return std::span<std::byte* const>(rooms_).first(given);
  }

  [[nodiscard]] std::size_t Send(std::size_t count,
                                 std::uint32_t length,
                                 Elapsed /*now*/) noexcept override {
    for (std::size_t i = 0; i < count; ++i) {
      claimed_[i]->data_len = static_cast<std::uint16_t>(length);
      claimed_[i]->pkt_len = length;
    }
    const std::uint16_t sent =
        rte_eth_tx_burst(port_, kQueue, claimed_.data(), static_cast<std::uint16_t>(count));
    // What was not taken is still ours, and will be written anew.
    std::copy(claimed_.begin() + sent, claimed_.begin() + claimed_count_, claimed_.begin());
    claimed_count_ -= sent;
    return sent;
  }

  [[nodiscard]] std::span<const std::span<const std::byte>> Receive() noexcept override {
    FreeReceived();
    received_count_ = rte_eth_rx_burst(port_, kQueue, received_.data(), kBatch);
    for (std::size_t i = 0; i < received_count_; ++i) {
      frames_[i] = {rte_pktmbuf_mtod(received_[i], const std::byte*), received_[i]->data_len};
    }
    return std::span<const std::span<const std::byte>>(frames_).first(received_count_);
  }

 private:
  void FreeReceived() noexcept {
    rte_pktmbuf_free_bulk(received_.data(), received_count_);
    received_count_ = 0;
  }

  std::uint16_t port_;
  Pool pool_;
  std::array<rte_mbuf*, kBatch> claimed_{};
  unsigned claimed_count_ = 0;
  std::array<std::byte*, kBatch> rooms_{};
  std::array<rte_mbuf*, kBatch> received_{};
  std::uint16_t received_count_ = 0;
  std::array<std::span<const std::byte>, kBatch> frames_{};
};

}  // namespace

std::expected<std::unique_ptr<Sender>, std::string> CreateDpdkSender(const DpdkOptions& options) {
  if (auto started = StartEal(options); !started) {
    return std::unexpected(started.error());
  }
  const std::uint16_t port = rte_eth_find_next(0);
  if (port >= RTE_MAX_ETHPORTS) {
    return std::unexpected(fmt::format(
        "port: needed the device {}, found none; is its driver installed (librte-net-*)?",
        options.device));
  }
  Pool pool(rte_pktmbuf_pool_create(
                "generator", kBuffers, kPoolCache, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY),
            &rte_mempool_free);
  if (!pool) {
    return std::unexpected(
        fmt::format("port: needed {} buffers, found: {}; give more memory (-- -m)",
                    kBuffers,
                    rte_strerror(rte_errno)));
  }
  if (auto started = StartPort(port, pool.get()); !started) {
    return std::unexpected(started.error());
  }
  auto sender = std::make_unique<DpdkSender>(port, std::move(pool));
  if (auto up = AwaitLink(port, options); !up) {
    return std::unexpected(up.error());
  }
  return sender;
}

}  // namespace flatline::generator
