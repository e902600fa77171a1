// lib/receive: the header of a submission, completed, and who claims to have written it.
// SPDX-License-Identifier: ISC
#include "lib/receive/submission_header.h"

#include "lib/rfc5322/address.h"

#include "smtpd/lookup/messages.h"

#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::receive;

namespace {

SubmissionFacts facts() { return {"mk.test", 0x6540000012345678, 0xabcdef, 1700000000}; }

const std::string kDate = "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n";
const std::string kId = "Message-ID: <6540000012345678.0000000000abcdef@mk.test>\r\n";

std::string text_of(const std::string& header) {
  const auto done = complete_header(header, facts());
  if (!done) fail_msg("%s", done.error().text.c_str());
  return done->text;
}

std::string authors_of(const std::string& header) {
  const auto done = complete_header(header, facts());
  if (!done) return "! " + done.error().text;
  std::string out;
  for (const auto& a : done->authors) out += (out.empty() ? "" : " ") + a;
  return out;
}

}  // namespace

static void what_is_missing_is_added(void**) {
  assert_text(text_of("From: a@mk.test\r\nSubject: x\r\n\r\n"),
              "From: a@mk.test\r\nSubject: x\r\n" + kDate + kId + "\r\n");
  assert_text(text_of("From: a@mk.test\r\nSubject: x\r\n"),
              "From: a@mk.test\r\nSubject: x\r\n" + kDate + kId);  // no body
  const std::string whole = "From: a@mk.test\r\nDATE: whenever\r\nMessage-Id: <x@y>\r\nTo: b@mk.test\r\n\r\n";
  assert_text(text_of(whole), whole);
  assert_text(text_of("from :\r\n a@mk.test\r\nDate: x\r\n\r\n"), "from :\r\n a@mk.test\r\nDate: x\r\n" + kId + "\r\n");
}

static void bcc_goes(void**) {
  assert_text(text_of("Bcc: secret@mk.test,\r\n\tother@mk.test\r\nFrom: a@mk.test\r\nbCC : x@y\r\nResent-Bcc: "
                      "z@y\r\nX-Bcc: stays\r\n"
                      "Date: x\r\nMessage-ID: <x@y>\r\nBcc:\r\n\r\n"),
              "From: a@mk.test\r\nX-Bcc: stays\r\nDate: x\r\nMessage-ID: <x@y>\r\n\r\n");
}

static void authors(void**) {
  const struct {
    const char *header, *authors;
  } rows[] = {
      {"From: ann@mk.test\r\n\r\n", "ann@mk.test"},
      {"From: Ann <ann@mk.test>\r\nSender: ben@mk.test\r\n\r\n", "ann@mk.test ben@mk.test"},
      {"From: ann@mk.test, \"B, C\" <ben@mk.test>\r\nTo: x@y.test\r\nReply-To: z@y.test\r\n\r\n",
       "ann@mk.test ben@mk.test"},
      {"From: us: ann@mk.test, ben@mk.test;\r\n\r\n", "ann@mk.test ben@mk.test"},
      {"From: ann@mk.test\r\nSender: ann@mk.test\r\n\r\n", "ann@mk.test"},
      {"From: \"a b\"@mk.test\r\n\r\n", "\"a b\"@mk.test"},
      {"From: ann(comment) @ mk . test (x@y.test)\r\n\r\n", "ann@mk.test"},
      {"From:\r\n =?utf-8?q?An=40n?=\r\n <ann@mk.test>\r\n\r\n", "ann@mk.test"},
      {"From: \"ceo@bank.test\" <ann@mk.test>\r\n\r\n", "ann@mk.test"},  // a name in quotes is a name
      {"From: ann@[192.0.2.1]\r\n\r\n", "ann@[192.0.2.1]"},
      // What other readers might take for the author counts too.
      {"From: ann@mk.test <ann@mk.test>\r\n\r\n", "ann@mk.test"},
      {"From: ceo@bank.test <ann@mk.test>\r\n\r\n", "ann@mk.test ceo@bank.test"},
      {"From: <ann@mk.test> ceo@bank.test\r\n\r\n", "ann@mk.test ceo@bank.test"},
      {"From: ann@mk.test ceo@bank.test\r\n\r\n", "ann@mk.test ceo@bank.test"},
      {"From: <ann@mk.test> <ceo@bank.test>\r\n\r\n", "ann@mk.test ceo@bank.test"},
      {"From: ann@mk.test;ceo@bank.test\r\n\r\n", "ann@mk.test ceo@bank.test"},
      {"From: <ann@mk.test\r\n ceo@bank.test>\r\n\r\n", "ann@mk.test ceo@bank.test"},
      // refused
      {"", "! No From field: a message must say who wrote it"},
      {"\r\n", "! No From field: a message must say who wrote it"},
      {"Subject: x\r\n\r\n", "! No From field: a message must say who wrote it"},
      {"Resent-From: ann@mk.test\r\n\r\n", "! No From field: a message must say who wrote it"},
      {"From:\r\n\r\n", "! No address in From"},
      {"From: (nobody)\r\n\r\n", "! No address in From"},
      {"From: undisclosed:;\r\n\r\n", "! No address in From"},
      {"From: ann@mk.test\r\nSender:\r\n\r\n", "! No address in Sender"},
      {"From: ann\r\n\r\n", "! Address without a domain in From: ann"},
      {"From: ann@mk.test, ben\r\n\r\n", "! Address without a domain in From: ben"},
      {"From: <@a.test,@b.test:ann@mk.test>\r\n\r\n", "! Not an address in From"},
      {"From: ann@ceo@bank.test\r\n\r\n", "! Not an address in From"},
      {"From: ann@mk.test\r\nFROM: ceo@bank.test\r\n\r\n", "! More than one From field: there may be one"},
      {"From: ann@mk.test\r\nFrom\t: ceo@bank.test\r\n\r\n", "! More than one From field: there may be one"},
      {"From: ann@mk.test\r\nSender: a@mk.test\r\nSender: b@mk.test\r\n\r\n",
       "! More than one Sender field: there may be one"},
      {"From: ann@mk.test\r\nDate: x\r\nDate: y\r\n\r\n", "! More than one Date field: there may be one"},
      {"From: ann@mk.test\r\nMessage-ID: x\r\nMessage-Id: y\r\n\r\n",
       "! More than one Message-ID field: there may be one"},
      {"From ann Tue Nov 14\r\nFrom: ann@mk.test\r\n\r\n", "! A line of the header is no field: 'From ann Tue Nov 14'"},
      {"From: ann@mk.test\r\nhello\r\n\r\n", "! A line of the header is no field: 'hello'"},
      {" From: ann@mk.test\r\n\r\n", "! A line of the header is no field: ' From: ann@mk.test'"},
      {"From: ann@mk.test\r\n: x\r\n\r\n", "! A line of the header is no field: ': x'"},
      {"From\xc2\xa0: ann@mk.test\r\n\r\n", "! A line of the header is no field: 'From\\xc2\\xa0: ann@mk.test'"},
  };
  for (const auto& row : rows) assert_text(authors_of(row.header), row.authors);
}

