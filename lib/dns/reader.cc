// Reads a DNS message: see reader.h.
//
//   message  = header question answer *(what follows is not read)
//   header   = id(2) flags(2) qdcount(2) ancount(2) nscount(2) arcount(2)
//   question = name type(2) class(2)
//   record   = name type(2) class(2) ttl(4) rdlength(2) rdata
//   name     = *( length label ) ( 0 / pointer(2) )      a pointer goes backwards only, so it ends
// SPDX-License-Identifier: ISC
#include "lib/dns/reader.h"

#include <arpa/inet.h>

#include <optional>

#include "lib/base/text.h"

namespace mailkeep::dns {
namespace {

constexpr size_t kHeader = 12;
constexpr size_t kMaxName = 255;   // RFC 1035 2.3.4, on the wire
constexpr uint16_t kInternet = 1;  // class IN
constexpr unsigned kNoError = 0, kNxDomain = 3;

class Reader {
 public:
  explicit Reader(std::string_view message) : all_(message) {}

  bool good() const { return good_; }
  size_t at() const { return at_; }
  void seek(size_t at) { at_ = at; }
  bool fail() { return good_ = false; }

  uint8_t u8() {
    if (at_ >= all_.size()) return fail(), uint8_t{0};
    return static_cast<uint8_t>(all_[at_++]);
  }
  uint16_t u16() {
    const unsigned high = u8();
    return static_cast<uint16_t>(high << 8 | u8());
  }
  std::string_view bytes(size_t n) {
    if (!good_ || n > all_.size() - at_) return fail(), std::string_view();
    at_ += n;
    return all_.substr(at_ - n, n);
  }
  std::string name();

 private:
  void label(std::string& out, std::string_view text);
  std::string_view all_;
  size_t at_ = 0;
  bool good_ = true;
};

void Reader::label(std::string& out, std::string_view text) {
  if (!out.empty()) out += '.';
  for (const char c : text) {
    if (is_alnum(c) || c == '-' || c == '_') {
      out += to_lower(c);
    } else {
      const auto u = static_cast<unsigned char>(c);
      out += {'\\', static_cast<char>('0' + u / 100), static_cast<char>('0' + u / 10 % 10),
              static_cast<char>('0' + u % 10)};
    }
  }
}

std::string Reader::name() {
  std::string out;
  std::optional<size_t> back;  // where reading goes on after the first pointer
  size_t limit = at_;          // the next pointer must go before this
  size_t wire = 1;
  for (;;) {
    const uint8_t length = u8();
    if (!good_) return {};
    if (length == 0) break;
    if (length >= 0xc0) {
      const size_t target = static_cast<size_t>(length & 0x3f) << 8 | u8();
      if (!good_ || target >= limit) return fail(), std::string();
      if (!back) back = at_;
      limit = at_ = target;
      continue;
    }
    wire += length + 1U;
    if (length > 63 || wire > kMaxName) return fail(), std::string();
    label(out, bytes(length));
  }
  if (back) at_ = *back;
  return good_ ? out : std::string();
}

std::string address_text(int family, std::string_view rdata) {
  char text[INET6_ADDRSTRLEN] = "";
  return inet_ntop(family, rdata.data(), text, sizeof text) != nullptr ? text : "";
}

void read_txt(std::string_view rdata, Answer& out, size_t& budget) {
  std::string text;
  while (!rdata.empty()) {
    const auto n = static_cast<uint8_t>(rdata[0]);
    if (n >= rdata.size()) return;
    text += rdata.substr(1, n);
    rdata.remove_prefix(n + 1U);
  }
  if (text.size() > budget) return;
  budget -= text.size();
  out.texts.push_back(std::move(text));
}

// One record of the asked type at the canonical name; what is malformed in itself is left out. The reader stands at
// rdata.
void read_record(Reader& r, Type type, uint16_t rdlength, Answer& out, size_t& text_budget) {
  switch (type) {
    case Type::kA:
    case Type::kAaaa: {
      const auto rdata = r.bytes(rdlength);
      if (type == Type::kA && rdata.size() == 4) out.addresses.push_back(address_text(AF_INET, rdata));
      if (type == Type::kAaaa && rdata.size() == 16) out.addresses.push_back(address_text(AF_INET6, rdata));
      return;
    }
    case Type::kMx: {
      Mx mx;
      mx.preference = r.u16();
      mx.host = r.name();
      if (r.good()) out.mx.push_back(std::move(mx));
      return;
    }
    case Type::kPtr: {
      std::string name = r.name();
      if (r.good()) out.names.push_back(std::move(name));
      return;
    }
    case Type::kTlsa: {
      const auto rdata = r.bytes(rdlength);
      if (rdata.size() <= 3 || rdata.size() > 3 + kMaxTlsaData) return;
      out.tlsa.push_back({static_cast<uint8_t>(rdata[0]), static_cast<uint8_t>(rdata[1]),
                          static_cast<uint8_t>(rdata[2]), std::string(rdata.substr(3))});
      return;
    }
    case Type::kTxt: read_txt(r.bytes(rdlength), out, text_budget); return;
    case Type::kCname:
    case Type::kSoa: return;  // that it is there is all that is asked
  }
}

}  // namespace

Result<Answer> read_answer(std::string_view message, Type type) {
  const Error bad("the DNS message is malformed");
  Reader r(message);
  r.u16();
  const unsigned code = r.u16() & 0x0fU;
  const uint16_t questions = r.u16();
  const uint16_t answers = r.u16();
  r.seek(kHeader);
  if (!r.good() || message.size() < kHeader || questions != 1 || answers > kMaxAnswerRecords) return bad;
  Answer out;
  out.canonical = r.name();
  r.u16();
  r.u16();
  if (!r.good()) return bad;
  if (code != kNoError && code != kNxDomain) return Error("the DNS server answered with code " + std::to_string(code));

  size_t kept = 0, aliases = 0, text_budget = kMaxTextBytes;
  for (uint16_t i = 0; i < answers; i++) {
    const std::string owner = r.name();
    const uint16_t record_type = r.u16();
    const uint16_t record_class = r.u16();
    r.bytes(4);
    const uint16_t rdlength = r.u16();
    const size_t end = r.at() + rdlength;
    if (!r.good() || end > message.size()) return bad;
    if (record_class == kInternet && owner == out.canonical) {
      if (record_type == static_cast<uint16_t>(type)) {
        if (kept++ < kMaxRecords) read_record(r, type, rdlength, out, text_budget);
      } else if (record_type == static_cast<uint16_t>(Type::kCname)) {
        if (++aliases > kMaxAliases) return Error("too many aliases in a row");
        out.canonical = r.name();
        out.is_alias = true;
      }
    }
    if (!r.good() || r.at() > end) return bad;
    r.seek(end);
  }
  out.state = kept != 0 ? State::kData : code == kNxDomain ? State::kNoDomain : State::kNoData;
  return out;
}

}  // namespace mailkeep::dns
