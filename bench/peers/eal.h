// DPDK's environment for a peer that cannot do without: on this process's core, no devices, a file
// prefix of its own, nothing left behind. Once in a process, which ends with it. Throws if EAL does
// not start. Not for the product, which has dataplane/dpdk/eal.
#pragma once

#include <cstddef>

namespace flatline::peers {

class Eal {
 public:
  // `bytes` of memory at least: on huge pages, or on ordinary ones.
  Eal(std::size_t bytes, bool huge);
  ~Eal();
  Eal(const Eal&) = delete;
  Eal& operator=(const Eal&) = delete;
};

}  // namespace flatline::peers
