// lib/mime: parameters, structure, sections, decoding.
// SPDX-License-Identifier: ISC
#include "lib/base/clock.h"
#include "lib/mime/decode.h"
#include "lib/mime/params.h"
#include "lib/mime/section.h"
#include "lib/mime/structure.h"
#include "lib/text/casefold.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using namespace mailkeep::mime;

static std::string show(const Parameterized& p) {
  std::string out = p.value;
  for (const Param& param : p.params) out += ";" + param.name + "=" + param.value;
  return out;
}

static void parameters(void**) {
  const char* table[][2] = {
      {"text/plain", "text/plain"},
      {" Text/HTML (comment) ; Charset=\"UTF-8\" ; x = y", "text/html;charset=UTF-8;x=y"},
      {"a/b; boundary=a=b_c", "a/b;boundary=a=b_c"},
      {"a/b; name=\"x;\\\"y\"", "a/b;name=x;\"y"},
      {"a/b; name=two words.txt; c=d", "a/b;name=two words.txt;c=d"},
      {"a/b;;; c=d;", "a/b;c=d"},
      {"a/b; c", "a/b"},
      {"a/b; c=", "a/b;c="},
      {"a/b; URL*0=\"ftp://\";\r\n URL*1=\"cs.utk.edu/\"", "a/b;url=ftp://cs.utk.edu/"},
      {"a/b; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
       "a/b;title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A"},
      {"a/b; t*1*=%2A; t*0*=us-ascii'en'x; t*2=\"y z\"", "a/b;t*=us-ascii'en'x%2Ay%20z"},
      {"a/b; t*0=x; t*2=z", "a/b;t=x"},
      {"", ""},
  };
  for (const auto& row : table) assert_text(show(parse_parameterized(row[0])), row[1]);
  const auto text = [](const char* value, const char* name) {
    return param_text(parse_parameterized(value).params, name);
  };
  assert_text(text("a; filename*=iso-8859-1''%E4", "filename"), "\xc3\xa4");
  assert_text(text("a; filename*0*=utf-8''%C3; filename*1*=%A4", "filename"), "\xc3\xa4");
  assert_text(text("a; filename=\"=?utf-8?q?=C3=A4?=\"", "filename"), "\xc3\xa4");
  assert_text(text("a; x=y", "filename"), "");
}

static const std::string_view kMessage =
    "From: a@b\r\n"
    "Content-Type: multipart/mixed; boundary=out\r\n"
    "\r\n"
    "preamble\r\n"
    "--out\r\n"
    "\r\n"
    "one\r\ntwo\r\n"
    "--out\r\n"
    "Content-Type: message/rfc822\r\n"
    "\r\n"
    "Subject: inner\r\n"
    "Content-Type: multipart/alternative; boundary=\"in ner\"\r\n"
    "\r\n"
    "--in ner\r\n"
    "Content-Type: text/plain; charset=iso-8859-1\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n"
    "\r\n"
    "=C4pfel\r\n"
    "--in ner  \r\n"
    "Content-Type: text/html\r\n"
    "Content-Transfer-Encoding: BASE64\r\n"
    "\r\n"
    "PGI+aGk8L2I+\r\n"
    "--in ner--\r\n"
    "epilogue\r\n"
    "--out\r\n"
    "Content-Type: image/png; name=x.png\r\n"
    "Content-Disposition: attachment; filename=y.png\r\n"
    "\r\n"
    "\r\n"
    "--out--\r\n"
    "behind\r\n";

static std::string tree(const Part& part) {
  std::string out = part.type + "/" + part.subtype;
  if (part.children.empty()) return out + ":" + std::to_string(part.size()) + ":" + std::to_string(part.lines);
  out += "(";
  for (const Part& child : part.children) out += (out.back() == '(' ? "" : " ") + tree(child);
  return out + ")";
}

static void structure(void**) {
  const Part root = parse_structure(kMessage);
  assert_text(tree(root),
              "multipart/mixed(text/plain:8:1 message/rfc822(multipart/alternative(text/plain:7:0 text/html:12:0)) "
              "image/png:0:0)");
  assert_int_equal(root.body_end, kMessage.size());
  assert_int_equal(root.header_lines, 3);
  assert_text(root.children[2].filename(), "y.png");
  const Part& message = root.children[1];
  assert_text(message.body(kMessage).substr(0, 14), "Subject: inner");
  assert_int_equal(message.lines, 14);
  assert_text(root.children[0].body(kMessage), "one\r\ntwo");
}

