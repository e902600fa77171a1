// The client's side of TLS: contexts for connections to other servers, and the authorities that vouch for their names.
//
// Run by tls. The authorities come from root as an open file and are read when they are first needed: a server that
// sends nothing to others spends no memory on them. libtls verifies nothing, see check.h: it would read them for each
// connection, and knows no DANE.
// SPDX-License-Identifier: ISC
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "lib/base/fd.h"
#include "lib/base/result.h"
#include "lib/crypto/certificate.h"
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
  // Configured for one connection. `strict`: with libtls's own choice of ciphers, else with any.
  Result<TlsHandle> client(bool strict);
  // nullptr: there are none.
  const crypto::Anchors* anchors();

 private:
  using Config = std::unique_ptr<::tls_config, FreeTlsConfig>;
  Result<Config> make(bool strict) const;
  Fd bundle_;
  std::string path_;
  Config lax_;
  Config strict_;
  std::optional<crypto::Anchors> anchors_;
  bool is_read_ = false;
};

}  // namespace mailkeep::tls
