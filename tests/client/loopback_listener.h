// A listening TCP socket on 127.0.0.1, and the port that the kernel chose for it. Used by the
// servers that the tests of clients make themselves. Aborts where there is no loopback.
#pragma once

#include "control/client/socket.h"

#include <flatline/check.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>

namespace flatline {

class LoopbackListener {
 public:
  LoopbackListener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    FLATLINE_CHECK(::bind(get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
    FLATLINE_CHECK(::listen(get(), 16) == 0);
    FLATLINE_CHECK(::getsockname(get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
    address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }

  [[nodiscard]] int get() const noexcept { return socket_.get(); }

  [[nodiscard]] const std::string& address() const noexcept { return address_; }

  // The next one to come; an empty socket after Shut.
  [[nodiscard]] Socket Accept() const {
    return Socket(::accept4(get(), nullptr, nullptr, SOCK_CLOEXEC));
  }

  void Shut() const { ::shutdown(get(), SHUT_RDWR); }

 private:
  Socket socket_;
  std::string address_;
};

}  // namespace flatline
