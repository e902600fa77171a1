// Certificates by libcrypto: see certificate.h.
// SPDX-License-Identifier: ISC
#include "lib/crypto/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cerrno>

namespace mailkeep::crypto {
namespace {

constexpr int kAuthLevel = 1;  // of SSL_CTX_set_security_level(3): 80 bits, so no MD5 and no RSA below 1024

struct FreeBio {
  void operator()(BIO* b) const { BIO_free(b); }
};
struct FreeContext {
  void operator()(X509_STORE_CTX* c) const { X509_STORE_CTX_free(c); }
};
struct FreeStack {
  void operator()(STACK_OF(X509) * s) const { sk_X509_free(s); }
};

std::unique_ptr<BIO, FreeBio> reader(std::string_view text) {
  std::unique_ptr<BIO, FreeBio> out(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (!out) fatal("no memory for a BIO");
  return out;
}

Fault fault_of(int code) {
  switch (code) {
    case X509_V_OK: return Fault::kNone;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID: return Fault::kExpired;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_UNTRUSTED: return Fault::kUntrusted;
    default: return Fault::kOther;
  }
}

}  // namespace

void Certificate::Free::operator()(::x509_st* x) const { X509_free(x); }
void Anchors::Free::operator()(::x509_store_st* s) const { X509_STORE_free(s); }

Certificate::Certificate(::x509_st* x509) : x509_(x509) {
  unsigned char* bytes = nullptr;
  const int length = i2d_X509(x509, &bytes);
  if (length > 0) der_.assign(reinterpret_cast<const char*>(bytes), static_cast<size_t>(length));
  OPENSSL_free(bytes);
}

Result<Certificate> Certificate::from_der(std::string_view der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  X509* x509 = d2i_X509(nullptr, &at, static_cast<long>(der.size()));
  ERR_clear_error();
  if (x509 == nullptr) return Error("no certificate", EINVAL);
  Certificate out(x509);
  if (at != reinterpret_cast<const unsigned char*>(der.data()) + der.size())
    return Error("bytes behind a certificate", EINVAL);
  return out;
}

std::string Certificate::public_key() const {
  unsigned char* bytes = nullptr;
  const int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509_.get()), &bytes);
  ERR_clear_error();
  std::string out;
  if (length > 0) out.assign(reinterpret_cast<const char*>(bytes), static_cast<size_t>(length));
  OPENSSL_free(bytes);
  return out;
}

bool Certificate::is_self_issued() const {
  return X509_NAME_cmp(X509_get_subject_name(x509_.get()), X509_get_issuer_name(x509_.get())) == 0;
}

Result<std::vector<Certificate>> read_chain(std::string_view pem) {
  if (pem.size() > kMaxChainBytes)
    return Error("a chain of more than " + std::to_string(kMaxChainBytes) + " bytes", EINVAL);
  const auto bio = reader(pem);
  std::vector<Certificate> out;
  while (X509* x509 = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    out.push_back(Certificate(x509));
    if (out.size() > kMaxChain)
      return Error("a chain of more than " + std::to_string(kMaxChain) + " certificates", EINVAL);
  }
  ERR_clear_error();
  if (out.empty()) return Error("no certificate", EINVAL);
  return out;
}

Anchors::Anchors() : store_(X509_STORE_new()) {
  if (!store_) fatal("no memory for certificates");
}

Anchors Anchors::of(const Certificate& one) {
  Anchors out;
  if (X509_STORE_add_cert(out.store_.get(), one.get()) != 1) fatal("no memory for certificates");
  out.size_ = 1;
  return out;
}

Result<Anchors> Anchors::from_pem(std::string_view pem) {
  Anchors out;
  const auto bio = reader(pem);
  for (;;) {
    // "TRUSTED CERTIFICATE" too, as RHEL has them.
    const std::unique_ptr<X509, void (*)(X509*)> x509(PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr),
                                                      X509_free);
    if (x509) {
      if (X509_STORE_add_cert(out.store_.get(), x509.get()) == 1) out.size_++;
      continue;
    }
    const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (at_end || BIO_eof(bio.get())) break;
  }
  if (out.size_ == 0) return Error("found no certificate, expected PEM", EINVAL);
  return out;
}

Verdict Anchors::verify(const std::vector<Certificate>& chain) const {
  if (chain.empty()) return {Fault::kOther, "no certificate"};
  const std::unique_ptr<STACK_OF(X509), FreeStack> others(sk_X509_new_null());
  const std::unique_ptr<X509_STORE_CTX, FreeContext> context(X509_STORE_CTX_new());
  if (!others || !context) fatal("no memory to verify a certificate");
  for (size_t i = 1; i < chain.size(); i++) sk_X509_push(others.get(), chain[i].get());
  if (X509_STORE_CTX_init(context.get(), store_.get(), chain[0].get(), others.get()) != 1)
    return {Fault::kOther, "cannot be verified"};
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
  X509_VERIFY_PARAM_set_auth_level(param, kAuthLevel);
  X509_STORE_CTX_set_purpose(context.get(), X509_PURPOSE_SSL_SERVER);
  const bool is_good = X509_verify_cert(context.get()) == 1;
  const int code = X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  if (is_good) return {};
  return {code == X509_V_OK ? Fault::kOther : fault_of(code), X509_verify_cert_error_string(code)};
}

}  // namespace mailkeep::crypto
