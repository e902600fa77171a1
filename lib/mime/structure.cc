// Structure: see the header. One cursor walks the lines; every open multipart's boundary is on a stack and each
// line that begins with "--" is compared with all of them, so an outer boundary ends inner parts that forgot theirs.
// SPDX-License-Identifier: ISC
#include "lib/mime/structure.h"

#include "lib/base/text.h"

namespace mailkeep::mime {
namespace {

constexpr size_t kMaxBoundary = 256;  // RFC 2046 says 70
constexpr size_t kMaxLanguages = 20;

// What stopped a part: the boundary of the multipart at `level`, or the end of all.
struct Stop {
  size_t level = SIZE_MAX;  // SIZE_MAX: end of message
  bool is_close = false;
};

class StructureParser {
 public:
  StructureParser(std::string_view message, const StructureLimits& limits) : message_(message), limits_(limits) {}

  Part parse() {
    Part root;
    part(root, 0, "text", "plain");
    return root;
  }

 private:
  // From the header at the cursor up to the stop; the cursor is then behind the boundary line.
  Stop part(Part& out, int depth, std::string_view type, std::string_view subtype) {
    ++parts_;
    out.header_start = at_;
    out.type = type;
    out.subtype = subtype;
    const size_t lines_at_header = newlines_;
    Stop stop;
    const bool stopped = skip_header(stop);
    out.body_start = stopped ? stop_at_ : at_;
    out.header_lines = (stopped ? stop_newlines_ : newlines_) - lines_at_header;
    describe(out, rfc5322::parse_header(out.header(message_), limits_.header));
    const size_t lines_at_body = newlines_;
    const bool is_container = out.is_multipart() || out.is_message();
    if (is_container && depth >= limits_.depth) {
      out.type = "application";
      out.subtype = "octet-stream";
    }
    if (stopped) {
      out.body_end = out.body_start;
      if (out.is_message()) empty_message(out);
      return stop;
    }
    if (out.is_multipart()) {
      stop = multipart(out, depth);
    } else if (out.is_message()) {
      out.children.emplace_back();
      stop = part(out.children.back(), depth + 1, "text", "plain");
    } else {
      stop = skip_to_stop();
    }
    if (stop_at_ <
        out.body_start) {  // an empty body: the line end before the boundary is the header's; so for all around it
      stop_at_ = out.body_start;
      stop_newlines_ = lines_at_body;
    }
    out.body_end = stop_at_;
    out.lines = stop_newlines_ - lines_at_body;
    return stop;
  }

  void empty_message(Part& out) {
    ++parts_;
    Part& child = out.children.emplace_back();
    child.encoding = "7bit";
    child.header_start = child.body_start = child.body_end = out.body_start;
  }

  Stop multipart(Part& out, int depth) {
    const std::string boundary = *find_param(out.params, "boundary");
    const size_t level = boundaries_.size();
    const bool is_digest = out.subtype == "digest";
    boundaries_.push_back(boundary);
    Stop stop = skip_to_stop();  // preamble
    while (stop.level == level && !stop.is_close) {
      out.children.emplace_back();
      if (parts_ + 1 >= limits_.parts) boundaries_.assign(boundaries_.size(), "");  // the rest is one leaf
      const bool is_last = parts_ + 1 >= limits_.parts;
      Part& child = out.children.back();
      const int child_depth = is_last ? limits_.depth : depth + 1;
      stop = is_digest ? part(child, child_depth, "message", "rfc822") : part(child, child_depth, "text", "plain");
    }
    boundaries_.pop_back();
    // Behind the close delimiter comes the epilogue, up to an outer boundary.
    return stop.level == level ? skip_to_stop() : stop;
  }

  // The line at the cursor, which moves behind it.
  std::string_view next_line() {
    const size_t newline = message_.find('\n', at_);
    const size_t end = newline == std::string_view::npos ? message_.size() : newline + 1;
    const std::string_view line = message_.substr(at_, end - at_);
    at_ = end;
    if (newline != std::string_view::npos) ++newlines_;
    return line;
  }

  // Whether `line`, just read, is a boundary; then the stop's place is set to where the content before it ends.
  bool is_stop(std::string_view line, Stop& stop) {
    if (line.substr(0, 2) != "--" || boundaries_.empty()) return false;
    std::string_view rest = line.substr(2);
    while (!rest.empty() && (is_space(rest.back()) || rest.back() == '\r' || rest.back() == '\n'))
      rest.remove_suffix(1);
    for (size_t i = boundaries_.size(); i-- > 0;) {
      const std::string& boundary = boundaries_[i];
      if (boundary.empty() || rest.substr(0, boundary.size()) != boundary) continue;
      const std::string_view tail = rest.substr(boundary.size());
      if (!tail.empty() && tail != "--") continue;
      stop = {i, !tail.empty()};
      const size_t line_start = at_ - line.size();
      stop_at_ = line_start;
      stop_newlines_ = newlines_ - (line.back() == '\n' ? 1 : 0);
      if (stop_at_ > 0) {  // the line end before the boundary
        --stop_at_;
        --stop_newlines_;
        if (stop_at_ > 0 && message_[stop_at_ - 1] == '\r') --stop_at_;
      }
      return true;
    }
    return false;
  }

