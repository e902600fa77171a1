// CommandReader: bytes of a connection in, whole IMAP commands out, whatever pieces the bytes come in.
//
//   line ──"{n}"──▶ literal ──▶ line …  CRLF ──▶ command
//    │                                              the message of an APPEND is handed on as it comes:
//    └─ APPEND … {n} ─▶ append ─accept()─▶ data … ─▶ line end ─▶ append_end
//
// A line, a literal or a command above its limit is skipped and answered; memory stays below
// kMaxCommand plus one line. RFC 3501 2.2.1, 4.3; RFC 7888 (LITERAL+).
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mailkeep::imap {

constexpr size_t kMaxLine = 64 * 1024;      // a line of a command, literals apart (RFC 7162 4 asks for 8192)
constexpr size_t kMaxLiteral = 64 * 1024;   // a literal that is no message
constexpr size_t kMaxCommand = 256 * 1024;  // a command with all its literals

class CommandReader {
 public:
  enum class Event {
    kNone,       // all input is used up: give more
    kGoAhead,    // the client waits with a literal: send "+ OK"
    kCommand,    // command() is whole
    kAppend,     // command() is an APPEND up to its message; call accept() or refuse()
    kData,       // data() is the next piece of the message
    kAppendEnd,  // the message and its line are complete
    kLine,       // command() is the line that expect_line() asked for, without CRLF
    kRefused,    // send refusal()
  };

  struct Limits {
    size_t line = kMaxLine;
    size_t literal = kMaxLiteral;
    size_t command = kMaxCommand;
  };

  CommandReader() = default;
  explicit CommandReader(Limits limits) : limits_(limits) {}

  // Takes what it can from the front of `input`. Views it hands out live until the next call.
  Event next(std::string_view& input);

  std::string_view command() const { return buffer_; }
  std::string_view data() const { return data_; }
  // A whole response line with CRLF.
  const std::string& refusal() const { return refusal_; }

  // After kAppend: takes the message. True when the client waits for a go-ahead.
  bool accept();
  // After kAppend, or while its data come: the caller has answered the command. What the client sends of the
  // message all the same is skipped.
  void refuse();

  // The next line is a continuation (IDLE's DONE, a SASL response), not a command.
  void expect_line() { want_line_ = true; }

 private:
  enum class State { kLine, kLiteral, kAppendDecision, kAppendData, kAppendLine, kSkipLiteral, kSkipLine };

  Event next_line(std::string_view& input);
  Event next_append_line(std::string_view& input);
  void skip_line(std::string_view& input);
  Event on_whole_line();
  Event on_literal(uint64_t size, bool synchronizing);
  Event refuse_command(std::string_view answer, State then);
  // Moves bytes up to and with LF into buffer_; true when the LF was there.
  bool take_line(std::string_view& input);
  void restart();

  Limits limits_{};
  State state_ = State::kLine;
  bool fresh_ = true;  // buffer_ is of the last command
  bool want_line_ = false;
  bool synchronizing_ = false;
  size_t line_start_ = 0;   // of the present line in buffer_
  uint64_t remaining_ = 0;  // bytes of the present literal
  std::string buffer_;
  std::string_view data_;
  std::string refusal_;
};

}  // namespace mailkeep::imap
