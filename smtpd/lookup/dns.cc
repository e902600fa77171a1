// The resolver's settings: see dns.h.
// SPDX-License-Identifier: ISC
#include "smtpd/lookup/dns.h"

#include <unistd.h>

#include "lib/base/text.h"

namespace mailkeep::lookup {
namespace {

// At most kMaxSystemFile of the file, which is cut at a line's end; "" where there is none.
Result<std::string> read_text(const Fd& fd, const char* what) {
  std::string out;
  char buffer[16 * 1024];
  while (fd && out.size() < kMaxSystemFile) {
    const ssize_t n = ::pread(fd.get(), buffer, sizeof buffer, static_cast<off_t>(out.size()));
    if (n < 0) return errno_error(std::string("read ") + what);
    if (n == 0) return out;
    out.append(buffer, static_cast<size_t>(n));
  }
  out.resize(out.rfind('\n') == out.npos ? 0 : out.rfind('\n') + 1);
  return out;
}

}  // namespace

Result<DnsSettings> read_dns(const Dns& m, const std::string& hostname) {
  DnsSettings out;
  const auto resolv_conf = read_text(m.resolv_conf, "resolv.conf");
  if (!resolv_conf) return resolv_conf.error();
  const auto hosts = read_text(m.hosts, "hosts");
  if (!hosts) return hosts.error();
  const auto anchors = read_text(m.anchors, "the trust anchors");
  if (!anchors) return anchors.error();
  auto& engine = out.resolver.engine;
  for (const auto& r : m.resolvers) engine.servers.push_back({r.address, r.port});
  if (engine.servers.empty()) engine.servers = dns::read_resolv_conf(*resolv_conf);
  engine.trust_anchors = m.anchors ? *anchors : std::string(dns::kRootAnchors);
  engine.insecure_domains = m.insecure_domains;
  out.resolver.hosts = *hosts;
  out.resolver.validation = m.validation == "on"    ? dns::Validation::kOn
                            : m.validation == "off" ? dns::Validation::kOff
                                                    : dns::Validation::kAuto;
  const auto family = parse_family(m.address_family);
  if (!family)
    return Error("address-family: found '" + printable(m.address_family) + "', expected " + std::string(kFamilyNames));
  out.finder = {hostname, m.own, *family};
  return out;
}

}  // namespace mailkeep::lookup
