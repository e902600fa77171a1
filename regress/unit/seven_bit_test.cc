// lib/mime/seven_bit: what comes out has 7 bits and says the same, however it is cut; what must not be changed is not.
// SPDX-License-Identifier: ISC
#include "lib/mime/seven_bit.h"

#include <algorithm>

#include "regress/unit/unit.h"

using mailkeep::mime::SevenBit;

static SevenBit::Plan plan_of(const std::string& text, size_t step = SIZE_MAX) {
  SevenBit first;
  std::string nothing;
  for (size_t at = 0; at < text.size(); at += std::min(step, text.size()))
    first.feed(std::string_view(text).substr(at, step), nothing);
  first.finish(nothing);
  assert_text(nothing, "");
  return first.plan();
}

static std::string convert(const std::string& text, size_t step = SIZE_MAX) {
  const auto plan = plan_of(text, step);
  assert_text(plan.problem, "");
  SevenBit second(plan);
  std::string out;
  for (size_t at = 0; at < text.size(); at += std::min(step, text.size()))
    second.feed(std::string_view(text).substr(at, step), out);
  second.finish(out);
  return out;
}

static const struct {
  const char* in;
  const char* out;
} kCases[] = {
    {"Subject: x\r\n\r\nplain = \r\n", "Subject: x\r\n\r\nplain = \r\n"},
    {"Subject: x\r\n", "Subject: x\r\n"},
    {"Subject: x\r\ncontent-transfer-encoding: 8BIT\r\nX: y\r\n\r\n\xc3\xa4 = \r\n.x\r\n",
     "Subject: x\r\nX: y\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A4 =3D=20\r\n.x\r\n"},
    {"Subject: mislabelled\r\n\r\n\xe4",
     "Subject: mislabelled\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=E4\r\n"},
    {"Content-Type: image/png\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xff\r\nab\r\n",
     "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n/w0KYWINCg==\r\n"},
    {"Content-Type: multipart/mixed; boundary=\"b 1\"\r\nContent-Transfer-Encoding: 8bit\r\n\r\npre\xe4"
     "ble\r\n--b 1\r\n\r\nas it is =\r\n--b 1 \r\n"
     "Content-Type: text/html\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xc3\xa4\r\n--b 1\r\nContent-Type: "
     "a/b\r\n\r\n\xff\r\n--b 1--\r\n\xff\r\n",
     "Content-Type: multipart/mixed; boundary=\"b 1\"\r\nContent-Transfer-Encoding: 7bit\r\n\r\npre?ble\r\n--b "
     "1\r\n\r\nas it is =\r\n--b 1 \r\n"
     "Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A4\r\n--b 1\r\nContent-Type: "
     "a/b\r\n"
     "Content-Transfer-Encoding: base64\r\n\r\n/w==\r\n--b 1--\r\n?\r\n"},
    {"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: y\r\nContent-Transfer-Encoding: "
     "8bit\r\n\r\n\xc3\xa4\r\n",
     "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\nSubject: y\r\nContent-Transfer-Encoding: "
     "quoted-printable\r\n\r\n=C3=A4\r\n"},
    // A signed part without 8-bit bytes stays as it is, another beside it does not.
    {"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/signed; "
     "boundary=s\r\n\r\n--s\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
     "signed\r\n--s\r\n\r\nsignature\r\n--s--\r\n--o\r\n\r\n\xc3\xa4\r\n--o--\r\n",
     "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/signed; "
     "boundary=s\r\n\r\n--s\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
     "signed\r\n--s\r\n\r\nsignature\r\n--s--\r\n--o\r\nContent-Transfer-Encoding: "
     "quoted-printable\r\n\r\n=C3=A4\r\n--o--\r\n"},
};

static void table_and_splits(void**) {
  for (const auto& c : kCases) {
    for (const size_t step : {size_t{1}, size_t{2}, size_t{7}, SIZE_MAX}) {
      const std::string out = convert(c.in, step);
      assert_text(out, c.out);
    }
  }
}

static void long_lines(void**) {
  std::string text;
  for (int i = 0; i < 300; i++) text += "\xc3\xa4 ";
  const std::string out = convert("Subject: x\r\n\r\n" + text + "\r\n");
  for (size_t at = 0; at < out.size();) {
    const size_t end = out.find("\r\n", at);
    assert_true(end != std::string::npos && end - at <= 76);
    at = end + 2;
  }
  const std::string base64 = convert("Content-Type: a/b\r\n\r\n" + std::string(100, '\xff') + "\r\n");
  assert_true(base64.find(std::string(76, '/') + "\r\n") != std::string::npos);
}

static void not_converted(void**) {
  const char* table[][2] = {
      {"Subject: \xc3\xa4\r\n\r\nx\r\n", "its header has 8-bit bytes"},
      {"Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\n\xc3\xa4\r\n--s--\r\n",
       "its 8-bit part is signed"},
      {"Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\nContent-Type: multipart/mixed; "
       "boundary=i\r\n\r\n--i\r\n\r\n\xc3\xa4\r\n--i--\r\n--s--\r\n",
       "its 8-bit part is signed"},
      {"Content-Transfer-Encoding: base64\r\n\r\n\xc3\xa4\r\n", "a part of it is not encoded as it says"},
  };
  for (const auto& row : table) assert_text(plan_of(row[0]).problem, row[1]);
  std::string deep;
  for (size_t i = 0; i < mailkeep::mime::kMaxPartDepth + 1; i++) {
    deep +=
        "Content-Type: multipart/mixed; boundary=b" + std::to_string(i) + "x\r\n\r\n--b" + std::to_string(i) + "x\r\n";
  }
  assert_text(plan_of(deep).problem, "its parts are nested too deeply");
}

int main() {
  const CMUnitTest tests[] = {unit_test(table_and_splits), unit_test(long_lines), unit_test(not_converted)};
  return run_unit_tests(tests);
}
