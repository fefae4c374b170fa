// By what a client of flatline-control knows that it speaks to the right one, and shows who it is
// itself: for addresses that are spoken to over TLS 1.3 (client.h says which). Plain data. The
// files are read at each connection, so that what is renewed in them counts from the next one on.
#pragma once

#include <string>

namespace flatline {

struct TlsTrust {
  // File of the authorities' certificates (PEM), one of whom has to have signed control's; empty:
  // those that this system trusts.
  std::string ca{};
  // The name that control's certificate has to be for; empty: the number in the address.
  std::string server_name{};
  // Files of a certificate and its key (PEM), where control asks for one (control.tls_client_ca).
  std::string certificate{};
  std::string key{};
};

}  // namespace flatline
