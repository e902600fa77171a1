// A session of relay's with a server that says what the test wants.
// SPDX-License-Identifier: ISC
#pragma once

#include "smtpd/relay/dialog.h"

#include <sys/mman.h>

#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::relay;
using Step = Dialog::Step;

inline Fd file_of(const std::string& text) {
  Fd fd(::memfd_create("test", MFD_CLOEXEC));
  if (::pwrite(fd.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) fatal("pwrite");
  return fd;
}

inline const std::string kMail = "Subject: x\r\n\r\n.dot\r\nhello\r\n";
inline const std::string kStuffed = "Subject: x\r\n\r\n..dot\r\nhello\r\n.\r\n";
inline const std::string kFull =
    "250-mx.test\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-DSN\r\n250 ENHANCEDSTATUSCODES\r\n";

inline Transfer transfer_to(const std::vector<std::string>& recipients, const std::string& text = kMail) {
  Transfer t;
  t.sender = "a@mk.test";
  for (const auto& r : recipients) t.recipients.push_back({static_cast<uint32_t>(10 + t.recipients.size()), {r, {}}});
  t.size = text.size();
  t.content = file_of(text);
  return t;
}

struct Play {
  explicit Play(Dialog::Settings settings = {})
      : d([&] {
          if (settings.helo.empty()) settings.helo = "mk.test";
          return settings;
        }()) {}
  // What comes of these bytes; a byte at a time when `cut`.
  Step say(const std::string& text) {
    Step step = Step::kWait;
    const size_t stride = cut ? 1 : text.size();
    for (size_t i = 0; i < text.size() && step == Step::kWait; i += stride) {
      input += text.substr(i, stride);
      std::string_view rest = input;
      step = d.advance(rest);
      input = std::string(rest);
    }
    return step;
  }
  std::string heard() { return d.take_output(); }
  Step begin(const Transfer& t) { return d.begin(t, survey(t.content.get(), t.size).value_or({})); }
  // All of the content.
  std::string content() {
    while (d.wants_content()) assert_true(d.send_content() == Step::kWait);
    return heard();
  }
  const relay::Result& result(size_t i) { return *d.results()[i]; }
  Dialog d;
  std::string input;
  bool cut = false;
};

inline void hello(Play& p, const std::string& offers = kFull) {
  assert_true(p.say("220 mx.test ESMTP\r\n") == Step::kWait);
  assert_text(p.heard(), "EHLO mk.test\r\n");
  assert_true(p.say(offers) == Step::kReady);
}
