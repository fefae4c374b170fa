// What the verbs that speak to control over TCP take as options, for TLS: whom to believe, and who
// we are. Added by watch, enrol, retire and flatline-sink. The files are looked at when the
// connection is made.
#pragma once

#include <flatline/tls_trust.h>

namespace CLI {
class App;
}  // namespace CLI

namespace flatline::cli {

// `trust` outlives the verb.
void AddTrustOptions(CLI::App& verb, TlsTrust& trust);

}  // namespace flatline::cli
