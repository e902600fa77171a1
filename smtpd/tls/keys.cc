// Key pairs and contexts: see keys.h.
// SPDX-License-Identifier: ISC
#include "smtpd/tls/keys.h"

#include <string.h>

namespace mailkeep::tls {

namespace {

struct FreeConfig {
  void operator()(::tls_config* c) const {
    ::tls_config_clear_keys(c);
    ::tls_config_free(c);
  }
};
using Config = std::unique_ptr<::tls_config, FreeConfig>;

Result<std::string> read_all(const Fd& fd) {
  std::string out(kMaxPem + 1, '\0');
  size_t have = 0;
  while (have < out.size()) {
    const ssize_t n = ::pread(fd.get(), out.data() + have, out.size() - have, static_cast<off_t>(have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("read");
    if (n == 0) break;
    have += static_cast<size_t>(n);
  }
  if (have == 0) return Error("the file is empty");
  if (have > kMaxPem) return Error("the file is over " + std::to_string(kMaxPem) + " bytes");
  // No copy of a key stays behind: the text moves into memory of its size, then this buffer is overwritten.
  std::string text(out, 0, have);
  explicit_bzero(out.data(), out.size());
  return text;
}

const uint8_t* bytes(const std::string& s) { return reinterpret_cast<const uint8_t*>(s.data()); }

// libtls says "failed to load private key" also of a sound key that belongs to another certificate.
std::string reason(const char* text) {
  std::string out = text == nullptr ? "unknown error" : text;
  if (out.find("private key") != std::string::npos)
    out += ": expected an unencrypted PEM key that belongs to the certificate";
  return out;
}

// The first is the default.
Result<Context> make_context(const std::vector<const Pem*>& pairs) {
  const Config config(::tls_config_new());
  TlsHandle server(::tls_server());
  if (!config || !server) return Error("no memory for a TLS context");
  if (::tls_config_set_protocols(config.get(), TLS_PROTOCOL_TLSv1_2 | TLS_PROTOCOL_TLSv1_3) != 0) {
    return Error(reason(::tls_config_error(config.get())));
  }
  ::tls_config_prefer_ciphers_server(config.get());
  bool first = true;
  for (const Pem* p : pairs) {
    const auto set = first ? ::tls_config_set_keypair_mem : ::tls_config_add_keypair_mem;
    if (set(config.get(), bytes(p->cert), p->cert.size(), bytes(p->key), p->key.size()) != 0) {
      return Error("pki " + p->name + ": " + reason(::tls_config_error(config.get())));
    }
    first = false;
  }
  if (::tls_configure(server.get(), config.get()) != 0) {
    return Error("pki " + pairs.front()->name + ": " + reason(::tls_error(server.get())));
  }
  return Context(server.release(), FreeTls());
}

}  // namespace

Pem::~Pem() { explicit_bzero(key.data(), key.size()); }

Result<Pem> read_pem(const std::string& name, const Fd& cert, const Fd& key) {
  auto c = read_all(cert);
  if (!c) return Error("pki " + name + " cert: " + c.error().text);
  auto k = read_all(key);
  if (!k) return Error("pki " + name + " key: " + k.error().text);
  Pem out;
  out.name = name;
  out.cert = std::move(*c);
  out.key = std::move(*k);
  return out;
}

Status Keys::add(Pem pem) {
  if (single_.size() >= kMaxKeypairs) return Error("more than " + std::to_string(kMaxKeypairs) + " pki");
  if (single_.count(pem.name) != 0) return Error("pki " + pem.name + ": given twice");
  auto context = make_context({&pem});
  if (!context) return context.error();
  single_[pem.name] = std::move(*context);
  pem_.emplace(pem.name, std::move(pem));
  return {};
}

void Keys::complete() {
  if (pem_.size() < 2) pem_.clear();  // no choice among several is ever asked for
}

Result<Context> Keys::context(const std::vector<std::string>& names) {
  if (names.empty()) return Error("no pki named");
  for (const auto& name : names) {
    if (single_.count(name) == 0) return Error("pki " + name + ": not there");
  }
  if (names.size() == 1) return single_.find(names.front())->second;
  std::string joined;
  for (const auto& name : names) joined += name + '\0';
  if (const auto it = several_.find(joined); it != several_.end()) return it->second;
  if (several_.size() >= kMaxContexts)
    several_.clear();  // connections keep theirs; nobody's odd choices keep others out
  std::vector<const Pem*> pairs;
  for (const auto& name : names) {
    const auto it = pem_.find(name);
    if (it == pem_.end()) return single_.find(names.front())->second;  // one key pair, named twice
    pairs.push_back(&it->second);
  }
  auto context = make_context(pairs);
  if (context) several_[joined] = *context;
  return context;
}

}  // namespace mailkeep::tls
