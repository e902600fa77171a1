// lib/mime/from_binary: what comes out is lines of text and decodes to what went in, however it is cut; what must not
// be changed is not.
// SPDX-License-Identifier: ISC
#include "lib/mime/from_binary.h"

#include <algorithm>

#include "lib/mime/decode.h"
#include "lib/text/base64.h"
#include "lib/text/quoted_printable.h"

#include "regress/unit/unit.h"

using mailkeep::mime::FromBinary;

namespace {

constexpr std::string_view kImage = "Content-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n";
constexpr std::string_view kText = "Content-Transfer-Encoding: BINARY\r\n\r\n";

struct Converted {
  std::string text;
  std::string problem;
};

Converted convert(std::string_view in, size_t step = SIZE_MAX) {
  FromBinary pass;
  Converted out;
  for (size_t at = 0; at < in.size(); at += std::min(step, in.size())) pass.feed(in.substr(at, step), out.text);
  pass.finish(out.text);
  out.problem = pass.problem();
  return out;
}

std::string all_bytes() {
  std::string out;
  for (int i = 0; i < 256; i++) out += static_cast<char>(i);
  return out;
}

std::string behind_header(const std::string& message) { return message.substr(message.find("\r\n\r\n") + 4); }

const struct {
  std::string_view in;
  std::string_view out;
} kCases[] = {
    {"Subject: x\r\n\r\nplain = \xc3\xa4\r\n", "Subject: x\r\n\r\nplain = \xc3\xa4\r\n"},
    {"Subject: x\r\n\r\nno end", "Subject: x\r\n\r\nno end\r\n"},
    {"Subject: x\r\n", "Subject: x\r\n"},
    {"Subject: x", "Subject: x\r\n"},
    {"", ""},
    {"Content-Transfer-Encoding: base64\r\n\r\n/w==\r\n", "Content-Transfer-Encoding: base64\r\n\r\n/w==\r\n"},
    {"A: b\r\ncontent-transfer-encoding: Binary (as it is)\r\nC: d\r\n\r\n\xc3\xa4 = \r\na\rb\nc\r\n.\r\n",
     "A: b\r\nC: d\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A4 =3D=20\r\na=0Db=0Ac\r\n.\r\n"},
    {"Content-Transfer-Encoding: binary\r\n\r\n", "Content-Transfer-Encoding: quoted-printable\r\n\r\n"},
    {"Content-Transfer-Encoding: binary\r\n\r\nx", "Content-Transfer-Encoding: quoted-printable\r\n\r\nx\r\n"},
    {"Content-Type: a/b\r\nContent-Transfer-Encoding: binary\r\n\r\n\xff\r\n",
     "Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\n/w0K\r\n"},
    // The line end before a delimiter is the delimiter's, and none of them is one behind an LF alone.
    {"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: binary\r\n\r\npreamble\r\n--b\r\n"
     "Content-Type: a/b\r\nContent-Transfer-Encoding: binary\r\n\r\n\xff\r\r\n--b \r\n\r\ntext \xc3\xa4\r\n--b\r\n"
     "Content-Type: a/b\r\nContent-Transfer-Encoding: binary\r\n\r\n\n--b\r\n--b\r\n"
     "Content-Type: a/b\r\nContent-Transfer-Encoding: binary\r\n\r\n--b--\r\nepilogue\r\n",
     "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n\r\npreamble\r\n--b\r\n"
     "Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\n/w0=\r\n--b \r\n\r\ntext \xc3\xa4\r\n--b\r\n"
     "Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\nCi0tYg==\r\n--b\r\n"
     "Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\n--b--\r\nepilogue\r\n"},
    // A close without its line end; an outer boundary ends what is within.
    {"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n"
     "Content-Transfer-Encoding: binary\r\n\r\n\x80\r\n--o--",
     "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n"
     "Content-Transfer-Encoding: quoted-printable\r\n\r\n=80\r\n--o--\r\n"},
    // A CR without its LF belongs to no delimiter, at the end of all neither.
    {"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: binary\r\n\r\n--b\r\r\n--b\r",
     "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
     "Content-Transfer-Encoding: quoted-printable\r\n\r\n--b=0D\r\n--b=0D\r\n"},
    {"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: binary\r\n\r\nSubject: y\r\nContent-Type: "
     "a/b\r\nContent-Transfer-Encoding: binary\r\n\r\n\n",
     "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: y\r\nContent-Type: "
     "a/b\r\nContent-Transfer-Encoding: base64\r\n\r\nCg==\r\n"},
    // What is signed passes as it is, if it can; another part beside it is encoded.
    {"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/signed; boundary=s\r\n"
     "Content-Transfer-Encoding: binary\r\n\r\n--s\r\nContent-Transfer-Encoding: binary\r\n\r\nsigned "
     "\xc3\xa4\r\n--s\r\n\r\nsignature\r\n--s--\r\n--o\r\nContent-Transfer-Encoding: binary\r\n\r\n\r\n--o--\r\n",
     "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/signed; boundary=s\r\n"
     "Content-Transfer-Encoding: binary\r\n\r\n--s\r\nContent-Transfer-Encoding: binary\r\n\r\nsigned "
     "\xc3\xa4\r\n--s\r\n\r\nsignature\r\n--s--\r\n--o\r\nContent-Transfer-Encoding: "
     "quoted-printable\r\n\r\n\r\n--o--\r\n"},
};

void table_and_splits(void**) {
  for (const auto& c : kCases) {
    for (size_t step = 1; step <= c.in.size() + 1; step++) {
      const auto out = convert(c.in, step);
      assert_text(out.problem, "");
      assert_text(out.text, c.out);
    }
  }
}

// Every byte comes back, lines are short, and where the input was cut does not show.
void nothing_is_lost(void**) {
  std::string content;
  for (int i = 0; i < 3; i++) content += all_bytes();
  for (const std::string end : {"", "\r", "\n", "\r\n", "\r\n\r\n", " ", "\t\r\n"}) {
    const std::string body = content + end;
    const auto image = convert(std::string(kImage) + body);
    assert_true(mailkeep::text::base64_decode_body(behind_header(image.text)) == body);
    const auto text = convert(std::string(kText) + body);
    std::string decoded = mailkeep::text::qp_decode(behind_header(text.text));
    if (!end.ends_with("\r\n")) decoded.resize(decoded.size() - 2);  // a text's last line has an end
    assert_true(decoded == body);
    for (const auto* one : {&image.text, &text.text}) {
      for (size_t at = 0; at < one->size();) {
        const size_t line_end = one->find("\r\n", at);
        assert_true(line_end != std::string::npos && line_end - at <= 76);
        at = line_end + 2;
      }
    }
  }
}

// Content without a line end is taken in pieces, which do not show either; nor does a CR at the end of one.
void long_content(void**) {
  for (const size_t size : {mailkeep::mime::kMaxBinaryPiece - 1, mailkeep::mime::kMaxBinaryPiece,
                            mailkeep::mime::kMaxBinaryPiece + 1, size_t{300000}}) {
    for (const char* middle : {"", "\r", "\r\n", "\r\n--b\r\n"}) {
      const std::string body = std::string(size, '\xfe') + middle + std::string(size, '\xff') + "\r";
      for (const auto head : {kImage, kText}) {
        const std::string in = std::string(head) + body;
        const auto whole = convert(in);
        for (const size_t step : {size_t{4096}, size_t{65536}, size_t{65537}}) {
          if (convert(in, step).text != whole.text) fail_msg("%zu bytes, %zu at a time", size, step);
        }
        const std::string encoded = behind_header(whole.text);
        assert_true((head == kImage ? mailkeep::text::base64_decode_body(encoded)
                                    : mailkeep::text::qp_decode(encoded).substr(0, body.size())) == body);
      }
    }
  }
  // Lines of text may be as long as elsewhere, and no longer.
  const std::string line(mailkeep::mime::kMaxBinaryPiece - 2, 'a');
  assert_text(convert("A: b\r\n\r\n" + line + "\r\n").problem, "");
  assert_text(convert("A: b\r\n\r\n" + line + "a\r\n").problem.substr(0, 6), "A part");
}

void not_converted(void**) {
  const struct {
    std::string_view in;
    const char* problem;
  } table[] = {
      {"A: b\r\n\r\nx\ny\r\n", "A part has binary content"},
      {"A: b\r\n\r\nx\ry\r\n", "A part has binary content"},
      {{"A: b\r\n\r\n\0\r\n", 11}, "A part has binary content"},
      {"Content-Transfer-Encoding: base64\r\n\r\n/w==\n", "A part has binary content"},
      {"Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\nContent-Transfer-Encoding: "
       "binary\r\n\r\nx\n\r\n--s--\r\n",
       "A signed part is binary"},
      {"Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r", "A signed part is binary"},
      {"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b--\r", "A header or what stands between"},
      {"Content-Type: multipart/mixed; boundary=b\r\n\r\nx\n\r\n--b--\r\n", "A header or what stands between"},
      {"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nA: b\nC: d\r\n\r\n", "A header or what stands between"},
      {"Content-Type: multipart/mixed\r\nContent-Transfer-Encoding: binary\r\n\r\nx\r\n", "A multipart has no usable"},
  };
  for (const auto& row : table) {
    for (const size_t step : {size_t{1}, SIZE_MAX}) {
      const std::string problem = convert(row.in, step).problem;
      if (!problem.starts_with(row.problem)) fail_msg("%s: %s", row.problem, problem.c_str());
    }
  }
  std::string deep;
  for (size_t i = 0; i <= mailkeep::mime::kMaxPartDepth; i++) {
    const std::string b = "b" + std::to_string(i) + "x";
    deep += "Content-Type: multipart/mixed; boundary=" + b + "\r\n\r\n--" + b + "\r\n";
  }
  assert_true(convert(deep).problem.starts_with("The parts of the message are nested"));
  std::string header;
  while (header.size() <= mailkeep::mime::kMaxPartHeader) header += "A: " + std::string(60, 'b') + "\r\n";
  assert_true(convert(header).problem.starts_with("A header of the message is too long"));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(table_and_splits), unit_test(nothing_is_lost), unit_test(long_content),
                              unit_test(not_converted)};
  return run_unit_tests(tests);
}
