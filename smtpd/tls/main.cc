// tls: holds the TLS private keys and does TLS for smtpd, imapd and relay. User mailkeep-tls, empty chroot.
// SPDX-License-Identifier: ISC
#include <time.h>

#include "smtpd/tls/server.h"

int main(int argc, char** argv, char** envp) {
  using namespace mailkeep;
  auto boot = worker::boot(imsg::Role::kTls, argc, argv, envp);

  // OpenSSL reads its configuration and seeds itself now: later there is no file system. A context made and dropped
  // loads what else it would load on first use.
  if (::tls_init() != 0) fatal("tls_init failed");
  { const tls::TlsHandle warm(::tls_server()); }
  ::tzset();  // libtls asks for the local time when it looks at a server's certificate

  worker::confine(boot, os::Profile::kTls);

  mailkeep::event::Loop loop;
  tls::Server server(loop);
  loop.run();
  return 0;
}
