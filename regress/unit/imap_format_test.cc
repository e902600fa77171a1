// lib/mime: IMAP's strings, ENVELOPE, BODYSTRUCTURE; the summary for the header cache.
// SPDX-License-Identifier: ISC
#include "lib/mime/imap_format.h"

#include "lib/mime/summary.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::mime;

static void strings(void**) {
  assert_text(imap_string(""), "\"\"");
  assert_text(imap_string("a\"b\\c"), "\"a\\\"b\\\\c\"");
  assert_text(imap_string("a\r\nb"), "{4}\r\na\r\nb");
  assert_text(imap_string("\xc3\xa4"), "{2}\r\n\xc3\xa4");
  assert_text(imap_string(std::string_view("a\0b", 3)), "{2}\r\nab");
  assert_text(imap_string(std::string(2000, 'a')).substr(0, 8), "{2000}\r\n");
  assert_text(imap_nstring(""), "NIL");
}

static std::string envelope(std::string_view header) { return imap_envelope(rfc5322::parse_header(header)); }

static void envelopes(void**) {
  assert_text(envelope(""), "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
  // RFC 3501 section 8's own example.
  assert_text(
      envelope("Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\nFrom: Terry Gray <gray@cac.washington.edu>\r\n"
               "Subject: IMAP4rev1 WG mtg summary and minutes\r\nTo: imap@cac.washington.edu\r\n"
               "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
               "Message-Id: <B27397-0100000@cac.washington.edu>\r\nMIME-Version: 1.0\r\n\r\n"),
      "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev1 WG mtg summary and minutes\" "
      "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
      "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ((NIL NIL \"imap\" \"cac.washington.edu\")) "
      "((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL "
      "\"<B27397-0100000@cac.washington.edu>\")");
  assert_text(envelope("From: a@b\r\nSender: s@b\r\nReply-To:\r\nTo: G: x@y;\r\nTo: z\r\nBcc: <@r:a@b>\r\nIn-Reply-To: "
                       "<1@x>\r\n\r\n"),
              "(NIL NIL ((NIL NIL \"a\" \"b\")) ((NIL NIL \"s\" \"b\")) ((NIL NIL \"a\" \"b\")) "
              "((NIL NIL \"G\" NIL)(NIL NIL \"x\" \"y\")(NIL NIL NIL NIL)(NIL NIL \"z\" \"\")) NIL "
              "((NIL \"@r\" \"a\" \"b\")) \"<1@x>\" NIL)");
  // There and empty is not the same as not there.
  assert_text(envelope("Date:\r\nSubject: \r\nFrom:\r\nTo:\r\nIn-Reply-To:\r\n\r\n"),
              "(\"\" \"\" NIL NIL NIL NIL NIL NIL \"\" NIL)");
}

static std::string body(std::string_view message, bool extended) {
  return imap_body(parse_structure(message), message, extended);
}

static void bodies(void**) {
  assert_text(body("Subject: x\r\n\r\none\r\n", false),
              "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 5 1)");
  assert_text(body("Subject: x\r\n\r\none\r\n", true),
              "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 5 1 NIL NIL NIL NIL)");
  assert_text(
      body("Content-Type: image/png; name=\"a b\"\r\nContent-Id: <i@x>\r\nContent-Description: d\r\n"
           "Content-Transfer-Encoding: base64\r\nContent-MD5: m5\r\nContent-Disposition: attachment; filename=f\r\n"
           "Content-Language: de, en\r\nContent-Location: l\r\n\r\nAAAA",
           true),
      "(\"image\" \"png\" (\"name\" \"a b\") \"<i@x>\" \"d\" \"base64\" 4 \"m5\" (\"attachment\" (\"filename\" \"f\")) "
      "(\"de\" \"en\") \"l\")");
  const std::string_view mixed =
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\nx\r\n\r\n"
      "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\ny\r\n\r\n--b--\r\n";
  assert_text(body(mixed, false),
              "((\"text\" \"html\" NIL NIL NIL \"7bit\" 3 1)(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 18 "
              "(NIL \"in\" NIL NIL NIL NIL NIL NIL NIL NIL) (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL "
              "\"7bit\" 3 1) 3) "
              "\"mixed\")");
  assert_text(
      body(mixed, true),
      "((\"text\" \"html\" NIL NIL NIL \"7bit\" 3 1 NIL NIL NIL NIL)(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 18 "
      "(NIL \"in\" NIL NIL NIL NIL NIL NIL NIL NIL) (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 3 "
      "1 NIL NIL NIL NIL) "
      "3 NIL NIL NIL NIL) \"mixed\" (\"boundary\" \"b\") NIL NIL NIL)");
  assert_text(body("Content-Type: multipart/mixed; boundary=b\r\n\r\n", false),
              "((\"text\" \"plain\" NIL NIL NIL \"7bit\" 0 0) \"mixed\")");
}

static void summaries(void**) {
  const std::string_view message =
      "Date: Fri, 21 Nov 1997 23:55:06 -0600\r\nFrom: Joe <JOE@b>\r\nTo: G: x@y;\r\nSubject: Re: =?utf-8?q?=C3=84?= "
      "b\r\n"
      "Message-ID: <m@x>\r\nReferences: <1@x> <2@x>\r\nIn-Reply-To: <3@x>\r\n\r\nhello\r\nthere\r\n";
  const Summary s = summarize(message);
  assert_int_equal(s.sent, 880178106);
  assert_int_equal(s.sent_day, 10186);
  assert_true(s.has_sent);
  assert_int_equal(message.substr(s.header_size).find("hello"), 0);
  assert_int_equal(s.body_lines, 2);
  assert_text(s.base_subject, "a\xcc\x88 b");  // folded, decomposed
  assert_true(s.is_reply_or_forward);
  assert_text(s.from, "joe");
  assert_text(s.to, "g");
  assert_text(s.message_id, "m@x");
  assert_int_equal(s.references.size(), 2);
  assert_text(s.references[1], "2@x");
  assert_text(s.preview, "hello there");
  assert_text(s.body, body(message, false));
  assert_text(s.bodystructure, body(message, true));
  const Summary none = summarize("In-Reply-To: <3@x> <4@x>\r\n\r\n");
  assert_false(none.has_sent);
  assert_int_equal(none.references.size(), 1);
  assert_text(none.references[0], "3@x");
}

// Reads one IMAP value: nil, number, quoted, literal or a parenthesised list of them; dies on anything else.
static size_t value(std::string_view text, size_t at) {
  assert_true(at < text.size());
  if (text[at] == '(') {
    ++at;
    while (text.substr(at, 1) != ")") at = text.substr(at, 1) == " " ? at + 1 : value(text, at);
    return at + 1;
  }
  if (text[at] == '"') {
    for (++at; text.substr(at, 1) != "\""; ++at) {
      assert_true(at < text.size() && static_cast<signed char>(text[at]) > 0 && text[at] != '\r' && text[at] != '\n');
      if (text[at] == '\\') {
        ++at;
        assert_true(text.substr(at, 1) == "\"" || text.substr(at, 1) == "\\");
      }
    }
    return at + 1;
  }
  if (text[at] == '{') {
    const size_t end = text.find("}\r\n", at);
    const size_t size = static_cast<size_t>(std::stoul(std::string(text.substr(at + 1, end - at - 1))));
    assert_true(end + 3 + size <= text.size());
    return end + 3 + size;
  }
  if (text.substr(at, 3) == "NIL") return at + 3;
  const size_t end = text.find_first_not_of("0123456789", at);
  assert_true(end != at);
  return end == std::string_view::npos ? text.size() : end;
}

// Whatever bytes a message holds, its IMAP text is one well-formed value.
static void mutated(void**) {
  const std::string message =
      "From: \"a\" <b@c>, G: d@e;\r\nSubject: s\r\nContent-Type: multipart/mixed; "
      "boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
      "From: x@y\r\n\r\nz\r\n--b\r\nContent-Disposition: inline; filename*=utf-8''x\r\nContent-Language: "
      "de\r\n\r\n--b--\r\n";
  for (size_t i = 0; i < message.size(); ++i) {
    for (const char c : std::string_view("\r\n\"\\(){}\0\xff", 10)) {
      std::string changed = message;
      changed[i] = c;
      const Summary s = summarize(changed);
      for (const std::string& text : {s.envelope, s.body, s.bodystructure}) {
        assert_int_equal(text[0], '(');
        assert_int_equal(value(text, 0), text.size());
      }
    }
  }
}

int main() {
  const CMUnitTest tests[] = {unit_test(strings), unit_test(envelopes), unit_test(bodies), unit_test(summaries),
                              unit_test(mutated)};
  return run_unit_tests(tests);
}
