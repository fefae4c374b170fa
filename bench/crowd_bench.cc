// What it costs to tell many, or much: control beside it is fed through a region in DIRECTORY.
// `crowd_bench MODE DIRECTORY PORT PID`, where PID is control's and MODE one of
//   latency   100 subscribers by the client library, 10,000 transitions a second for five seconds,
//             over TCP; latency-unix: over the Unix socket; latency-ten: ten subscribers, over it
//   many      10,000 subscribers, 1,000 transitions a second for five seconds
//   storm     100 subscribers, a million deaths at once: each told all, in order, none twice
//   snapshot  one subscriber, ten million endpoints
// started by bench/crowd.py. Prints rows. One thread feeds and hears.
#include "bench/crowd.h"
#include "bench/fed_region.h"
#include "bench/latencies.h"
#include "bench/pieces.h"
#include "bench/process_status.h"
#include "bench/reaper.h"

#include <flatline/client.h>
#include <flatline/delivery.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <thread>
#include <vector>

namespace flatline {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kJoins = std::chrono::milliseconds(500);  // control looks for a region every 100

std::int64_t WallNow() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

struct Audience {
  std::string_view rows;  // what their names begin with
  std::string address;
  std::size_t subscribers = 100;
};

void Latency(const std::string& directory, const Audience& audience) {
  FedRegion region(directory, 64);
  std::this_thread::sleep_for(kJoins);
  Subscription subscription;
  subscription.address = audience.address;
  std::vector<std::unique_ptr<Client>> clients;
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  const auto ignore = [](std::span<const DeliveryRecord>) {};
  for (std::size_t i = 0; i < audience.subscribers; ++i) {
    clients.push_back(std::make_unique<Client>(subscription));
    for (int k = 0; k < 20; ++k) {  // connect, ask, be greeted
      FLATLINE_CHECK(clients.back()->Poll(Duration{1'000'000}, ignore));
    }
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    FLATLINE_CHECK(::epoll_ctl(epoll, EPOLL_CTL_ADD, clients.back()->descriptor(), &event) == 0);
  }
  Latencies latencies;
  bool counts = false;
  const auto take = [&](std::span<const DeliveryRecord> records) {
    const std::int64_t now = WallNow();
    for (const DeliveryRecord& record : records) {
      if (counts && record.kind == RecordKind::kLiveness) {
        latencies.Count(now - record.at_ns);
      }
    }
  };
  Reaper reaper(region, 10'000);
  const auto begin = Clock::now();
  for (auto now = begin; now < begin + std::chrono::seconds(6); now = Clock::now()) {
    counts = now > begin + std::chrono::seconds(1);
    reaper.KillTheDue();
    std::array<epoll_event, 128> events;
    const int count = ::epoll_wait(epoll, events.data(), events.size(), 0);
    for (int i = 0; i < count; ++i) {
      FLATLINE_CHECK(clients[events[static_cast<std::size_t>(i)].data.u64]->Poll(Duration{}, take));
      reaper.KillTheDue();
    }
  }
  ::close(epoll);
  fmt::print("delivery.{}_deliveries {} 1\n", audience.rows, latencies.total());
  fmt::print("delivery.{}_median_us {} us\n", audience.rows, latencies.AtShare(0.5));
  fmt::print("delivery.{}_p999_us {} us\n", audience.rows, latencies.AtShare(0.999));
  fmt::print("delivery.{}_max_us {:.4g} us\n", audience.rows, latencies.most_us());
}

// Of sockets' buffers, in the whole kernel.
std::uint64_t SocketBytes() {
  std::ifstream file("/proc/net/sockstat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("TCP:")) {
      return std::strtoull(line.c_str() + line.rfind(' ') + 1, nullptr, 10) * 4096;
    }
  }
  return 0;
}

void JoinAll(Crowd& crowd, std::uint16_t port, std::size_t subscribers, RequestKind kind) {
  DeliveryRequest request;
  request.kind = kind;
  for (std::size_t i = 0; i < subscribers; ++i) {
    crowd.Join(port, std::as_bytes(std::span{&request, 1}), sizeof(DeliveryRecord));
  }
}

void Many(const std::string& directory, std::uint16_t port, const std::string& pid) {
  constexpr std::size_t kSubscribers = 10'000;
  FedRegion region(directory, 64);
  std::this_thread::sleep_for(kJoins);
  const std::uint64_t sockets_before = SocketBytes();
  Crowd crowd;
  JoinAll(crowd, port, kSubscribers, RequestKind::kSubscribeNow);
  std::vector<Pieces> pieces(kSubscribers);
  Latencies latencies;
  bool counts = false;
  std::uint64_t most_sockets = 0;
  auto look_at = Clock::now();
  Reaper reaper(region, 1'000);
  const auto begin = Clock::now();
  for (auto now = begin; now < begin + std::chrono::seconds(6); now = Clock::now()) {
    counts = now > begin + std::chrono::seconds(1);
    reaper.KillTheDue();
    crowd.Take(1, [&](std::size_t subscriber, std::span<const std::byte> bytes) {
      const std::int64_t at = WallNow();
      pieces[subscriber].Take(bytes, [&](const DeliveryRecord& record) {
        if (counts && record.kind == RecordKind::kLiveness) {
          latencies.Count(at - record.at_ns);
        }
      });
      reaper.KillTheDue();
    });
    if (now >= look_at) {
      most_sockets = std::max(most_sockets, SocketBytes());
      look_at = now + std::chrono::milliseconds(200);
    }
  }
  const std::uint64_t resident = ResidentBytes(pid);
  std::printf("delivery.many_deliveries %zu 1\n", static_cast<std::size_t>(latencies.total()));
  std::printf(
      "delivery.many_memory_bytes %.4g B\n",
      static_cast<double>(resident + most_sockets - std::min(most_sockets, sockets_before)));
  std::printf("delivery.many_p99_us %zu us\n", latencies.AtShare(0.99));
  std::printf("delivery.many_max_us %.4g us\n", latencies.most_us());
}

void Storm(const std::string& directory, std::uint16_t port) {
  constexpr std::size_t kSubscribers = 100;
  constexpr std::uint64_t kDeaths = 1'000'000;
  FedRegion region(directory, kDeaths);
  std::this_thread::sleep_for(kJoins);
  Crowd crowd;
  JoinAll(crowd, port, kSubscribers, RequestKind::kSubscribeNow);
  while (crowd.Take(200) != 0) {
  }
  std::vector<Pieces> pieces(kSubscribers);
  std::vector<std::uint64_t> told(kSubscribers);
  std::uint64_t killed = 0;
  std::uint64_t left = kDeaths * kSubscribers;
  const auto take = [&](std::size_t subscriber, std::span<const std::byte> bytes) {
    pieces[subscriber].Take(bytes, [&](const DeliveryRecord& record) {
      if (record.kind == RecordKind::kLiveness) {
        FLATLINE_CHECK(record.endpoint ==
                       ++told[subscriber]);  // in order, none twice, none left out
        --left;
      }
    });
  };
  const auto begin = Clock::now();
  while (left != 0) {
    while (killed < kDeaths && region.Kill(killed + 1)) {
      ++killed;
    }
    FLATLINE_CHECK(crowd.Take(2000, take) != 0 || killed < kDeaths);
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  std::printf("delivery.storm_seconds %.3g s\n", seconds);
}

void WholeTable(const std::string& directory, std::uint16_t port) {
  constexpr std::uint32_t kEndpoints = 10'000'000;
  FedRegion region(directory, kEndpoints);
  std::this_thread::sleep_for(kJoins);
  Subscription subscription;
  subscription.address = fmt::format("127.0.0.1:{}", port);
  subscription.start = RequestKind::kSubscribeSnapshot;
  Client client(subscription);
  std::uint64_t rows = 0;
  bool is_over = false;
  const auto begin = Clock::now();
  while (!is_over) {
    FLATLINE_CHECK(
        client.Poll(Duration{1'000'000'000}, [&](std::span<const DeliveryRecord> records) {
          for (const DeliveryRecord& record : records) {
            rows += record.kind == RecordKind::kSnapshotRow ? 1 : 0;
            is_over = is_over || record.kind == RecordKind::kSnapshotEnd;
          }
        }));
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  FLATLINE_CHECK(rows == kEndpoints);
  std::printf("delivery.snapshot_seconds %.3g s\n", seconds);
}

}  // namespace
}  // namespace flatline

int main(int count, char** arguments) {
  if (count != 5) {
    std::fputs("usage: crowd_bench latency[-unix|-ten]|many|storm|snapshot DIRECTORY PORT PID\n",
               stderr);
    return 2;
  }
  const std::string_view mode = arguments[1];
  const std::string directory = arguments[2];
  const auto port = static_cast<std::uint16_t>(std::atoi(arguments[3]));
  const std::string local = "unix:" + directory + "/control.sock";
  if (mode == "latency") {
    flatline::Latency(directory, {"latency", fmt::format("127.0.0.1:{}", port)});
  } else if (mode == "latency-unix") {
    flatline::Latency(directory, {"latency_unix", local});
  } else if (mode == "latency-ten") {
    flatline::Latency(directory, {"latency_ten", local, 10});
  } else if (mode == "many") {
    flatline::Many(directory, port, arguments[4]);
  } else if (mode == "storm") {
    flatline::Storm(directory, port);
  } else {
    flatline::WholeTable(directory, port);
  }
  return 0;
}
