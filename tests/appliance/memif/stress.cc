// A memif peer that comes and goes, some hundred times, while a poller polls the port without
// pause: killed in the middle of a handshake or of its traffic, leaving with and without a word.
// The port must survive, hear every peer that completes its session, and answer it.
// Usage: memif_stress server|client ROUNDS SEED [bare]      role of the port; `bare`: without the
// relay, which shows that the driver alone does not survive (that run is expected to crash).
#include "dataplane/dpdk/eal.h"
#include "dataplane/dpdk/memif_relay.h"
#include "dataplane/dpdk/port.h"
#include "tests/appliance/memif/peer.h"

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <random>
#include <string_view>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace flatline::dpdk {
namespace {

struct Plan {
  bool port_is_server = true;
  unsigned rounds = 0;
  unsigned seed = 0;
  bool bare = false;
  std::string address;

  [[nodiscard]] MemifAddress outside() const { return {.path = address, .abstract = true}; }
};

constexpr int kCompleted = 10;  // exit status of a peer that was answered and left by itself

// One peer's life, in its own process.
[[noreturn]] void LiveOnePeer(const Plan& plan, unsigned round) {
  std::mt19937 random(plan.seed + round);
  const bool breaks_off = random() % 4 == 0;
  MemifPeer peer(breaks_off ? static_cast<unsigned>(random() % 5) : 100);
  bool complete = false;
  if (plan.port_is_server) {
    complete = peer.ConnectTo(plan.outside());
  } else if (const auto listener = plan.outside().Listen(); listener) {
    complete = peer.ServeOne(*listener);
  }
  const std::array<std::byte, 64> frame{};
  unsigned sent = 0;
  unsigned heard = 0;
  const auto begun = std::chrono::steady_clock::now();
  const auto stays = std::chrono::microseconds(random() % 30'000);
  const auto goes_at_last = std::chrono::seconds(2);
  const auto here_for = [&] { return std::chrono::steady_clock::now() - begun; };
  while (complete && (here_for() < stays || (heard == 0 && here_for() < goes_at_last))) {
    sent += peer.Send(frame);
    heard += peer.Receive();
  }
  if (random() % 2 == 0) {
    (void)raise(SIGKILL);
  }
  if (random() % 2 == 0) {
    peer.SayGoodbye();
  }
  _exit(sent > 0 && heard > 0 ? kCompleted : 0);
}

// All peers, one after another; a process of its own, made before EAL has threads. Exit status 0
// when enough of them had a session.
[[noreturn]] void LivePeers(const Plan& plan) {
  unsigned completed = 0;
  for (unsigned round = 0; round < plan.rounds; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      LiveOnePeer(plan, round);
    }
    int status = 0;
    (void)waitpid(child, &status, 0);
    completed += WIFEXITED(status) && WEXITSTATUS(status) == kCompleted ? 1U : 0U;
  }
  std::printf("peers: %u came, %u were answered and left alive\n", plan.rounds, completed);
  std::fflush(stdout);
  _exit(completed * 5 > plan.rounds ? 0 : 1);
}

// Polls and answers without pause, as a busy worker does.
void Hammer(Port& port, const std::atomic<bool>& stop, std::atomic<std::uint64_t>& frames) {
  Port::Queue& queue = *port.queues()[0];
  while (!stop.load(std::memory_order_relaxed)) {
    const auto received = queue.rx.Receive();
    frames.fetch_add(received.size(), std::memory_order_relaxed);
    for (std::size_t i = 0; i < received.size() && queue.tx.Claim() != nullptr; ++i) {
      queue.tx.Commit(received[i].length);
    }
    queue.rx.Release();
    (void)queue.tx.Flush();
  }
}

int Fail(const std::string& why) {
  std::fprintf(stderr, "memif_stress: %s\n", why.c_str());
  return 1;
}

int Stress(const Plan& plan) {
  const pid_t peers = fork();
  if (peers == 0) {
    usleep(500'000);  // until the port is there; early peers wait in the backlog anyway
    LivePeers(plan);
  }
  Config config;
  config.instance = fmt::format("memif-stress-{}", getpid());
  config.dataplane.hugepages = HugepageMode::kOff;
  config.dataplane.memory = 64U << 20;
  auto device = DeviceString::Parse(fmt::format(
      "net_memif0,role={},socket={}", plan.port_is_server ? "server" : "client", plan.address));
  auto relay = plan.bare ? nullptr : MemifRelay::Create(*device, config.instance, 0).value();
  auto eal = Eal::Start(config, PlanEal(config, {device->Text()}, LookAtHost(), {}).value());
  if (!eal) {
    return Fail(eal.error());
  }
  Port::Request request;
  request.config.device = device->Text();
  request.gate = plan.bare ? nullptr : &relay->gate();
  auto port = Port::Create(request);
  if (!port) {
    return Fail(port.error());
  }
  if (relay) {
    relay->Start({.link_is_up = [own = port->get()] { return own->link_is_up(); },
                  .restart = [own = port->get()] { own->Restart(); }});
  }
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> frames{0};
  std::thread hammer([&] { Hammer(**port, stop, frames); });
  int status = 0;
  (void)waitpid(peers, &status, 0);
  stop = true;
  hammer.join();
  if (relay) {
    relay->Stop();
  }
  port->reset();
  std::printf("port: %lu frames heard, seed %u\n", frames.load(), plan.seed);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 && frames > 0 ? 0 : 1;
}

}  // namespace
}  // namespace flatline::dpdk

int main(int count, char** arguments) {
  if (count < 4) {
    return 2;
  }
  flatline::dpdk::Plan plan;
  plan.port_is_server = std::string_view(arguments[1]) == "server";
  plan.rounds = static_cast<unsigned>(std::strtoul(arguments[2], nullptr, 10));
  plan.seed = static_cast<unsigned>(std::strtoul(arguments[3], nullptr, 10));
  plan.bare = count > 4 && std::string_view(arguments[4]) == "bare";
  plan.address = fmt::format("flatline-memif-stress-{}", getpid());
  return flatline::dpdk::Stress(plan);
}
