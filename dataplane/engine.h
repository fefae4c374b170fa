// The whole detector behind the ports: the workers, what they share (index, clock of hearing, rings
// between them), and the watch over the ports, built over a region. Made once at start by dpdk/'s
// main or by a test, in the same way; all memory is taken here. Construction adopts what the region
// holds (nothing, after a Format): records keep their verdicts, index and wheel are rebuilt, the
// time since the predecessor's last word counts as blind. Linear in slots, about 10 ns each.
#pragma once

#include "dataplane/attachment.h"
#include "dataplane/port_watch.h"
#include "dataplane/worker.h"

#include <flatline/endpoint.h>
#include <flatline/region.h>
#include <flatline/time.h>

#include <expected>
#include <memory>
#include <string>

namespace flatline {

struct EngineOptions {
  Duration stall{10'000'000};  // a turn longer than this is a blind interval
};

class Engine {
 public:
  // `region` outlives the engine; nobody else writes the dataplane's sections. Enrolment mode,
  // default profile and profiles are read from its header. `now` is the first instant from which
  // this process can hear: the workers' first turns follow without delay. An error where the memory
  // for index and wheel cannot be had.
  [[nodiscard]] static std::expected<std::unique_ptr<Engine>, std::string> Create(
      const RegionView& region, const EngineOptions& options, Instant now);

  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Before the worker's first turn only.
  void Attach(unsigned worker, const Attachment& attachment);

  [[nodiscard]] unsigned workers() const noexcept;

  [[nodiscard]] Worker& worker(unsigned index) noexcept;

  [[nodiscard]] PortWatch& port_watch() noexcept;

 private:
  struct Parts;
  explicit Engine(std::unique_ptr<Parts> parts) noexcept;
  std::unique_ptr<Parts> parts_;
};

}  // namespace flatline
