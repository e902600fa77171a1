// CommandReader. Pure but for its own state; runs in imapd before login and in `user` after it; trusts nothing.
// SPDX-License-Identifier: ISC
#include "lib/imap/reader.h"

#include <algorithm>

#include "lib/base/result.h"
#include "lib/imap/command.h"
#include "lib/imap/lexer.h"

namespace mailkeep::imap {
namespace {

constexpr size_t kTail = 32;  // bytes kept of a line that is skipped: enough for a literal's header

}  // namespace

void CommandReader::restart() {
  state_ = State::kLine;
  fresh_ = true;
  line_start_ = 0;
}

CommandReader::Event CommandReader::next(std::string_view& input) {
  while (true) {
    switch (state_) {
      case State::kLine:
      case State::kLiteral: return next_line(input);
      case State::kAppendDecision: fatal("CommandReader: next() before accept() or refuse()");
      case State::kAppendData: {
        if (remaining_ == 0) {
          state_ = State::kAppendLine;
          line_start_ = buffer_.size();
          continue;
        }
        if (input.empty()) return Event::kNone;
        const size_t size = static_cast<size_t>(std::min<uint64_t>(remaining_, input.size()));
        data_ = input.substr(0, size);
        input.remove_prefix(size);
        remaining_ -= size;
        return Event::kData;
      }
      case State::kAppendLine: return next_append_line(input);
      case State::kSkipLiteral: {
        const size_t size = static_cast<size_t>(std::min<uint64_t>(remaining_, input.size()));
        input.remove_prefix(size);
        remaining_ -= size;
        if (remaining_ > 0) return Event::kNone;
        state_ = State::kSkipLine;
        line_start_ = 0;
        buffer_.clear();
        continue;
      }
      case State::kSkipLine: {
        skip_line(input);
        if (state_ == State::kSkipLine) return Event::kNone;
        continue;
      }
    }
  }
}

bool CommandReader::take_line(std::string_view& input) {
  const size_t lf = input.find('\n');
  const size_t size = lf == std::string_view::npos ? input.size() : lf + 1;
  const size_t room = limits_.line + 2 - std::min(limits_.line + 2, buffer_.size() - line_start_);
  const size_t taken = std::min(size, room);
  buffer_.append(input.substr(0, taken));
  input.remove_prefix(taken);
  return taken == size && lf != std::string_view::npos;
}

CommandReader::Event CommandReader::next_line(std::string_view& input) {
  if (fresh_) {
    buffer_.clear();
    fresh_ = false;
  }
  while (true) {
    if (state_ == State::kLiteral) {
      const size_t size = static_cast<size_t>(std::min<uint64_t>(remaining_, input.size()));
      buffer_.append(input.substr(0, size));
      input.remove_prefix(size);
      remaining_ -= size;
      if (remaining_ > 0) return Event::kNone;
      state_ = State::kLine;
      line_start_ = buffer_.size();
    }
    if (take_line(input)) {
      const Event event = on_whole_line();
      if (event == Event::kNone && state_ == State::kLiteral) continue;
      return event;
    }
    if (buffer_.size() - line_start_ < limits_.line + 2) return Event::kNone;
    return refuse_command("BAD [TOOBIG] Command line too long", State::kSkipLine);
  }
}

CommandReader::Event CommandReader::on_whole_line() {
  const std::string_view line = std::string_view(buffer_).substr(line_start_);
  if (line.size() < 2 || line[line.size() - 2] != '\r') {
    if (!want_line_) return refuse_command("BAD Lines end with CRLF", State::kLine);
    buffer_.insert(buffer_.size() - 1, 1, '\r');  // a continuation is forgiven
  }
  if (want_line_) {
    want_line_ = false;
    buffer_.resize(buffer_.size() - 2);
    restart();
    return Event::kLine;
  }
  const auto header = literal_header(line.substr(0, line.size() - 2));
  if (header) return on_literal(header->size, header->synchronizing);
  restart();
  return Event::kCommand;
}

CommandReader::Event CommandReader::on_literal(uint64_t size, bool synchronizing) {
  synchronizing_ = synchronizing;
  remaining_ = size;
  if (is_append_head(buffer_)) {
    state_ = State::kAppendDecision;
    return Event::kAppend;
  }
  if (size > limits_.literal || buffer_.size() + size > limits_.command) {
    // A client that waits will not send the literal, nor the rest (RFC 7888 3).
    return refuse_command("NO [TOOBIG] Literal too large", synchronizing ? State::kLine : State::kSkipLiteral);
  }
  state_ = State::kLiteral;
  return synchronizing ? Event::kGoAhead : Event::kNone;
}

CommandReader::Event CommandReader::refuse_command(std::string_view answer, State then) {
  refusal_ = command_tag(buffer_) + ' ';
  refusal_ += answer;
  refusal_ += "\r\n";
  const std::string tail = buffer_.substr(std::max(line_start_, buffer_.size() - std::min(buffer_.size(), kTail)));
  restart();
  state_ = then;
  if (then == State::kSkipLine) buffer_ = tail;
  want_line_ = false;
  return Event::kRefused;
}

// Passes over a line that belongs to a command which has its answer. Literals in it that the client does not wait
// with are passed over too.
void CommandReader::skip_line(std::string_view& input) {
  const size_t lf = input.find('\n');
  const std::string_view piece = input.substr(0, lf == std::string_view::npos ? input.size() : lf + 1);
  buffer_.append(piece.substr(piece.size() - std::min(piece.size(), kTail)));
  if (buffer_.size() > kTail) buffer_.erase(0, buffer_.size() - kTail);
  input.remove_prefix(piece.size());
  if (lf == std::string_view::npos) return;
  std::string_view tail = buffer_;
  tail.remove_suffix(tail.ends_with("\r\n") ? 2 : 1);
  const auto header = literal_header(tail);
  if (header && !header->synchronizing) {
    remaining_ = header->size;
    state_ = State::kSkipLiteral;
    return;
  }
  restart();
}

CommandReader::Event CommandReader::next_append_line(std::string_view& input) {
  // Only CRLF may follow the message.
  const bool whole = take_line(input);
  const std::string_view line = std::string_view(buffer_).substr(line_start_);
  if (whole && line == "\r\n") {
    buffer_.resize(line_start_);
    restart();
    return Event::kAppendEnd;
  }
  if (!whole && (line.empty() || line == "\r")) return Event::kNone;
  if (whole) {
    // skip_line() sees the line's end again: it knows what may follow there.
    buffer_.pop_back();
    std::string_view lf = "\n";
    const Event event = refuse_command("BAD APPEND takes one message", State::kSkipLine);
    skip_line(lf);
    return event;
  }
  return refuse_command("BAD APPEND takes one message", State::kSkipLine);
}

bool CommandReader::accept() {
  if (state_ != State::kAppendDecision) fatal("CommandReader: accept() without an APPEND");
  state_ = State::kAppendData;
  return synchronizing_;
}

void CommandReader::refuse() {
  if (state_ == State::kAppendDecision && synchronizing_) {
    restart();
  } else if (state_ == State::kAppendDecision || state_ == State::kAppendData) {
    state_ = State::kSkipLiteral;
  }
}

}  // namespace mailkeep::imap
