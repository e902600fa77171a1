// Another server's certificate: see check.h.
// SPDX-License-Identifier: ISC
#include "smtpd/tls/check.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/crypto/digest.h"

namespace mailkeep::tls {
namespace {

using crypto::Certificate;

bool fits(const Association& a, const Certificate& certificate) {
  const std::string bytes = a.selector == 0   ? certificate.der()
                            : a.selector == 1 ? certificate.public_key()
                                              : std::string();
  if (bytes.empty()) return false;
  switch (a.matching) {
    case 0: return bytes == a.data;
    case 1: return crypto::sha256(bytes) == a.data;
    case 2: return crypto::sha512(bytes) == a.data;
    default: return false;
  }
}

std::string words_of(const Association& a) {
  return (a.usage == 2 ? "DANE-TA 2 " : "DANE-EE 3 ") + std::to_string(a.selector) + " " + std::to_string(a.matching);
}

std::string join(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& n : names) out += (out.empty() ? "" : " or ") + printable(n, 100);
  return out;
}

Problem problem_of(crypto::Fault fault) {
  return fault == crypto::Fault::kExpired ? Problem::kExpired : Problem::kUntrusted;
}

Finding name_missing(const Wish& wish) {
  return {false, Problem::kName, "the certificate is not for " + join(wish.names)};
}

bool has_a_name(const Wish& wish, const HasName& has_name) {
  return std::any_of(wish.names.begin(), wish.names.end(), has_name);
}

// RFC 7671 5.2: the record names a certificate of the chain, or holds one whole that the server need not send.
Finding check_anchor(const Wish& wish, const Association& a, const std::vector<Certificate>& chain,
                     const HasName& has_name) {
  Finding out = {false, Problem::kAssociation, "no TLSA record fits the server's certificates"};
  const auto try_anchor = [&](const Certificate& anchor) {
    const crypto::Verdict v = crypto::Anchors::of(anchor).verify(chain);
    if (v.fault != crypto::Fault::kNone) {
      out = {false, problem_of(v.fault), "below the certificate that a TLSA record names: " + v.text};
    } else if (!has_a_name(wish, has_name)) {
      out = name_missing(wish);
    } else {
      out = {true, Problem::kHandshake, words_of(a)};
    }
    return out.is_good;
  };
  for (size_t i = chain[0].is_self_issued() ? 0 : 1; i < chain.size(); i++) {
    if (fits(a, chain[i]) && try_anchor(chain[i])) return out;
  }
  if (a.selector != 0 || a.matching != 0) return out;
  if (const auto whole = Certificate::from_der(a.data)) try_anchor(*whole);
  return out;
}

}  // namespace

Finding check_associations(const Wish& wish, const std::vector<Certificate>& chain, const HasName& has_name) {
  Finding out = {false, Problem::kAssociation, "no TLSA record or fingerprint fits the server's certificate"};
  if (chain.empty()) return out;
  for (const Association& a : wish.associations) {
    if (a.usage == 3 && fits(a, chain[0])) return {true, Problem::kHandshake, words_of(a)};
  }
  for (const Association& a : wish.associations) {
    if (a.usage != 2) continue;
    Finding found = check_anchor(wish, a, chain, has_name);
    if (found.is_good) return found;
    if (found.problem != Problem::kAssociation) out = std::move(found);  // a reason that says more
  }
  return out;
}

Finding check_authority(const Wish& wish, const std::vector<Certificate>& chain, const crypto::Anchors* anchors,
                        const HasName& has_name) {
  if (anchors == nullptr)
    return {false, Problem::kUntrusted, "no certificates of authorities to verify with (option tls-authorities)"};
  const crypto::Verdict v = anchors->verify(chain);
  if (v.fault != crypto::Fault::kNone) return {false, problem_of(v.fault), v.text};
  if (!has_a_name(wish, has_name)) return name_missing(wish);
  return {true, Problem::kHandshake, "authority"};
}

Finding check_peer(::tls* connection, const Wish& wish, const crypto::Anchors* anchors) {
  size_t length = 0;
  const uint8_t* pem = ::tls_peer_cert_chain_pem(connection, &length);
  if (pem == nullptr) return {false, Problem::kUntrusted, "the server sent no certificate"};
  const auto chain = crypto::read_chain({reinterpret_cast<const char*>(pem), length});
  if (!chain) return {false, Problem::kUntrusted, chain.error().text};
  const auto has_name = [connection](const std::string& name) {
    return ::tls_peer_cert_contains_name(connection, name.c_str()) == 1;
  };
  if (wish.check == Check::kAssociations) return check_associations(wish, *chain, has_name);
  return check_authority(wish, *chain, anchors, has_name);
}

}  // namespace mailkeep::tls