static void bounds(void**) {
  std::string most = "From: ";
  for (size_t i = 0; i < lookup::kMaxSenders; i++) most += (i > 0 ? ", a" : "a") + std::to_string(i) + "@mk.test";
  const auto done = complete_header(most + "\r\n\r\n", facts());
  assert_true(done.has_value());
  assert_int_equal(done->authors.size(), lookup::kMaxSenders);
  assert_text(authors_of(most + ", b@mk.test\r\n\r\n"), "! More than 100 addresses in From");
  assert_text(authors_of(most + "\r\nSender: b@mk.test\r\n\r\n"), "! More than 100 addresses in Sender");
  assert_text(authors_of("From: " + std::string(kMaxAddress, 'a') + "@mk.test\r\n\r\n"), "! Address too long in From");
  // Nothing hides behind many fields or a long one.
  std::string fields;
  for (int i = 0; i < 3000; i++) fields += "X: y\r\n";
  assert_text(authors_of("From: ann@mk.test\r\n" + fields + "From: ceo@bank.test\r\n\r\n"),
              "! More than one From field: there may be one");
  assert_text(authors_of("From: ann@mk.test" + std::string(70'000, ' ') + ", ceo@bank.test\r\n\r\n"),
              "ann@mk.test ceo@bank.test");
}

static void where_the_header_ends(void**) {
  const std::string text = "A: b\r\n \r\nC: d\r\n\r\nbody\r\n\r\n";
  const size_t end = text.find("body");
  size_t seen = 0;
  for (size_t n = 0; n <= text.size(); n++) {  // a byte more each time, as a slow client's
    const size_t found = find_header_end(text.substr(0, n), seen);
    if (n < end) assert_true(found == std::string::npos);
    if (n == end) assert_int_equal(found, end);
    if (n >= end) break;
    seen = n < 3 ? 0 : n - 3;
  }
  assert_int_equal(find_header_end("\r\nbody", 0), 2);
  assert_true(find_header_end("\r", 0) == std::string::npos);
}

static void authors_are_replaced(void**) {
  const std::vector<std::string> from = {"ann@in.test", "a b@in.test", "ben@mk.test"};
  const std::vector<std::string> to = {"Ann.Other@mk.test", "ab@mk.test", "ben@mk.test"};
  std::vector<std::string> quoted = from;
  rfc5322::Address odd;
  odd.local = "a b";
  odd.domain = "in.test";
  quoted[1] = odd.addr_spec();
  const std::string header =
      "To: ann@in.test\r\nFrom: \"ann@in.test\" <ann@in.test> (ann@in.test),\r\n \"a b\" @ in.test\r\n"
      "sender : ann @ in . test\r\nReply-To: ben@mk.test, ann@in.test, joe@far.test\r\n\r\n";
  assert_text(replace_authors(header, quoted, to),
              "To: ann@in.test\r\nFrom: \"ann@in.test\" <Ann.Other@mk.test> (ann@in.test),\r\n ab@mk.test\r\n"
              "sender : Ann.Other@mk.test\r\nReply-To: ben@mk.test, Ann.Other@mk.test, joe@far.test\r\n\r\n");
  assert_text(replace_authors("From: <ann@in.test>\r\n", quoted, to), "From: <Ann.Other@mk.test>\r\n");
  assert_text(replace_authors("X: y\r\n\r\n", {}, {}), "X: y\r\n\r\n");
}

int main() {
  const CMUnitTest tests[] = {unit_test(what_is_missing_is_added),
                              unit_test(bcc_goes),
                              unit_test(authors),
                              unit_test(bounds),
                              unit_test(where_the_header_ends),
                              unit_test(authors_are_replaced)};
  return run_unit_tests(tests);
}
