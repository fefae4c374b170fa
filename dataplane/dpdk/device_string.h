// A device as the configuration names it: a PCI address or a virtual device, with DPDK's arguments
// behind it, taken apart so that we can tell drivers apart and change single arguments.
// Used at start by EAL's arguments, the ports and the memif relay. Pure; no DPDK.
// Bounds: no argument is checked here, drivers do that. Cost: a few small strings.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace flatline::dpdk {

struct DeviceString {
  std::string name;  // "0000:3b:00.0" or "net_memif0"
  bool is_pci = false;
  std::vector<std::pair<std::string, std::string>> arguments;  // in order; names may repeat

  // "0000:3b:00.0", "3b:00.0" (domain 0000 is understood), "net_memif0,role=server,id=0".
  [[nodiscard]] static std::expected<DeviceString, std::string> Parse(std::string_view text);

  // Whether this is virtual device of that driver: "net_memif" for "net_memif7".
  [[nodiscard]] bool IsDriver(std::string_view driver) const;

  // The first argument of that name.
  [[nodiscard]] std::optional<std::string> Argument(std::string_view argument_name) const;

  // Replaces the first of that name and drops the rest, or appends one.
  void SetArgument(std::string_view argument_name, std::string_view value);

  [[nodiscard]] std::string Text() const;
};

}  // namespace flatline::dpdk
