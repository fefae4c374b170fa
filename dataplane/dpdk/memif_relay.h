// Keeps net_memif from tearing its rings down under a worker's poll. The driver unmaps them in its
// interrupt thread, on the word of a peer that leaves, while bursts read them: a server whose peer
// came or went under load crashed in three of five runs. So the driver is not given the peer's
// socket but one of ours, and we pass the messages between the two: what could make it tear down
// reaches it only after the gate before its queues is closed and nobody is inside; and the gate
// opens only when a session is complete and the driver says that its link is up.
// One per net_memif port, with a thread of its own; made before EAL, started after the port.
// Assumes one device for each socket. A peer that does not complete its session in kHandshake is
// sent away. Cost: nothing while a session lasts, beyond the gate.
//
//   peer <--- public socket ---> relay <--- private socket ---> net_memif        gate
//   closed ----complete, link is up----> open ----anything from either side----> closed
#pragma once

#include "dataplane/dpdk/device_string.h"
#include "dataplane/dpdk/memif_channel.h"
#include "dataplane/dpdk/poll_gate.h"

#include <flatline/time.h>

#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace flatline::dpdk {

class MemifRelay {
 public:
  static constexpr Duration kHandshake{2'000'000'000};

  // The driver's side, as the relay needs it; called from the relay's thread.
  struct Driver {
    std::function<bool()> link_is_up;
    std::function<void()> restart;  // as a client it connects once only: stop it and start it
  };

  // Takes the device's socket and gives the device a private one, named after the instance.
  [[nodiscard]] static std::expected<std::unique_ptr<MemifRelay>, std::string> Create(
      DeviceString& device, const std::string& instance, std::size_t port_index);

  // Stops, and removes what is left of the sockets. The port is closed by then.
  ~MemifRelay();
  MemifRelay(const MemifRelay&) = delete;
  MemifRelay& operator=(const MemifRelay&) = delete;

  [[nodiscard]] PollGate& gate() noexcept { return gate_; }

  // Once, after the port has started.
  void Start(Driver driver);

  // Ends the session, if there is one, and the thread. To be called before the port is closed.
  void Stop();

 private:
  struct Session;

  MemifRelay(MemifAddress outside, MemifAddress inside, bool is_server, Descriptor listener);

  void Run();
  // Waits for a peer; invalid when told to stop, or when it left before it was taken.
  [[nodiscard]] Descriptor AwaitPeer();
  [[nodiscard]] Descriptor JoinDriver();
  [[nodiscard]] Descriptor AcceptWithin(int milliseconds);  // negative: however long it takes
  [[nodiscard]] bool Attend(Session& session);
  // Opens the gate when the session is complete; false when it has taken too long.
  [[nodiscard]] bool OpensInTime(Session& session);
  // Passes one message on; false ends the session.
  [[nodiscard]] bool Pass(Session& session, bool from_peer);
  void Dismiss(Descriptor driver);
  void AwaitLinkDown();
  // Whether to stop, after waiting so long for being told.
  [[nodiscard]] bool StopsWithin(int milliseconds) const;

  PollGate gate_;
  MemifAddress outside_;
  MemifAddress inside_;
  Descriptor listener_;  // of the public socket as a server, of the private one as a client
  Descriptor stop_;      // eventfd
  Driver driver_;
  std::thread thread_;
  bool is_server_;
};

}  // namespace flatline::dpdk
