// The PROXY protocol: see proxy_header.h.
// SPDX-License-Identifier: ISC
#include "lib/receive/proxy_header.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "lib/base/text.h"

namespace mailkeep::receive {
namespace {

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::string_view kV1("PROXY ");
constexpr size_t kShortestV1 = 15;  // "PROXY UNKNOWN" CRLF
constexpr size_t kHeadV2 = 16;

size_t byte_at(std::string_view text, size_t at) { return static_cast<unsigned char>(text[at]); }
size_t word_at(std::string_view text, size_t at) { return byte_at(text, at) << 8 | byte_at(text, at + 1); }

ProxyHeader want(size_t bytes) {
  ProxyHeader out;
  out.wanted = bytes;
  return out;
}

// The address as inet_ntop writes it, and only if it is one of that family.
Result<std::string> numeric(int family, std::string_view text) {
  unsigned char bytes[16];
  char out[INET6_ADDRSTRLEN] = "";
  if (text.find('\0') != std::string_view::npos || inet_pton(family, std::string(text).c_str(), bytes) != 1 ||
      inet_ntop(family, bytes, out, sizeof out) == nullptr) {
    return Error("bad address in a PROXY header");
  }
  return std::string(out);
}

Result<ProxyHeader> parse_v1(std::string_view line) {
  const auto words = split(line.substr(0, line.size() - 2), ' ');
  ProxyHeader out;
  if (words.size() >= 2 && words[1] == "UNKNOWN") {
    out.is_local = true;
    return out;
  }
  if (words.size() != 6 || (words[1] != "TCP4" && words[1] != "TCP6")) return Error("bad PROXY line");
  const int family = words[1] == "TCP4" ? AF_INET : AF_INET6;
  auto source = numeric(family, words[2]);
  if (!source) return source.error();
  if (auto destination = numeric(family, words[3]); !destination) return destination.error();
  const auto is_port = [](std::string_view w) { return parse_u64(w, 65535).has_value() && (w == "0" || w[0] != '0'); };
  if (!is_port(words[4]) || !is_port(words[5])) return Error("bad port in a PROXY header");
  out.source = std::move(*source);
  out.source_port = static_cast<uint16_t>(*parse_u64(words[4], 65535));
  return out;
}

// pp2_tlv: type (1), length (2), value
bool are_tlvs(std::string_view text) {
  while (!text.empty()) {
    if (text.size() < 3 || word_at(text, 1) > text.size() - 3) return false;
    text.remove_prefix(3 + word_at(text, 1));
  }
  return true;
}

Result<ProxyHeader> parse_v2(std::string_view all) {
  const size_t version = byte_at(all, 12) >> 4, command = byte_at(all, 12) & 15, family = byte_at(all, 13);
  if (version != 2 || command > 1) return Error("bad version or command in a PROXY header");
  std::string_view rest = all.substr(kHeadV2);
  ProxyHeader out;
  if (command == 0 || family == 0) {  // LOCAL, or UNSPEC: what follows is skipped
    out.is_local = true;
    return out;
  }
  constexpr size_t kTcp4 = 0x11, kTcp6 = 0x21;
  if (family != kTcp4 && family != kTcp6) return Error("a PROXY header for another protocol than TCP");
  const size_t size = family == kTcp4 ? 4 : 16;
  if (rest.size() < 2 * size + 4 || !are_tlvs(rest.substr(2 * size + 4))) return Error("bad length in a PROXY header");
  char text[INET6_ADDRSTRLEN] = "";
  if (inet_ntop(family == kTcp4 ? AF_INET : AF_INET6, rest.data(), text, sizeof text) == nullptr)
    return Error("bad address in a PROXY header");
  out.source = text;
  out.source_port = static_cast<uint16_t>(word_at(rest, 2 * size));
  return out;
}

}  // namespace

Result<ProxyHeader> parse_proxy_header(std::string_view have) {
  const std::string_view start = have.substr(0, kSignature.size());
  if (kSignature.starts_with(start)) {
    if (have.size() < kHeadV2)
      return want(std::min(kShortestV1, kHeadV2) > have.size() ? kShortestV1 - have.size() : kHeadV2 - have.size());
    const size_t whole = kHeadV2 + word_at(have, 14);
    if (whole > kMaxProxyV2) return Error("PROXY header too long");
    if (have.size() < whole) return want(whole - have.size());
    return have.size() == whole ? parse_v2(have) : Error("bytes behind the PROXY header");
  }
  if (!kV1.starts_with(have.substr(0, kV1.size()))) return Error("no PROXY header");
  if (have.size() > kMaxProxyV1) return Error("PROXY line too long");
  const size_t lf = have.find('\n');
  if (lf != std::string_view::npos) {
    if (lf + 1 != have.size() || lf == 0 || have[lf - 1] != '\r') return Error("bad PROXY line");
    return parse_v1(have);
  }
  if (have.size() == kMaxProxyV1) return Error("PROXY line too long");
  return want(have.size() < kShortestV1 ? kShortestV1 - have.size() : 1);
}

}  // namespace mailkeep::receive
