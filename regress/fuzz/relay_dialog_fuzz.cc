// smtpd/relay: a session with a server that says anything. The first byte says what is sent; the rest is the server.
// Whatever it says: no content before somebody was accepted, each answer known when a transaction is done, and nothing
// sent but lines with CRLF.
// SPDX-License-Identifier: ISC
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "smtpd/relay/dialog.h"

using namespace mailkeep;
using namespace mailkeep::relay;

static const std::string kMessage = "Subject: x\r\n\r\n.\r\n..\r\nl\xc3\xbc\r\n";

static Transfer make_transfer(uint8_t kind) {
  static const Fd file = [] {
    Fd fd(::memfd_create("message", MFD_CLOEXEC));
    if (::pwrite(fd.get(), kMessage.data(), kMessage.size(), 0) != static_cast<ssize_t>(kMessage.size())) abort();
    return fd;
  }();
  Transfer t;
  t.sender = (kind & 1) != 0 ? "" : "a@mk.test";
  t.size = (kind & 2) != 0 ? kMessage.size() : kMessage.size() - 2;  // a line end lacks
  t.content.reset(::dup(file.get()));
  t.options.smtputf8 = (kind & 4) != 0;
  t.options.require_tls = (kind & 8) != 0;
  for (uint32_t i = 0; i < 1U + ((kind >> 4) & 3U); i++)
    t.recipients.push_back({i, {"r" + std::to_string(i) + "@x.test", {queue::kNotifySuccess, "rfc822;q@x.test"}}});
  return t;
}

// What goes out between DATA or BDAT and the answer is the content; all else is commands.
static std::string take_commands(Dialog& d) {
  std::string out = d.take_output();
  if (out.size() >= 2 && !out.ends_with("\r\n")) abort();
  if (std::count(out.begin(), out.end(), '\n') != std::count(out.begin(), out.end(), '\r')) abort();
  return out;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const uint8_t kind = data[0], stride = data[1] % 16 + 1;
  Dialog::Settings settings;
  settings.helo = "mk.test";
  settings.tls = (kind & 64) != 0 ? Tls::kNone : Tls::kMay;
  if ((kind & 128) != 0) {
    settings.loopback = true;
    settings.user = "u";
    settings.password = "p";
  }
  Dialog d(settings);
  const Transfer t = make_transfer(kind);
  const Survey survey = relay::survey(t.content.get(), t.size).value_or({});
  std::string input;
  unsigned transactions = 0;
  for (size_t at = 2; at < size; at += stride) {
    input.append(reinterpret_cast<const char*>(data) + at, std::min<size_t>(stride, size - at));
    std::string_view rest = input;
    Dialog::Step step = d.advance(rest);
    input = std::string(rest);
    if (step == Dialog::Step::kWait && d.wants_content()) {
      const std::string commands = take_commands(d);
      while (d.wants_content()) {
        if (d.send_content() != Dialog::Step::kWait) abort();
      }
      const std::string content = d.take_output();
      const bool is_chunk = commands.find("BDAT ") != commands.npos;
      if (is_chunk && commands.find("BDAT " + std::to_string(content.size()) + " LAST\r\n") == commands.npos) abort();
      if (!is_chunk && content.find("\r\n.\r\n") != content.size() - 5) abort();
      continue;
    }
    take_commands(d);
    if (step == Dialog::Step::kStartTls) d.tls_up();
    if (step == Dialog::Step::kFailed) break;
    if (step == Dialog::Step::kDone) {
      for (const auto& result : d.results()) {
        if (!result) abort();
      }
      if (!d.is_reusable()) break;
    }
    if ((step == Dialog::Step::kReady || step == Dialog::Step::kDone) && ++transactions < 4) {
      if (d.begin(t, survey) == Dialog::Step::kFailed) break;
      take_commands(d);
    }
  }
  return 0;
}
