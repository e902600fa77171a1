// The log's sink: see log.h. The one piece of global mutable state in a process.
// SPDX-License-Identifier: ISC
#include "lib/log/log.h"

#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/text.h"

namespace mailkeep::log {

namespace {

constexpr size_t kFlushAt = 16 * 1024;
constexpr size_t kMaxValue = 400;

struct Sink {
  std::string process = "mailkeep";
  Level level = Level::kInfo;
  bool to_stderr = true;
  bool buffered = false;
  std::string pending;
  std::function<void(std::string_view)> tap;
  bool in_tap = false;
};

Sink& sink() {
  static Sink s;
  return s;
}

int priority(Level level) {
  switch (level) {
    case Level::kError: return LOG_ERR;
    case Level::kWarn: return LOG_WARNING;
    case Level::kInfo: return LOG_INFO;
    case Level::kDebug: return LOG_DEBUG;
  }
  return LOG_ERR;
}

std::string_view level_name(Level level) {
  switch (level) {
    case Level::kError: return "error";
    case Level::kWarn: return "warn";
    case Level::kInfo: return "info";
    case Level::kDebug: return "debug";
  }
  return "error";
}

bool plain(std::string_view value) {
  if (value.empty()) return false;
  for (char c : value) {
    if (c <= ' ' || c > '~' || c == '"' || c == '\\' || c == '=') return false;
  }
  return true;
}

void emit(Level level, const std::string& text) {
  Sink& s = sink();
  if (s.to_stderr) {
    s.pending += text;
    s.pending += '\n';
    if (!s.buffered || s.pending.size() >= kFlushAt) flush();
  } else {
    syslog(priority(level), "%s", text.c_str());
  }
  if (s.tap && !s.in_tap) {
    s.in_tap = true;
    s.tap(text);
    s.in_tap = false;
  }
}

}  // namespace

Line::Line(Level level, std::string_view event) : on_(level <= sink().level), level_(level) {
  if (!on_) return;
  text_ = "process=" + sink().process;
  add("event", event);
  if (level != Level::kInfo) add("level", level_name(level));
}

Line::Line(Line&& other) noexcept : on_(other.on_), level_(other.level_), text_(std::move(other.text_)) {
  other.on_ = false;
}

Line::~Line() {
  if (on_) emit(level_, text_);
}

void Line::add(std::string_view key, std::string_view value) {
  text_ += ' ';
  text_ += key;
  text_ += '=';
  if (plain(value) && value.size() <= kMaxValue) {
    text_ += value;
    return;
  }
  text_ += '"';
  std::string shown = printable(value, kMaxValue);
  for (char c : shown) {
    if (c == '"') text_ += '\\';
    text_ += c;
  }
  text_ += '"';
}

Line&& Line::kv(std::string_view key, std::string_view value) && {
  if (on_) add(key, value);
  return std::move(*this);
}

Line& Line::kv(std::string_view key, std::string_view value) & {
  if (on_) add(key, value);
  return *this;
}

void open(std::string_view process, Level level, bool to_stderr) {
  Sink& s = sink();
  s.process = process;
  s.level = level;
  s.to_stderr = to_stderr;
  s.buffered = true;
  if (to_stderr) return;
  openlog("mailkeep", LOG_PID | LOG_NDELAY, LOG_MAIL);
  tzset();  // syslog(3) would look for the time zone's file at the first line, when there is no file system any more
}

void set_level(Level level) { sink().level = level; }
void set_tap(std::function<void(std::string_view)> tap) { sink().tap = std::move(tap); }

void flush() {
  Sink& s = sink();
  std::string_view rest = s.pending;
  while (!rest.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;  // nobody reads the log: losing its lines is better than stopping the mail
    rest.remove_prefix(static_cast<size_t>(n));
  }
  s.pending.clear();
}

}  // namespace mailkeep::log
