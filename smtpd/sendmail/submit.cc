// -bm and -bs: a message, or a whole session, to smtpd's local socket.
//
//   standard input whole → connect → greeting (who we are has been found out by then) → EHLO: our address → MAIL RCPT DATA
// Input comes first: whoever types slowly does not hold a session, and a program that writes to us is never cut off.
// SPDX-License-Identifier: ISC
#include <poll.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "lib/base/text.h"
#include "lib/conf/sockets.h"
#include "lib/smtp/params.h"
#include "lib/text/utf8.h"
#include "smtpd/sendmail/dialog.h"
#include "smtpd/sendmail/letter.h"
#include "smtpd/sendmail/sendmail.h"

namespace mailkeep::sendmail {

namespace {

constexpr size_t kMaxInput = size_t{2} * 1024 * 1024 * 1024 - 1;  // message-size's own limit

Result<std::string> read_input() {
  std::string out;
  char buffer[65536];
  for (;;) {
    const ssize_t n = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("standard input");
    if (n == 0) return out;
    if (out.size() + static_cast<size_t>(n) > kMaxInput) return Error("the message is too large", EFBIG);
    out.append(buffer, static_cast<size_t>(n));
  }
}

// Typed at a terminal, it ends with a dot as well; nobody wants to say end-of-file twice.
Result<std::string> read_typed() {
  std::string out;
  char buffer[4096];
  while (fgets(buffer, sizeof buffer, stdin) != nullptr) {
    out += buffer;
    if (out == ".\n" || (out.size() > 2 && out.compare(out.size() - 3, 3, "\n.\n") == 0)) break;
  }
  return out;
}

// The first part of gecos, "&" standing for the name (passwd(5), finger's way).
std::string full_name_of_caller() {
  const struct passwd* pw = getpwuid(getuid());
  if (pw == nullptr || pw->pw_gecos == nullptr) return {};
  const std::string gecos(pw->pw_gecos, strcspn(pw->pw_gecos, ","));
  std::string out;
  for (const char c : gecos) {
    if (c != '&') {
      if (static_cast<unsigned char>(c) >= ' ' && c != 127) out += c;
      continue;
    }
    std::string name = pw->pw_name;
    if (!name.empty()) name[0] = to_upper(name[0]);
    out += name;
  }
  return out;
}

// What EHLO said.
struct Offers {
  std::string address, origin;
  bool eight_bit = false, size = false, utf8 = false, dsn = false;
};

Offers offers_of(const Reply& reply) {
  Offers out;
  for (const auto& line : reply.lines) {
    const auto words = split(line, ' ');
    if (words[0] == "XLOCAL" && words.size() == 3) {
      out.address = words[1];
      out.origin = words[2];
    }
    if (words[0] == "8BITMIME") out.eight_bit = true;
    if (words[0] == "SIZE") out.size = true;
    if (words[0] == "SMTPUTF8") out.utf8 = true;
    if (words[0] == "DSN") out.dsn = true;
  }
  return out;
}

// What the server said behind the code: "5.1.1 no such user".
std::string words_of(const Reply& reply) { return (reply.enhanced.empty() ? "" : reply.enhanced + " ") + reply.text; }

class Submission {
 public:
  Submission(const Arguments& a, Fd socket) : a_(a), dialog_(std::move(socket)) {}

  int run(std::string_view text) {
    if (int code = greet(); code != EX_OK) return code;
    auto letter = compose(a_, text, offers_.address, offers_.origin, full_name_of_caller());
    if (!letter) return complain(a_, EX_DATAERR, letter.error().text);
    if (letter->recipients.empty())
      return complain(a_, EX_USAGE, a_.from_header ? "no recipient in To, Cc or Bcc" : "no recipient; see sendmail(8)");
    letter_ = std::move(*letter);
    int worst = EX_OK;
    while (!letter_.recipients.empty()) {
      const int code = transaction();
      if (worst == EX_OK) worst = code;
      if (stop_) break;
    }
    if (const auto bye = dialog_.ask("QUIT"); !bye && a_.is_verbose) complain(a_, EX_OK, bye.error().text);
    return worst;
  }

 private:
  int greet() {
    auto hello = dialog_.read();
    if (!hello) return lost(hello.error());
    if (hello->code != 220) return complain(a_, hello->code >= 500 ? EX_NOPERM : EX_TEMPFAIL, words_of(*hello));
    hello = dialog_.ask("EHLO localhost");
    if (!hello) return lost(hello.error());
    offers_ = offers_of(*hello);
    if (hello->code != 250 || offers_.address.empty())
      return complain(a_, EX_PROTOCOL, "this is no local socket of Mailkeep's: " + words_of(*hello));
    return EX_OK;
  }

  // Nothing of this transaction is kept: the server says 250 at the end of data only, and that was not heard. But of
  // one before it perhaps: then the caller must not try again, or all who were in that have the message twice.
  int lost(const Error& why) {
    stop_ = true;
    if (has_sent_) return the_rest_failed(why.text);
    return complain(a_, EX_TEMPFAIL, why.text + "; the message was not taken, try again later");
  }

  int the_rest_failed(const std::string& why) {
    return complain(a_, EX_UNAVAILABLE,
                    (why.empty() ? "" : why + "; ") + std::to_string(letter_.recipients.size()) +
                        " recipients did not get the message; the others did");
  }