static void sections(void**) {
  const Part root = parse_structure(kMessage);
  const auto get = [&root](std::vector<uint32_t> number, SectionText text) {
    const auto range = find_section(root, number, text);
    return range ? std::string(kMessage.substr(range->start, range->size)) : std::string("NIL");
  };
  assert_text(get({}, SectionText::whole), kMessage);
  assert_text(get({}, SectionText::header), kMessage.substr(0, root.body_start));
  assert_text(get({}, SectionText::text), kMessage.substr(root.body_start));
  assert_text(get({}, SectionText::mime), "NIL");
  assert_text(get({1}, SectionText::whole), "one\r\ntwo");
  assert_text(get({1}, SectionText::mime), "\r\n");
  assert_text(get({1}, SectionText::header), "NIL");
  assert_text(get({1, 1}, SectionText::whole), "NIL");
  assert_text(get({0}, SectionText::whole), "NIL");
  assert_text(get({4}, SectionText::whole), "NIL");
  assert_text(get({2}, SectionText::mime), "Content-Type: message/rfc822\r\n\r\n");
  assert_text(get({2}, SectionText::header).substr(0, 14), "Subject: inner");
  assert_text(get({2}, SectionText::text).substr(0, 8), "--in ner");
  assert_text(get({2, 1}, SectionText::whole), "=C4pfel");
  assert_text(get({2, 2}, SectionText::mime), "Content-Type: text/html\r\nContent-Transfer-Encoding: BASE64\r\n\r\n");
  const std::string_view simple = "A: b\r\n\r\nbody\r\n";
  const Part leaf = parse_structure(simple);
  assert_int_equal(find_section(leaf, {1}, SectionText::whole)->size, 6);
  assert_int_equal(find_section(leaf, {1}, SectionText::mime)->size, 8);
  assert_false(find_section(leaf, {1, 1}, SectionText::whole).has_value());
  assert_false(find_section(leaf, {2}, SectionText::whole).has_value());
  assert_text(select_fields("A: 1\r\nB: 2\r\n 3\r\na: 4\r\n\r\n", {"A"}, false), "A: 1\r\na: 4\r\n\r\n");
  assert_text(select_fields("A: 1\r\nB: 2\r\n 3\r\na: 4\r\n\r\n", {"A"}, true), "B: 2\r\n 3\r\n\r\n");
  // No empty line is added where the message has none.
  assert_text(select_fields("A: 1\r\nB: 2\r\n", {"A"}, false), "A: 1\r\n");
  assert_text(select_fields("A: 1\r\nB: 2", {"B"}, false), "B: 2\r\n");
  assert_text(select_fields("A: 1\r\n", {"B"}, false), "");
}

static void decoding(void**) {
  const Part root = parse_structure(kMessage);
  const Part& inner = root.children[1].children[0];
  assert_text(decode_text(inner.children[0], kMessage), "\xc3\x84pfel");
  assert_text(decode_body(inner.children[1], kMessage), "<b>hi</b>");
  assert_true(body_contains(root, kMessage, text::casefold("\xc3\xa4PFEL")));
  assert_true(body_contains(root, kMessage, text::casefold("subject: INNER")));
  assert_false(body_contains(root, kMessage, text::casefold("a@b")));
  assert_true(text_contains(root, kMessage, text::casefold("A@b")));
  assert_false(text_contains(root, kMessage, "epilogue"));
  const std::string_view folded = "Subject: folded\r\n\twith a\t tab\r\nContent-Type: image/x\r\n\r\nx";
  const Part image = parse_structure(folded);
  assert_true(text_contains(image, folded, "folded with a tab"));
  assert_true(body_contains(image, folded, ""));
  assert_false(body_contains(image, folded, "x"));
  assert_text(preview(root, kMessage), "one two");
  assert_text(preview(root, kMessage, 4), "one");
  const std::string_view html = "Content-Type: text/html\r\n\r\n<style>x{}</style><p>a &amp; b</p><!-- c --><br>d";
  assert_text(preview(parse_structure(html), html), "a & b d");
}

static void check(const Part& part, size_t start, size_t end) {
  assert_true(part.header_start >= start && part.header_start <= part.body_start);
  assert_true(part.body_start <= part.body_end && part.body_end <= end);
  for (const Part& child : part.children) check(child, part.body_start, part.body_end);
}

