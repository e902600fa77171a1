// Certificates of another server (RFC 5280): read, compared by their bytes, and verified up to who is trusted. By
// libcrypto; touches no file and no network, and trusts nothing of what it reads.
// SPDX-License-Identifier: ISC
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

struct x509_st;
struct x509_store_st;

namespace mailkeep::crypto {

constexpr size_t kMaxChain = 20;               // certificates a server sends
constexpr size_t kMaxChainBytes = 256 * 1024;  // of them in PEM

class Certificate {
 public:
  static Result<Certificate> from_der(std::string_view der);
  const std::string& der() const { return der_; }
  std::string public_key() const;  // SubjectPublicKeyInfo in DER; empty: none that can be read
  bool is_self_issued() const;
  ::x509_st* get() const { return x509_.get(); }

 private:
  friend Result<std::vector<Certificate>> read_chain(std::string_view pem);
  struct Free {
    void operator()(::x509_st* x) const;
  };
  explicit Certificate(::x509_st* x509);
  std::unique_ptr<::x509_st, Free> x509_;
  std::string der_;
};

// The server's own certificate first. EINVAL: none, too many, or one that cannot be read.
Result<std::vector<Certificate>> read_chain(std::string_view pem);

// What is wrong with a chain.
enum class Fault : uint8_t { kNone, kExpired, kUntrusted, kOther };
struct Verdict {
  Fault fault = Fault::kNone;
  std::string text;  // in libcrypto's words
};

// Those whose word is trusted.
class Anchors {
 public:
  // A file of certificates, as ca-certificates makes it. What is no certificate between them is skipped; EINVAL: none
  // is left.
  static Result<Anchors> from_pem(std::string_view pem);
  static Anchors of(const Certificate& one);
  // Whether chain[0] is a TLS server's certificate, in its time, that leads to one of them through the others of the
  // chain. An anchor need not be self-signed.
  Verdict verify(const std::vector<Certificate>& chain) const;
  size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(::x509_store_st* s) const;
  };
  Anchors();
  std::unique_ptr<::x509_store_st, Free> store_;
  size_t size_ = 0;
};

}  // namespace mailkeep::crypto
