// Whether another server's certificate is what its policy asks for: by the system's authorities, by DANE (RFC 7672 3.1,
// 3.2), or by a fingerprint, which is DANE-EE without the DNS.
//
//   DANE-EE (3)  the server's own certificate or key fits; name and time do not matter
//   DANE-TA (2)  a certificate above it fits, and from there on chain, time and name are right
//
// Run by tls after the handshake, for which libtls verifies nothing. Trusts relay's wish, and nothing of the
// certificates.
// SPDX-License-Identifier: ISC
#pragma once

#include <tls.h>

#include <functional>

#include "lib/crypto/certificate.h"
#include "smtpd/tls/messages.h"

namespace mailkeep::tls {

struct Wish {
  Check check = Check::kNone;
  std::vector<std::string> names;
  std::vector<Association> associations;
};

struct Finding {
  bool is_good = false;
  Problem problem = Problem::kHandshake;  // unless good
  std::string text;                       // how it is verified, or why not
};

using HasName = std::function<bool(const std::string& name)>;

// Pure. `anchors` nullptr: there are none.
Finding check_associations(const Wish& wish, const std::vector<crypto::Certificate>& chain, const HasName& has_name);
Finding check_authority(const Wish& wish, const std::vector<crypto::Certificate>& chain, const crypto::Anchors* anchors,
                        const HasName& has_name);

// Of a connection after its handshake. With kNone it says what kAuthority would.
Finding check_peer(::tls* connection, const Wish& wish, const crypto::Anchors* anchors);

}  // namespace mailkeep::tls
