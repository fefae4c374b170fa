// One configured port: found, set up and started, with the queues that workers poll. Cold; built by
// main before the workers run, closed by main after they stopped. Asks for what would help (RSS,
// checksum offload, several queues) and goes on without what is not granted; says so once.
// Assumes that EAL is up and has probed the device. A port that is not there is an error line.
// Cost: buffers for all descriptors, taken here; nothing later.
#pragma once

#include "dataplane/dpdk/device_string.h"
#include "dataplane/dpdk/poll_gate.h"
#include "dataplane/dpdk/rx_queue.h"
#include "dataplane/dpdk/tx_queue.h"
#include "dataplane/port_identity.h"

#include <flatline/config.h>

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

struct rte_mempool;  // NOLINT(readability-identifier-naming): DPDK's

namespace flatline::dpdk {

class Port {
 public:
  struct Request {
    PortConfig config;
    std::size_t index = 0;      // in the configuration
    std::uint32_t workers = 1;  // queue q is polled by worker q
    PollGate* gate = nullptr;   // for drivers that need one; outlives the port
  };

  [[nodiscard]] static std::expected<std::unique_ptr<Port>, std::string> Create(
      const Request& request);

  // Stops and closes the device. Nobody polls any more.
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  struct Queue {
    RxQueue rx;
    TxQueue tx;
  };

  // At most one for each worker; the worker of a queue has its index.
  [[nodiscard]] const std::vector<std::unique_ptr<Queue>>& queues() const noexcept {
    return queues_;
  }

  [[nodiscard]] const PortIdentity& identity() const noexcept { return identity_; }

  // As the driver has it now.
  [[nodiscard]] bool link_is_up() const noexcept;

  // Stops the device and starts it again. Nobody polls meanwhile.
  void Restart() const;

  // DPDK's number of the port.
  [[nodiscard]] std::uint16_t id() const noexcept { return id_; }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  [[nodiscard]] PollGate* gate() const noexcept { return gate_; }

  // The interface of this host behind the port, where the driver does not watch its carrier.
  [[nodiscard]] const std::string& kernel_interface() const noexcept { return kernel_interface_; }

 private:
  Port(std::uint16_t id, const Request& request, const DeviceString& device);

  [[nodiscard]] std::expected<void, std::string> SetUp(const Request& request);
  [[nodiscard]] std::expected<void, std::string> SetUpQueues(const Request& request,
                                                             std::uint16_t count);
  [[nodiscard]] std::expected<void, std::string> Start(const PortConfig& config);

  std::uint16_t id_;
  std::string name_;
  std::string kernel_interface_;  // empty: none
  PollGate* gate_;
  rte_mempool* pool_ = nullptr;
  PortIdentity identity_;
  std::vector<std::unique_ptr<Queue>> queues_;
};

}  // namespace flatline::dpdk
