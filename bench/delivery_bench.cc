// How long a verdict takes from the worker that decided to a subscriber's callback, in a running
// flatline: subscribes by the client library and compares each transition's instant with the clock.
// `delivery_bench ADDRESS SECONDS SKIP`: counts for SECONDS, of which the first SKIP do not matter
// (a fleet that enrols). Beside a dataplane and control that have something to tell
// (bench/figures.py sees to it). Prints median, 99.9 % and maximum, and how many were counted.
#include <flatline/client.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <vector>

namespace {

using flatline::DeliveryRecord;
using flatline::RecordKind;

std::int64_t WallNow() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Sorted on return.
double AtShare(std::vector<std::int64_t>& ns, double share) {
  std::ranges::sort(ns);
  return static_cast<double>(
             ns[static_cast<std::size_t>(share * static_cast<double>(ns.size() - 1))]) /
         1e3;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) {
    std::fputs("usage: delivery_bench ADDRESS SECONDS SKIP\n", stderr);
    return 2;
  }
  std::vector<std::int64_t> latencies;
  latencies.reserve(1U << 20);
  flatline::Subscription subscription;
  subscription.address = arguments[1];
  flatline::Client client(subscription);
  const auto take = [&](std::span<const DeliveryRecord> records) {
    const std::int64_t now = WallNow();
    for (const DeliveryRecord& record : records) {
      if (record.kind == RecordKind::kLiveness) {
        latencies.push_back(now - record.at_ns);
      }
    }
  };
  const auto begin = std::chrono::steady_clock::now();
  const auto first = begin + std::chrono::seconds(std::atoi(arguments[3]));
  const auto end = begin + std::chrono::seconds(std::atoi(arguments[2]));
  while (std::chrono::steady_clock::now() < end) {
    if (std::chrono::steady_clock::now() < first) {
      latencies.clear();
    }
    const auto polled = client.Poll(std::chrono::milliseconds(100), take);
    if (!polled) {
      std::fprintf(stderr, "delivery_bench: %s\n", polled.error().c_str());
      return EXIT_FAILURE;
    }
  }
  if (latencies.empty()) {
    std::fputs("delivery_bench: needed transitions, found none; is anybody dying?\n", stderr);
    return EXIT_FAILURE;
  }
  std::printf("delivery.one_transitions %zu 1\n", latencies.size());
  std::printf("delivery.one_latency_median_us %.4g us\n", AtShare(latencies, 0.5));
  std::printf("delivery.one_latency_p999_us %.4g us\n", AtShare(latencies, 0.999));
  std::printf("delivery.one_latency_max_us %.4g us\n", AtShare(latencies, 1));
  return EXIT_SUCCESS;
}
