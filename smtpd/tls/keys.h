// Key pairs of one configuration generation, and the libtls contexts made of them.
//
// Run by tls; the files come from root, opened. A context outlives its generation for as long as a connection uses it:
// freeing it while a handshake runs would crash in libtls.
// SPDX-License-Identifier: ISC
#pragma once

#include <tls.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/fd.h"
#include "lib/base/result.h"

namespace mailkeep::tls {

constexpr size_t kMaxPem = 256 * 1024;  // a chain or a key; Let's Encrypt's chain is 5 KiB
constexpr size_t kMaxKeypairs = 1000;   // in one configuration
constexpr size_t kMaxContexts = 64;     // of several key pairs, kept ready

struct Pem {
  std::string name;
  std::string cert;
  std::string key;
  Pem() = default;
  Pem(Pem&&) = default;
  Pem(const Pem&) = delete;
  Pem& operator=(Pem&&) = delete;
  Pem& operator=(const Pem&) = delete;
  ~Pem();  // overwrites the key
};

// Reads both files from their start. An error names the pki.
Result<Pem> read_pem(const std::string& name, const Fd& cert, const Fd& key);

struct FreeTls {
  void operator()(::tls* t) const { ::tls_free(t); }
};
using TlsHandle = std::unique_ptr<::tls, FreeTls>;

// A server's context: immutable once made, shared by the connections that came in with it.
using Context = std::shared_ptr<::tls>;

class Keys {
 public:
  // Checks that the pair fits together and can serve; an error names the pki and says what is wrong.
  Status add(Pem pem);
  // Key pairs are in: forgets what no later context() can need.
  void complete();
  // A context with the key pairs of these names: the first is the default, SNI chooses among all of them.
  Result<Context> context(const std::vector<std::string>& names);
  size_t size() const { return single_.size(); }

 private:
  std::map<std::string, Pem> pem_;
  std::map<std::string, Context> single_;
  std::map<std::string, Context> several_;  // by the names, joined with NUL
};

}  // namespace mailkeep::tls
