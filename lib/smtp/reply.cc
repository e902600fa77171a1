// SMTP replies: see the header.
// SPDX-License-Identifier: ISC
#include "lib/smtp/reply.h"

#include "lib/base/limits.h"
#include "lib/base/text.h"

namespace mailkeep::smtp {
namespace {

std::string reply_line(int code, char separator, std::string_view text) {
  std::string out = std::to_string(code) + separator;
  for (const char c : text.substr(0, kMaxReplyText)) out += c >= 32 && c <= 126 ? c : '?';
  return out + "\r\n";
}

}  // namespace

std::string format_reply(int code, std::string_view enhanced, std::string_view text) {
  std::string line(enhanced);
  if (!line.empty() && !text.empty()) line += ' ';
  line += text;
  return reply_line(code, ' ', line);
}

std::string format_multiline_reply(int code, const std::vector<std::string>& lines) {
  std::string out;
  for (size_t i = 0; i < lines.size(); ++i) out += reply_line(code, i + 1 == lines.size() ? ' ' : '-', lines[i]);
  if (lines.empty()) out = reply_line(code, ' ', "");
  return out;
}

bool is_enhanced_code(std::string_view text) {
  const auto parts = split(text, '.');
  return parts.size() == 3 && (parts[0] == "2" || parts[0] == "4" || parts[0] == "5") && parts[1].size() <= 3 &&
         parts[2].size() <= 3 && parse_u64(parts[1]).has_value() && parse_u64(parts[2]).has_value();
}

Result<ReplyLine> parse_reply_line(std::string_view line) {
  if (line.size() > kMaxReplyLine) return Error("reply line too long");
  const auto code = parse_u64(line.substr(0, 3), 599);
  if (line.size() < 3 || !code || *code < 200) return Error("no reply code");
  ReplyLine reply;
  reply.code = static_cast<int>(*code);
  reply.is_last = line.size() == 3 || line[3] == ' ';
  if (!reply.is_last && line[3] != '-') return Error("no space behind the reply code");
  reply.text = line.size() > 4 ? line.substr(4) : std::string_view();
  const std::string_view word = reply.text.substr(0, reply.text.find(' '));
  if (is_enhanced_code(word) && word[0] == line[0]) {
    reply.enhanced = word;
    reply.text.remove_prefix(word.size());
    reply.text = trim(reply.text);
  }
  return reply;
}

}  // namespace mailkeep::smtp