  void stop_at_end() {
    stop_at_ = at_;
    stop_newlines_ = newlines_;
  }

  // Over the empty line. True when a boundary came first; the header then ends where its line begins.
  bool skip_header(Stop& stop) {
    const size_t start = at_;
    while (at_ < message_.size()) {
      const size_t line_start = at_;
      const size_t newlines = newlines_;
      const std::string_view line = next_line();
      if (is_stop(line, stop)) {
        stop_at_ = std::max(start, line_start);
        stop_newlines_ = newlines;
        return true;
      }
      if (line == "\n" || line == "\r\n") break;
    }
    return false;
  }

  Stop skip_to_stop() {
    Stop stop;
    while (at_ < message_.size()) {
      if (is_stop(next_line(), stop)) return stop;
    }
    stop_at_end();
    return stop;
  }

  void describe(Part& out, const rfc5322::Header& header);

  std::string_view message_;
  StructureLimits limits_;
  size_t at_ = 0;
  size_t newlines_ = 0;       // before at_
  size_t stop_at_ = 0;        // where the content before the last stop ended
  size_t stop_newlines_ = 0;  // line ends before stop_at_
  size_t parts_ = 0;
  std::vector<std::string> boundaries_;
};

bool is_token(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (c <= 32 || c >= 127 || std::string_view("()<>@,;:\\\"/[]?=").find(c) != std::string_view::npos) return false;
  }
  return true;
}

// Content-Type into the part. What is not "token/token", and a multipart without a usable boundary, is text/plain
// (RFC 2045 5.2).
void set_type(Part& out, std::string_view value) {
  Parameterized parsed = parse_parameterized(value);
  const size_t slash = parsed.value.find('/');
  std::string type(trim(std::string_view(parsed.value).substr(0, slash)));
  std::string subtype(slash == std::string::npos ? "" : trim(std::string_view(parsed.value).substr(slash + 1)));
  const std::string* boundary = find_param(parsed.params, "boundary");
  const bool has_boundary = boundary != nullptr && !boundary->empty() && boundary->size() <= kMaxBoundary;
  if (!is_token(type) || !is_token(subtype) || (type == "multipart" && !has_boundary)) {
    out.type = "text";
    out.subtype = "plain";
    return;
  }
  out.type = std::move(type);
  out.subtype = std::move(subtype);
  out.params = std::move(parsed.params);
}

void StructureParser::describe(Part& out, const rfc5322::Header& header) {
  using rfc5322::unfold;
  const auto is = [](const rfc5322::Field& field, std::string_view name) { return equals_nocase(field.name, name); };
  bool has_type = false;
  for (const rfc5322::Field& field : header.fields) {
    if (!starts_with_nocase(field.name, "content-")) continue;
    if (is(field, "content-type") && !has_type) {
      has_type = true;
      set_type(out, field.value);
    } else if (is(field, "content-transfer-encoding") && out.encoding.empty()) {
      out.encoding = parse_parameterized(field.value).value;
      out.encoding.resize(std::min(out.encoding.size(), out.encoding.find_first_of(" \t")));  // "base64 and junk"
    } else if (is(field, "content-id")) {
      out.id = unfold(field.value);
    } else if (is(field, "content-description")) {
      out.description = unfold(field.value);
    } else if (is(field, "content-location")) {
      out.location = unfold(field.value);
    } else if (is(field, "content-md5")) {
      out.md5 = unfold(field.value);
    } else if (is(field, "content-disposition") && out.disposition.empty()) {
      Parameterized parsed = parse_parameterized(field.value);
      out.disposition = std::move(parsed.value);
      out.disposition_params = std::move(parsed.params);
    } else if (is(field, "content-language") && out.languages.empty()) {
      const std::string list = unfold(field.value);
      for (const std::string_view tag : split(list, ',')) {
        if (out.languages.size() < kMaxLanguages && !trim(tag).empty()) out.languages.emplace_back(trim(tag));
      }
    }
  }
  if (out.encoding.empty()) out.encoding = "7bit";
  if (!has_type && out.type == "text") out.params = {{"charset", "us-ascii"}};  // RFC 2045 5.2
}

}  // namespace

std::string Part::filename() const {
  std::string name = param_text(disposition_params, "filename");
  return name.empty() ? param_text(params, "name") : name;
}

Part parse_structure(std::string_view message, const StructureLimits& limits) {
  return StructureParser(message, limits).parse();
}

}  // namespace mailkeep::mime
