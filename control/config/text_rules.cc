#include "control/config/text_rules.h"

#include <flatline/config.h>
#include <flatline/profile.h>

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/un.h>

namespace flatline {
namespace {

bool IsWord(std::string_view text) {
  return !text.empty() && text.front() != '.' && text.front() != '-' &&
         std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.';
         });
}

bool IsAddress(int family, std::string_view text) {
  in6_addr address{};
  return ::inet_pton(family, std::string(text).c_str(), &address) == 1;
}

bool IsPort(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port != 0;
}

std::string Quoted(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}

}  // namespace

std::string FaultInInstance(std::string_view text) {
  return IsWord(text) && text.size() <= 32
             ? ""
             : Quoted(text) + " cannot name files; write up to 32 letters, digits, - _ or .";
}

std::string FaultInDirectory(std::string_view text) {
  return text.starts_with('/') ? "" : Quoted(text) + " is not an absolute path; begin it with /";
}

std::string FaultInOptionalPath(std::string_view text) {
  return text.empty() ? "" : FaultInDirectory(text);
}

std::string FaultInPlaintext(std::string_view text) {
  return text.empty() || text == kPlaintextWords
             ? ""
             : Quoted(text) + " does not say it; write \"\" or " + Quoted(kPlaintextWords);
}

bool IsLoopback(std::string_view listener) {
  return listener.starts_with("127.") || listener.starts_with("[::1]:");
}

bool IsEncrypted(const ControlConfig& control, std::string_view listener) {
  return !control.tls_certificate.empty() && (control.tls_loopback || !IsLoopback(listener));
}

std::string FaultInRegionDirectory(std::string_view text) {
  return text == "auto" || text.starts_with('/')
             ? ""
             : Quoted(text) + " is neither \"auto\" nor an absolute path; begin it with /";
}

std::string FaultInSocketPath(std::string_view text) {
  if (text.size() >= sizeof(sockaddr_un::sun_path)) {
    return "a socket's path has at most " + std::to_string(sizeof(sockaddr_un::sun_path) - 1) +
           " bytes, this one " + std::to_string(text.size()) + "; choose a shorter one";
  }
  return FaultInDirectory(text);
}

std::string FaultInGroup(std::string_view text) {
  return text.empty() || IsWord(text)
             ? ""
             : Quoted(text) + " is not the name of a group; write one of /etc/group, or \"\"";
}

std::string FaultInAddress(std::string_view text) {
  return IsAddress(AF_INET, text) || IsAddress(AF_INET6, text)
             ? ""
             : Quoted(text) +
                   " is not an IP address; write one such as \"10.0.0.1\" or \"fd00::1\"";
}

std::string FaultInListener(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon != std::string_view::npos && IsPort(text.substr(colon + 1))) {
    const std::string_view host = text.substr(0, colon);
    const bool bracketed = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
    if (bracketed ? IsAddress(AF_INET6, host.substr(1, host.size() - 2))
                  : IsAddress(AF_INET, host)) {
      return "";
    }
  }
  return Quoted(text) +
         " is not an address with a port; write one such as \"127.0.0.1:17997\" or "
         "\"[::1]:17997\"";
}

std::string FaultInDevice(std::string_view text) {
  return text.empty()
             ? "no device; write a PCI address or a vdev such as \"net_memif0,role=server\""
             : "";
}

std::string FaultInProfileName(std::string_view text) {
  return IsWord(text) && text.size() < Profile{}.name.size()
             ? ""
             : Quoted(text) + " is not a name; write up to " +
                   std::to_string(Profile{}.name.size() - 1) + " letters, digits, - _ or .";
}

}  // namespace flatline
