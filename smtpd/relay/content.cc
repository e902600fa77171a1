// A message on its way out: see content.h.
// SPDX-License-Identifier: ISC
#include "smtpd/relay/content.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

namespace mailkeep::relay {

namespace {

mailkeep::Result<size_t> read_at(int fd, char* into, size_t size, uint64_t offset) {
  for (;;) {
    const ssize_t n = ::pread(fd, into, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("read message");
    if (n == 0) return Error("the message is shorter than it was", ENODATA);
    return static_cast<size_t>(n);
  }
}

bool has_high_bytes(std::string_view text) {
  constexpr uint64_t kHigh = 0x8080808080808080;
  uint64_t found = 0;
  size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, text.data() + i, sizeof word);
    found |= word;
  }
  for (; i < text.size(); ++i) found |= static_cast<uint8_t>(text[i]);
  return (found & kHigh) != 0;
}

// Whether each LF follows a CR and each CR precedes an LF; `before` is the byte before the text.
bool has_bad_line(std::string_view text, char before) {
  if (before == '\r' && text[0] != '\n') return true;
  for (size_t lf = text.find('\n'); lf != text.npos; lf = text.find('\n', lf + 1)) {
    if ((lf == 0 ? before : text[lf - 1]) != '\r') return true;
  }
  for (size_t cr = text.find('\r'); cr != text.npos && cr + 1 < text.size(); cr = text.find('\r', cr + 1)) {
    if (text[cr + 1] != '\n') return true;
  }
  return false;
}

}  // namespace

mailkeep::Result<Survey> survey(int fd, uint64_t size) {
  struct stat st = {};
  if (::fstat(fd, &st) != 0) return errno_error("stat message");
  if (!S_ISREG(st.st_mode) || static_cast<uint64_t>(st.st_size) < size)
    return Error("the message is no file of its size", EINVAL);
  Survey out;
  std::string slice(std::min<uint64_t>(size, kSlice), '\0');
  char last = '\0';
  for (uint64_t at = 0; at < size;) {
    const auto n = read_at(fd, slice.data(), std::min<uint64_t>(slice.size(), size - at), at);
    if (!n) return n.error();
    const std::string_view text(slice.data(), *n);
    const bool is_high = has_high_bytes(text);
    out.eight_bit = out.eight_bit || is_high;
    if (at == 0 && is_high) out.eight_bit_header = has_high_bytes(text.substr(0, text.find("\r\n\r\n")));
    out.bad_lines = out.bad_lines || has_bad_line(text, last) || text.find('\0') != text.npos;
    last = text.back();
    at += *n;
  }
  out.bad_lines = out.bad_lines || last == '\r';
  out.ends_line = size == 0 || last == '\n';
  return out;
}

mailkeep::Result<mime::SevenBit::Plan> plan_seven_bit(int fd, uint64_t size) {
  mime::SevenBit first;
  std::string nothing;
  std::string slice(std::min<uint64_t>(size, kSlice), '\0');
  for (uint64_t at = 0; at < size;) {
    const auto n = read_at(fd, slice.data(), std::min<uint64_t>(slice.size(), size - at), at);
    if (!n) return n.error();
    first.feed(std::string_view(slice.data(), *n), nothing);
    at += *n;
  }
  first.finish(nothing);
  return first.plan();
}

Status Content::append_to(std::string& out) {
  out += std::exchange(head_, {});
  if (at_ < size_) {
    std::string slice(std::min<uint64_t>(size_ - at_, kSlice), '\0');
    const auto n = read_at(fd_, slice.data(), slice.size(), at_);
    if (!n) return n.error();
    at_ += *n;
    slice.resize(*n);
    if (converter_) {
      std::string converted;
      converter_->feed(slice, converted);
      if (at_ == size_) converter_->finish(converted);
      slice = std::move(converted);
    }
    if (is_chunk_) {
      out += slice;
      line_start_ = slice.back() == '\n';
    } else if (!slice.empty()) {
      stuff(slice, out);
    }
  }
  if (at_ < size_) return {};
  if (!line_start_) out += "\r\n";
  if (!is_chunk_) out += ".\r\n";
  over_ = true;
  return {};
}

void Content::stuff(std::string_view slice, std::string& out) {
  out.reserve(out.size() + slice.size() + slice.size() / 64 + 8);
  if (line_start_ && slice[0] == '.') out += '.';
  for (size_t at = 0;;) {
    const size_t dot = slice.find("\n.", at);
    if (dot == slice.npos) {
      out += slice.substr(at);
      break;
    }
    out.append(slice.substr(at, dot + 1 - at)).append("..");
    at = dot + 2;
  }
  line_start_ = slice.back() == '\n';
}

}  // namespace mailkeep::relay
