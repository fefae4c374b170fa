// One queue pair of a port as it is attached to a worker: where frames come from, where answers go,
// what the port answers to. Built by dpdk/ at start (or by a test), used by the worker's core only.
// A port is attached to a worker at most once; what the pointers name outlives the worker.
#pragma once

#include "dataplane/frame.h"
#include "dataplane/port_identity.h"

#include <cstdint>

namespace flatline {

struct Attachment {
  FrameSource* source = nullptr;
  FrameSink* sink = nullptr;
  const PortIdentity* identity = nullptr;
  std::uint8_t port = 0;  // index of the port in the configuration
};

}  // namespace flatline
