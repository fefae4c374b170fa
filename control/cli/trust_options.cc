#include "control/cli/trust_options.h"

#include <CLI/CLI.hpp>

namespace flatline::cli {

void AddTrustOptions(CLI::App& verb, TlsTrust& trust) {
  verb.add_option("--ca", trust.ca, "over TLS: who may have signed control's certificate (PEM)")
      ->envname("FLATLINE_CA")
      ->type_name("FILE");
  verb.add_option("--server-name", trust.server_name, "that it is for; the number if left out")
      ->envname("FLATLINE_SERVER_NAME")
      ->type_name("NAME");
  CLI::Option* const certificate =
      verb.add_option("--certificate", trust.certificate, "to show, where control asks for one")
          ->type_name("FILE");
  verb.add_option("--key", trust.key, "of the certificate")->needs(certificate)->type_name("FILE");
}

}  // namespace flatline::cli
