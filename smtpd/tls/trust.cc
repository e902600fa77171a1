// The client's side of TLS: see trust.h.
// SPDX-License-Identifier: ISC
#include "smtpd/tls/trust.h"

#include <sys/stat.h>

#include "lib/log/log.h"

namespace mailkeep::tls {

void FreeTlsConfig::operator()(::tls_config* c) const { ::tls_config_free(c); }

namespace {

Result<std::string> read_bundle(int fd, const std::string& path) {
  struct stat st = {};
  if (::fstat(fd, &st) != 0) return errno_error("stat " + path);
  if (st.st_size <= 0 || static_cast<size_t>(st.st_size) > kMaxAuthorities) {
    return Error(path + ": expected certificates of at most " + std::to_string(kMaxAuthorities) + " bytes", EINVAL);
  }
  std::string out(static_cast<size_t>(st.st_size), '\0');
  for (size_t have = 0; have < out.size();) {
    const ssize_t n = ::pread(fd, out.data() + have, out.size() - have, static_cast<off_t>(have));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return errno_error("read " + path);
    have += static_cast<size_t>(n);
  }
  if (out.find("-----BEGIN CERTIFICATE-----") == out.npos &&
      out.find("-----BEGIN TRUSTED CERTIFICATE-----") == out.npos) {
    return Error(path + ": found no certificate, expected PEM", EINVAL);
  }
  return out;
}

}  // namespace

Status Trust::set(Fd bundle, std::string path) {
  bundle_ = std::move(bundle);
  path_ = std::move(path);
  if (!bundle_) return {};
  const auto text = read_bundle(bundle_.get(), path_);
  return text ? Status() : Status(text.error());
}

Result<Trust::Config> Trust::make(bool strict) const {
  Config config(::tls_config_new());
  if (!config) return Error("no memory for a TLS configuration");
  if (::tls_config_set_protocols(config.get(), TLS_PROTOCOL_TLSv1_2 | TLS_PROTOCOL_TLSv1_3) != 0) {
    return Error(::tls_config_error(config.get()));
  }
  ::tls_config_insecure_noverifycert(config.get());
  ::tls_config_insecure_noverifyname(config.get());
  ::tls_config_insecure_noverifytime(config.get());
  // Any encryption is better than the plaintext that would be the other choice.
  if (!strict && ::tls_config_set_ciphers(config.get(), "compat") != 0) return Error(::tls_config_error(config.get()));
  return config;
}

Result<TlsHandle> Trust::client(bool strict) {
  Config& config = strict ? strict_ : lax_;
  if (!config) {
    auto made = make(strict);
    if (!made) return made.error();
    config = std::move(*made);
  }
  TlsHandle out(::tls_client());
  if (!out) return Error("no memory for a TLS context");
  if (::tls_configure(out.get(), config.get()) != 0) return Error(::tls_error(out.get()));
  return out;
}

const crypto::Anchors* Trust::anchors() {
  if (!is_read_ && bundle_) {
    is_read_ = true;
    const auto text = read_bundle(bundle_.get(), path_);
    auto read = text ? crypto::Anchors::from_pem(*text) : Result<crypto::Anchors>(text.error());
    if (read) {
      anchors_.emplace(std::move(*read));
      log::info("tls-authorities").kv("path", path_).kv("certificates", anchors_->size());
    } else {
      log::error("tls-authorities").kv("path", path_).kv("text", read.error().text);
    }
  }
  return anchors_ ? &*anchors_ : nullptr;
}

}  // namespace mailkeep::tls
