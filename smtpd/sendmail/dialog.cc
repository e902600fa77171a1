// SMTP as a client, blocking. See dialog.h.
// SPDX-License-Identifier: ISC
#include "smtpd/sendmail/dialog.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>

#include "lib/base/text.h"

namespace mailkeep::sendmail {

namespace {
constexpr time_t kPatience = 600;  // seconds; RFC 5321 4.5.3.2.6: the longest, of the end of data
constexpr size_t kMaxReplyLine = 2048;
constexpr size_t kMaxLines = 100;

bool is_enhanced(std::string_view word) {
  return word.size() >= 5 && word[0] >= '2' && word[0] <= '5' && word[1] == '.' &&
         std::all_of(word.begin(), word.end(), [](char c) { return c == '.' || is_digit(c); });
}
}  // namespace

std::string Reply::text() const {
  std::string out;
  for (const auto& line : lines) out += (out.empty() ? "" : " ") + line;
  return out;
}

std::string Reply::enhanced() const {
  if (lines.empty()) return {};
  const std::string word = lines.back().substr(0, lines.back().find(' '));
  return is_enhanced(word) ? word : "";
}

Dialog::Dialog(Fd fd) : fd_(std::move(fd)) {
  const struct timeval limit { kPatience, 0 };
  setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

Result<std::string> Dialog::read_line() {
  for (;;) {
    const size_t end = in_.find("\r\n");
    if (end != std::string::npos) {
      std::string line = in_.substr(0, end);
      in_.erase(0, end + 2);
      return line;
    }
    if (in_.size() > kMaxReplyLine) return Error("the server says a line without an end");
    char buffer[4096];
    const ssize_t n = ::recv(fd_.get(), buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("the server does not answer");
    if (n == 0) return Error("the server closed the connection");
    in_.append(buffer, static_cast<size_t>(n));
  }
}

Result<Reply> Dialog::read() {
  Reply out;
  for (;;) {
    auto line = read_line();
    if (!line) return line.error();
    const uint64_t code = parse_u64(line->substr(0, 3), 599).value_or(0);
    const bool is_last = line->size() == 3 || (line->size() > 3 && (*line)[3] == ' ');
    if (line->size() < 3 || code < 200 || (!is_last && (*line)[3] != '-') || out.lines.size() == kMaxLines)
      return Error("the server says what is no reply");
    out.code = static_cast<int>(code);
    out.lines.push_back(line->size() > 4 ? line->substr(4) : "");
    if (is_last) return out;
  }
}

Status Dialog::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("the server does not listen");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

Result<Reply> Dialog::ask(const std::string& command) {
  // A server that ends the session has said why before.
  if (auto written = write(command + "\r\n"); !written && in_.empty()) return written.error();
  return read();
}

Result<Reply> Dialog::send_content(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t end = text.find("\r\n") + 2;
    if (text[0] == '.') out += '.';
    out.append(text.substr(0, end));
    text.remove_prefix(end);
    if (out.size() < 256 * 1024) continue;
    if (auto written = write(out); !written) return written.error();
    out.clear();
  }
  out += ".\r\n";
  if (auto written = write(out); !written) return written.error();
  return read();
}

}  // namespace mailkeep::sendmail
