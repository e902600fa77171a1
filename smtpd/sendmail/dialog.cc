// SMTP as a client, blocking. See dialog.h.
// SPDX-License-Identifier: ISC
#include "smtpd/sendmail/dialog.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>

namespace mailkeep::sendmail {

namespace {
constexpr time_t kPatience = 600;  // seconds; RFC 5321 4.5.3.2.6: the longest, of the end of data
}  // namespace

Dialog::Dialog(Fd fd) : fd_(std::move(fd)) {
  const struct timeval limit { kPatience, 0 };
  setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

Result<Reply> Dialog::read() {
  for (;;) {
    std::string_view rest = in_;
    const auto found = reader_.read(rest);
    in_.erase(0, in_.size() - rest.size());
    if (found == smtp::ReplyReader::Found::kReply) return reader_.reply();
    if (found == smtp::ReplyReader::Found::kGarbage) return Error("the server says what is no reply");
    char buffer[4096];
    const ssize_t n = ::recv(fd_.get(), buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("the server does not answer");
    if (n == 0) return Error("the server closed the connection");
    in_.append(buffer, static_cast<size_t>(n));
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