static void odd_messages(void**) {
  const char* table[][2] = {
      {"", "text/plain:0:0"},
      {"\r\n", "text/plain:0:0"},
      {"no header at all", "text/plain:0:0"},
      {"Content-Type: nonsense\r\n\r\nx", "text/plain:1:0"},
      {"Content-Type: multipart/mixed\r\n\r\nx", "text/plain:1:0"},  // no boundary
      {"Content-Type: multipart/mixed; boundary=b\r\n\r\nx\r\n", "multipart/mixed:3:1"},
      {"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b", "multipart/mixed(text/plain:0:0)"},
      {"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n--b\r\n--b--\r\n",
       "multipart/mixed(text/plain:0:0 text/plain:0:0)"},
      {"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n\n--b\n\ny\n--b--\n",
       "multipart/mixed(text/plain:2:1 text/plain:1:0)"},
      {"Content-Type: multipart/mixed; boundary=b\r\n\r\n--bb\r\n\r\nx\r\n", "multipart/mixed:11:3"},
      {"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: x\r\n\r\ny\r\n--b--",
       "multipart/digest(message/rfc822(text/plain:1:0))"},
      {"Content-Type: message/rfc822\r\n\r\n", "message/rfc822(text/plain:0:0)"},
      {"Content-Type: message/rfc822\r\n\r\nA: b\r\n\r\nx\r\n", "message/rfc822(text/plain:3:1)"},
      // An outer boundary ends an inner multipart that was never closed.
      {"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/mixed; "
       "boundary=i\r\n\r\n--i\r\n\r\nx\r\n--o\r\n\r\ny\r\n--o--",
       "multipart/mixed(multipart/mixed(text/plain:1:0) text/plain:1:0)"},
      // An empty innermost body that an outer boundary ends: nobody around it ends earlier.
      {"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: message/rfc822\r\n\r\nA: b\r\n\r\n--o--",
       "multipart/mixed(message/rfc822(text/plain:0:0))"},
      // A part of type message/rfc822 that ends within its header.
      {"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n--b--\r\n",
       "multipart/mixed(message/rfc822(text/plain:0:0))"},
  };
  for (const auto& row : table) {
    const Part root = parse_structure(row[0]);
    assert_text(tree(root), row[1]);
    check(root, 0, std::string_view(row[0]).size());
  }
}

static size_t count_parts(const Part& part) {
  size_t n = 1;
  for (const Part& child : part.children) n += count_parts(child);
  return n;
}

static int depth_of(const Part& part) {
  int depth = 0;
  for (const Part& child : part.children) depth = std::max(depth, depth_of(child));
  return depth + 1;
}

static void caps(void**) {
  std::string deep;
  for (int i = 0; i < 1000; ++i)
    deep +=
        "Content-Type: multipart/mixed; boundary=b" + std::to_string(i) + "\r\n\r\n--b" + std::to_string(i) + "\r\n";
  assert_int_equal(depth_of(parse_structure(deep)), 65);
  std::string messages;
  for (int i = 0; i < 1000; ++i) messages += "Content-Type: message/rfc822\r\n\r\n";
  const Part nested = parse_structure(messages);
  assert_int_equal(depth_of(nested), 65);
  const Part* last = &nested;
  while (!last->children.empty()) last = &last->children[0];
  assert_text(last->type, "application");
  std::string wide = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  for (int i = 0; i < 5000; ++i) wide += "--b\r\n\r\nx\r\n";
  wide += "--b--\r\n";
  const Part many = parse_structure(wide);
  assert_int_equal(count_parts(many), 1000);
  assert_int_equal(many.children.back().body_end, wide.size());
}

// Twice the input costs about twice the time, for the shapes that make naive scanners quadratic.
static void linear(void**) {
  const auto cost = [](size_t n) {
    std::string evil;
    for (int i = 0; i < 60; ++i) {
      const std::string boundary = std::string(200, 'b') + std::to_string(i);
      evil += "Content-Type: multipart/mixed; boundary=" + boundary + "\r\n\r\n--" + boundary + "\r\n";
    }
    evil += "\r\n";
    const std::string line = "--" + std::string(201, 'b') + "\r\n";
    while (evil.size() < n) evil += line;
    const Micros start = now_monotonic();
    assert_true(parse_structure(evil).body_end == evil.size());
    return (now_monotonic() - start).count();
  };
  cost(1 << 18);
  int64_t small = INT64_MAX;
  int64_t large = INT64_MAX;
  for (int i = 0; i < 3; ++i) {
    small = std::min<int64_t>(small, cost(1 << 20));
    large = std::min<int64_t>(large, cost(8 << 20));
  }
  if (large > small * 40 + 20000)
    fail_msg("8 times the bytes took %lld us instead of %lld", static_cast<long long>(large),
             static_cast<long long>(small));
}

// Cut at every byte, every byte changed: offsets stay nested.
static void mutated(void**) {
  for (size_t i = 0; i < kMessage.size(); ++i) {
    check(parse_structure(kMessage.substr(0, i)), 0, i);
    for (const char c : std::string_view("\r\n-:;\" b\0", 9)) {
      std::string changed(kMessage);
      changed[i] = c;
      check(parse_structure(changed), 0, changed.size());
    }
  }
}

int main() {
  const CMUnitTest tests[] = {unit_test(parameters),   unit_test(structure), unit_test(sections), unit_test(decoding),
                              unit_test(odd_messages), unit_test(caps),      unit_test(linear),   unit_test(mutated)};
  return run_unit_tests(tests);
}
