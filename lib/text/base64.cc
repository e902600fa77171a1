// Base64: see the header. One table; -1 is a byte outside the alphabet.
// SPDX-License-Identifier: ISC
#include "lib/text/base64.h"

#include <array>
#include <cstdint>

namespace mailkeep::text {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<int8_t, 256> make_values() {
  std::array<int8_t, 256> values{};
  for (auto& v : values) v = -1;
  for (size_t i = 0; i < kAlphabet.size(); ++i) values[static_cast<uint8_t>(kAlphabet[i])] = static_cast<int8_t>(i);
  return values;
}
constexpr std::array<int8_t, 256> kValues = make_values();

int value_of(char c) { return kValues[static_cast<uint8_t>(c)]; }
char digit(uint32_t bits) { return kAlphabet[bits & 63]; }
char byte(uint32_t bits) { return static_cast<char>(bits & 255); }

}  // namespace

std::string base64_encode(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t left = bytes.size() - i;
    uint32_t group = uint32_t{static_cast<uint8_t>(bytes[i])} << 16;
    if (left > 1) group |= uint32_t{static_cast<uint8_t>(bytes[i + 1])} << 8;
    if (left > 2) group |= static_cast<uint8_t>(bytes[i + 2]);
    out += digit(group >> 18);
    out += digit(group >> 12);
    out += left > 1 ? digit(group >> 6) : '=';
    out += left > 2 ? digit(group) : '=';
  }
  return out;
}

Result<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return Error("base64: length is not a multiple of four");
  size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  uint32_t bits = 0;
  int held = 0;
  for (const char c : text.substr(0, text.size() - padding)) {
    const int value = value_of(c);
    if (value < 0) return Error("base64: byte outside the alphabet");
    bits = (bits << 6) | static_cast<uint32_t>(value);
    held += 6;
    if (held >= 8) {
      held -= 8;
      out += byte(bits >> held);
    }
  }
  if ((bits & ((1U << held) - 1)) != 0) return Error("base64: unused bits are not zero");
  return out;
}

std::string base64_decode_body(std::string_view text, size_t max) {
  std::string out;
  out.reserve(std::min(text.size() / 4 * 3 + 3, max));
  uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    if (c == '=' || out.size() >= max) break;
    const int value = value_of(c);
    if (value < 0) continue;
    bits = (bits << 6) | static_cast<uint32_t>(value);
    held += 6;
    if (held >= 8) {
      held -= 8;
      out += byte(bits >> held);
    }
  }
  return out;
}

}  // namespace mailkeep::text
