// The client's side of TLS: contexts for connections to other servers, and the authorities that vouch for their names.
//
// Run by tls. The authorities come from root as an open file and are read when they are first needed: a server that verifies
// nobody spends no memory on them. libtls makes a context for each connection and reads the authorities into it: a verified
// handshake costs that much more; relay's reuse of connections makes up for it.
// SPDX-License-Identifier: ISC
#pragma once

#include <memory>
#include <string>

#include "lib/base/fd.h"
#include "lib/base/result.h"
#include "smtpd/tls/keys.h"

struct tls_config;

namespace mailkeep::tls {

constexpr size_t kMaxAuthorities = 4 * 1024 * 1024;  // bytes; Debian's are 220 KiB

struct FreeTlsConfig {
  void operator()(::tls_config* c) const;
};

class Trust {
 public:
  // An empty `bundle`: there is none, and verification fails. EINVAL: it holds no certificate.
  Status set(Fd bundle, std::string path);
  // Configured for one connection. With `verify` the chain, the time and the name must be right, else nothing of it counts.
  Result<TlsHandle> client(bool verify);

 private:
  using Config = std::unique_ptr<::tls_config, FreeTlsConfig>;
  Result<Config> make(bool verify) const;
  Fd bundle_;
  std::string path_;
  Config trusting_;
  Config verifying_;
};

}  // namespace mailkeep::tls
