#include "dataplane/dpdk/device_string.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <fmt/format.h>
#include <iterator>

namespace flatline::dpdk {
namespace {

bool IsHex(std::string_view text, std::size_t digits) {
  return text.size() == digits &&
         std::ranges::all_of(text, [](unsigned char c) { return std::isxdigit(c) != 0; });
}

// "bus:device.function", two, two and one hexadecimal digits.
bool IsShortPci(std::string_view text) {
  return text.size() == 7 && IsHex(text.substr(0, 2), 2) && text[2] == ':' &&
         IsHex(text.substr(3, 2), 2) && text[5] == '.' && IsHex(text.substr(6), 1);
}

bool IsLongPci(std::string_view text) {
  return text.size() == 12 && IsHex(text.substr(0, 4), 4) && text[4] == ':' &&
         IsShortPci(text.substr(5));
}

std::string_view CutToComma(std::string_view& rest) {
  const std::size_t comma = rest.find(',');
  const std::string_view field = rest.substr(0, comma);
  rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  return field;
}

}  // namespace

std::expected<DeviceString, std::string> DeviceString::Parse(std::string_view text) {
  DeviceString out;
  std::string_view rest = text;
  const std::string_view name = CutToComma(rest);
  out.is_pci = IsLongPci(name) || IsShortPci(name);
  out.name = IsShortPci(name) ? "0000:" + std::string(name) : std::string(name);
  if (!out.is_pci && !name.starts_with("net_") && !name.starts_with("virtio_user")) {
    return std::unexpected(fmt::format(
        "port: needed a PCI address (0000:3b:00.0) or a virtual device (net_memif0,…), found "
        "\"{}\"; for a kernel interface write \"net_af_packet0,iface={}\"",
        text,
        name));
  }
  while (!rest.empty()) {
    const std::string_view field = CutToComma(rest);
    if (field.empty()) {
      continue;
    }
    const std::size_t equals = field.find('=');
    out.arguments.emplace_back(
        field.substr(0, equals),
        equals == std::string_view::npos ? std::string_view{} : field.substr(equals + 1));
  }
  return out;
}

bool DeviceString::IsDriver(std::string_view driver) const {
  const std::string_view text = name;
  return !is_pci && text.starts_with(driver) &&
         std::ranges::all_of(text.substr(driver.size()),
                             [](unsigned char c) { return std::isdigit(c) != 0; });
}

std::optional<std::string> DeviceString::Argument(std::string_view argument_name) const {
  const auto found =
      std::ranges::find(arguments, argument_name, [](const auto& pair) { return pair.first; });
  return found == arguments.end() ? std::nullopt : std::optional(found->second);
}

void DeviceString::SetArgument(std::string_view argument_name, std::string_view value) {
  const auto is_it = [&](const auto& pair) { return pair.first == argument_name; };
  const auto first = std::ranges::find_if(arguments, is_it);
  if (first == arguments.end()) {
    arguments.emplace_back(argument_name, value);
    return;
  }
  first->second = value;
  arguments.erase(std::remove_if(std::next(first), arguments.end(), is_it), arguments.end());
}

std::string DeviceString::Text() const {
  std::string out = name;
  for (const auto& [argument, value] : arguments) {
    out.append(",").append(argument);
    if (!value.empty()) {
      out.append("=").append(value);
    }
  }
  return out;
}

}  // namespace flatline::dpdk
