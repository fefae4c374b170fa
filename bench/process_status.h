// What the kernel says of another process's memory, for the benchmarks that measure a server beside
// them. Reads /proc each time. Zero where there is no such process or line.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

namespace flatline {

inline std::uint64_t KilobytesIn(const std::string& path, std::string_view name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name)) {
      return std::strtoull(line.c_str() + name.size(), nullptr, 10);
    }
  }
  return 0;
}

// The most that it ever had, of its own and mapped.
inline std::uint64_t ResidentBytes(const std::string& pid) {
  return KilobytesIn("/proc/" + pid + "/status", "VmHWM:") * 1024;
}

}  // namespace flatline
