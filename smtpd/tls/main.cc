// tls: holds the TLS private keys and does TLS for smtpd and imapd. User mailkeep-tls, empty chroot.
// SPDX-License-Identifier: ISC
#include "smtpd/tls/server.h"

int main(int argc, char** argv, char** envp) {
  using namespace mailkeep;
  auto boot = worker::boot(imsg::Role::kTls, argc, argv, envp);

  // OpenSSL reads its configuration and seeds itself now: later there is no file system. A context made and dropped
  // loads what else it would load on first use.
  if (::tls_init() != 0) fatal("tls_init failed");
  { const tls::TlsHandle warm(::tls_server()); }

  worker::confine(boot, os::Profile::kTls);

  event::Loop loop;
  tls::Server server(loop);
  loop.run();
  return 0;
}
