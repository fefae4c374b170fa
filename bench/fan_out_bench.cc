// How many deliveries a server makes for each second of its processor time, in rounds: a window of
// messages is published, and the next one when every subscriber has it, so that nothing coalesces
// but what is told together. `fan_out_bench KIND DIRECTORY PORT PID SUBSCRIBERS WINDOW SECONDS`,
// where KIND is flatline or tls (control beside it has DIRECTORY as its region_directory, and for
// TLS its certificate there; started by bench/fan_out.py), nats or redis. Messages of 64 bytes.
// Prints deliveries per second of the server's processor time.
#include "bench/crowd.h"
#include "bench/fed_region.h"
#include "bench/sealed_crowd.h"

#include <flatline/delivery.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <functional>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace {

using flatline::Crowd;

constexpr std::size_t kMessage = 64;

std::span<const std::byte> Bytes(const std::string& text) {
  return std::as_bytes(std::span{text});
}

// Nanoseconds that all threads of a process have run.
double CpuSeconds(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) {
    fields >> skipped;
  }
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

// What publishes a window, and how long a message is when it arrives.
struct Source {
  std::function<void()> publish;
  std::size_t delivered = kMessage;
};

template <typename AnyCrowd>
Source Flatline(AnyCrowd& crowd,
                std::uint16_t port,
                std::size_t subscribers,
                std::size_t window,
                const std::string& directory) {
  const auto region = std::make_shared<flatline::FedRegion>(directory, 64);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));  // control looks every 100
  flatline::DeliveryRequest request;
  for (std::size_t i = 0; i < subscribers; ++i) {
    crowd.Join(port, std::as_bytes(std::span{&request, 1}), sizeof(flatline::DeliveryRecord));
  }
  return {[region, window] {
    for (std::size_t i = 0; i < window; ++i) {
      while (!region->Kill(i + 1)) {
      }
    }
  }};
}

Source Peer(
    Crowd& crowd, bool is_nats, std::uint16_t port, std::size_t subscribers, std::size_t window) {
  const std::string subscribe = is_nats ? "CONNECT {\"verbose\":false}\r\nSUB foo 1\r\n"
                                        : "*2\r\n$9\r\nSUBSCRIBE\r\n$3\r\nfoo\r\n";
  for (std::size_t i = 0; i < subscribers; ++i) {
    crowd.Join(port, Bytes(subscribe), 1);
  }
  while (crowd.Take(is_nats ? 2500 : 300) != 0) {  // the rest of the greetings; a PING comes late
  }
  const std::string payload(kMessage, 'x');
  const std::string message =
      is_nats ? fmt::format("PUB foo {}\r\n{}\r\n", kMessage, payload)
              : fmt::format("*3\r\n$7\r\nPUBLISH\r\n$3\r\nfoo\r\n${}\r\n{}\r\n", kMessage, payload);
  const std::string delivered =
      is_nats ? fmt::format("MSG foo 1 {}\r\n{}\r\n", kMessage, payload)
              : fmt::format("*3\r\n$7\r\nmessage\r\n$3\r\nfoo\r\n${}\r\n{}\r\n", kMessage, payload);
  std::string all;
  for (std::size_t i = 0; i < window; ++i) {
    all += message;
  }
  const int publisher = Crowd::Connect(port);
  if (is_nats) {
    Crowd::SendAll(publisher, Bytes("CONNECT {\"verbose\":false}\r\n"));
  }
  return {[publisher, all] {
            Crowd::SendAll(publisher, Bytes(all));
            std::array<char, 65536> answers;  // ":1000" for each, or nothing
            while (::recv(publisher, answers.data(), answers.size(), MSG_DONTWAIT) > 0) {
            }
          },
          delivered.size()};
}

struct Plan {
  std::string kind;
  std::string directory;
  std::uint16_t port;
  std::string pid;
  std::size_t subscribers;
  std::size_t window;
  double seconds;
};

template <typename AnyCrowd>
void Measure(const Plan& plan, AnyCrowd& crowd, const Source& source) {
  while (crowd.Take(200) != 0) {  // the reset, which begins our stream
  }
  using Clock = std::chrono::steady_clock;
  const double cpu_before = CpuSeconds(plan.pid);
  const auto begin = Clock::now();
  const auto end = begin + std::chrono::milliseconds(static_cast<int>(plan.seconds * 1e3));
  std::size_t rounds = 0;
  for (; Clock::now() < end; ++rounds) {
    source.publish();
    for (std::size_t left = plan.subscribers * plan.window * source.delivered; left != 0;) {
      const std::size_t got = crowd.Take(2000);
      FLATLINE_CHECK(got != 0 && got <= left);
      left -= got;
    }
  }
  const double cpu = CpuSeconds(plan.pid) - cpu_before;
  const double wall = std::chrono::duration<double>(Clock::now() - begin).count();
  const auto deliveries = static_cast<double>(rounds * plan.window * plan.subscribers);
  std::printf("%s %zu subscribers, windows of %zu: %.0f deliveries, %.2f s, %.2f s of the server\n",
              plan.kind.c_str(),
              plan.subscribers,
              plan.window,
              deliveries,
              wall,
              cpu);
  std::printf("delivery.%s_w%zu %.4g 1/s\n", plan.kind.c_str(), plan.window, deliveries / cpu);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 8) {
    std::fputs("usage: fan_out_bench KIND DIRECTORY PORT PID SUBSCRIBERS WINDOW SECONDS\n", stderr);
    return 2;
  }
  const Plan plan{.kind = arguments[1],
                  .directory = arguments[2],
                  .port = static_cast<std::uint16_t>(std::atoi(arguments[3])),
                  .pid = arguments[4],
                  .subscribers = static_cast<std::size_t>(std::atoi(arguments[5])),
                  .window = static_cast<std::size_t>(std::atoi(arguments[6])),
                  .seconds = std::atof(arguments[7])};
  if (plan.kind == "tls") {
    flatline::SealedCrowd crowd(plan.directory + "/tls.pem");
    Measure(plan, crowd, Flatline(crowd, plan.port, plan.subscribers, plan.window, plan.directory));
    return 0;
  }
  Crowd crowd;
  const Source source =
      plan.kind == "flatline"
          ? Flatline(crowd, plan.port, plan.subscribers, plan.window, plan.directory)
          : Peer(crowd, plan.kind == "nats", plan.port, plan.subscribers, plan.window);
  Measure(plan, crowd, source);
  return 0;
}
