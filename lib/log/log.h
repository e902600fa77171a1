// The log: one line an event, key=value, the event's name first after the session. A public interface:
// names stand in events.h, and fail2ban, `mailkeepctl log` and `mailkeepctl trace` read them.
//
//   log::info("rcpt").kv("session", hex64(id)).kv("to", address).kv("code", 250);
//
// A line is written when its Line object dies. Values are escaped here; secrets and message bodies are
// never given to it. Lines of one turn of the event loop leave in one write (flush()).
// SPDX-License-Identifier: ISC
#pragma once

#include <concepts>
#include <functional>
#include <string>
#include <string_view>

namespace mailkeep::log {

enum class Level { kError, kWarn, kInfo, kDebug };

class Line {
 public:
  Line(Level level, std::string_view event);
  ~Line();
  Line(Line&& other) noexcept;
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  Line&& kv(std::string_view key, std::string_view value) &&;
  Line& kv(std::string_view key, std::string_view value) &;
  template <std::integral T>
  Line&& kv(std::string_view key, T value) && {
    return std::move(*this).kv(key, std::string_view(std::to_string(value)));
  }

 private:
  void add(std::string_view key, std::string_view value);

  bool on_;
  Level level_;
  std::string text_;
};

inline Line error(std::string_view event) { return Line(Level::kError, event); }
inline Line warn(std::string_view event) { return Line(Level::kWarn, event); }
inline Line info(std::string_view event) { return Line(Level::kInfo, event); }
inline Line debug(std::string_view event) { return Line(Level::kDebug, event); }

// Where lines go: standard error, or syslog(3) opened here (so before a chroot). `process` is the role.
void open(std::string_view process, Level level, bool to_stderr);
void set_level(Level level);
// Each line is also given to `tap` (none: an empty function). Used while `mailkeepctl log` follows.
void set_tap(std::function<void(std::string_view)> tap);
// Writes what the turn gathered. The event loop calls it at the end of each turn; fatal() does too.
void flush();

}  // namespace mailkeep::log