  std::string mail_command() const {
    std::string out = "MAIL FROM:<" + letter_.sender + ">";
    if (offers_.size) out += " SIZE=" + std::to_string(letter_.text.size());
    if (offers_.eight_bit && !text::is_ascii(letter_.text)) out += " BODY=8BITMIME";
    const bool wants_utf8 = !text::is_ascii(letter_.sender) ||
                            !std::all_of(letter_.recipients.begin(), letter_.recipients.end(), text::is_ascii);
    if (offers_.utf8 && wants_utf8) out += " SMTPUTF8";
    if (offers_.dsn && !a_.ret.empty()) out += " RET=" + a_.ret;
    if (offers_.dsn && !a_.envelope_id.empty()) out += " ENVID=" + smtp::encode_xtext(a_.envelope_id);
    return out;
  }

  // Takes the recipients that it has dealt with out of letter_: with too many of them, the rest has another
  // transaction.
  int transaction() {
    auto reply = dialog_.ask(mail_command());
    if (!reply) return lost(reply.error());
    if (reply->code != 250) return refused(*reply, "");
    int worst = EX_OK;
    size_t good = 0, done = 0;
    for (; done < letter_.recipients.size(); done++) {
      const std::string& to = letter_.recipients[done];
      reply = dialog_.ask("RCPT TO:<" + to + ">" + (offers_.dsn && !a_.notify.empty() ? " NOTIFY=" + a_.notify : ""));
      if (!reply) return lost(reply.error());
      if (reply->is_good()) {
        good++;
        continue;
      }
      if (reply->code == 452 && good > 0) break;
      // What may go well later must not go half now, or the caller's next try doubles it.
      if (reply->code < 500) return refused(*reply, to);
      const int code = refusal(*reply, to);
      if (worst == EX_OK) worst = code;
    }
    if (good > 0) {
      reply = dialog_.ask("DATA");
      if (!reply) return lost(reply.error());
      if (reply->code != 354) return refused(*reply, "");
      reply = dialog_.send_content(letter_.text);
      if (!reply) return lost(reply.error());
      if (reply->code != 250) return refused(*reply, "");
      has_sent_ = true;
      if (a_.is_verbose) complain(a_, EX_OK, words_of(*reply));
    } else if (done < letter_.recipients.size() || !dialog_.ask("RSET")) {
      stop_ = true;
    }
    letter_.recipients.erase(letter_.recipients.begin(),
                             letter_.recipients.begin() + static_cast<std::ptrdiff_t>(done));
    return worst;
  }

  // All that is left of the message.
  int refused(const Reply& reply, const std::string& to) {
    stop_ = true;
    const int code = refusal(reply, to);
    return has_sent_ ? the_rest_failed("") : code;
  }

  int refusal(const Reply& reply, const std::string& to) {
    return complain(a_, code_of(reply, !to.empty()),
                    (to.empty() ? "" : "<" + to + ">: ") + std::to_string(reply.code) + " " + words_of(reply));
  }

  static int code_of(const Reply& reply, bool is_recipient) {
    if (reply.code < 500) return EX_TEMPFAIL;
    if (reply.enhanced.starts_with("5.7.")) return EX_NOPERM;
    if (is_recipient) return reply.enhanced.starts_with("5.1.") ? EX_NOUSER : EX_UNAVAILABLE;
    return EX_DATAERR;
  }

  const Arguments& a_;
  Dialog dialog_;
  Offers offers_;
  Letter letter_;
  bool stop_ = false;
  bool has_sent_ = false;
};

Result<Fd> connect_to_server(const Arguments& a) { return conf::connect_to(conf::find_submit_socket(a.config)); }

constexpr std::string_view kNotRunning = "the mail server is not running; the message was not taken, try again later";

constexpr int kLastWords = 10'000;  // milliseconds of silence after the end of our input

// The server closes after QUIT; who ends its input without one waits for what is still to be said.
int copy_both_ways(int socket) {
  struct pollfd ways[2] = {{STDIN_FILENO, POLLIN, 0}, {socket, POLLIN, 0}};
  char buffer[65536];
  for (;;) {
    const int ready = poll(ways, 2, ways[0].fd < 0 ? kLastWords : -1);
    if (ready < 0 && errno != EINTR) return EX_OSERR;
    if (ready == 0) return EX_OK;
    if (ready < 0) continue;
    for (int i = 0; i < 2; i++) {
      if (ways[i].fd < 0 || (ways[i].revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
      const ssize_t n = ::read(ways[i].fd, buffer, sizeof buffer);
      if (n <= 0 && i == 1) return EX_OK;
      if (n <= 0) {
        ways[0].fd = -1;
        continue;
      }
      for (ssize_t sent = 0; sent < n;) {
        const ssize_t w = ::write(i == 0 ? socket : STDOUT_FILENO, buffer + sent, static_cast<size_t>(n - sent));
        if (w < 0 && errno != EINTR) return EX_IOERR;
        if (w > 0) sent += w;
      }
    }
  }
}

}  // namespace

int submit(const Arguments& a) {
  auto input = a.dots && isatty(STDIN_FILENO) == 1 ? read_typed() : read_input();
  if (!input) return complain(a, input.error().code == EFBIG ? EX_DATAERR : EX_IOERR, input.error().text);
  auto socket = connect_to_server(a);
  if (!socket) return complain(a, EX_TEMPFAIL, std::string(kNotRunning) + " (" + socket.error().text + ")");
  const std::string text = normalize(*input, a.dots);
  input->clear();
  input->shrink_to_fit();
  return Submission(a, std::move(*socket)).run(text);
}

int pass_smtp(const Arguments& a) {
  auto socket = connect_to_server(a);
  if (!socket) {
    printf("421 4.3.2 The mail server is not running, try again later\r\n");
    fflush(stdout);
    return complain(a, EX_TEMPFAIL, std::string(kNotRunning) + " (" + socket.error().text + ")");
  }
  return copy_both_ways(socket->get());
}

}  // namespace mailkeep::sendmail
