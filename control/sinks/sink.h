// Somewhere that batches of records go: what a batch is, and what became of offering it. One
// implementation for each kind of place (a command, a webhook, NATS JetStream); called by the
// forwarder, from one thread. An implementation may block, but only for its own time limit: nobody
// but this sink waits for it. It may be offered the same batch again, under the same key.
#pragma once

#include <flatline/time.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace flatline::sinks {

struct Batch {
  std::uint32_t generation = 0;  // of all its records
  std::uint64_t first = 0;       // sequences, both included
  std::uint64_t last = 0;
  std::size_t records = 0;
  std::string body{};  // a line of JSON for each record
};

// "0a1b2c3d-100-163": the same batch has the same key however often it is offered.
[[nodiscard]] std::string KeyOf(const Batch& batch);

struct Answer {
  bool taken = false;
  std::string why{};  // not
  Duration wait{};    // at least so long before it is offered again
};

class Sink {
 public:
  virtual ~Sink() = default;

  [[nodiscard]] virtual Answer Deliver(const Batch& batch) = 0;

 protected:
  Sink() = default;
  Sink(const Sink&) = default;
  Sink& operator=(const Sink&) = default;
};

}  // namespace flatline::sinks
