// FETCH and UID FETCH (RFC 3501 6.4.5), in slices: a message a step, a large one in pieces, so that neither the output
// nor the other sessions wait for a whole mailbox. Where BODY[] sets \Seen it is set for a window of messages ahead of
// showing them. Run by `user`; the messages are strangers'.
// SPDX-License-Identifier: ISC
#include <algorithm>
#include <array>
#include <cerrno>

#include "imapd/session/session.h"
#include "lib/imap/date.h"
#include "lib/imap/writer.h"
#include "lib/mime/section.h"
#include "lib/mime/structure.h"

namespace mailkeep::imapd {
namespace {

using Type = imap::FetchItem::Type;
using Text = imap::Section::Text;

constexpr size_t kSeenWindow = 64;        // messages that are marked \Seen by one record
constexpr size_t kPiece = 64 * 1024;      // of a body, a step
constexpr uint32_t kVerified = 1U << 20;  // bodies up to this size are read at once and their checksum verified

bool is_header_only(const imap::FetchItem& item) {
  if (item.type == Type::kRfc822Header) return true;
  return item.type == Type::kBodySection && item.section.part.empty() &&
         (item.section.text == Text::kHeader || item.section.text == Text::kHeaderFields ||
          item.section.text == Text::kHeaderFieldsNot);
}
bool is_whole(const imap::FetchItem& item) {
  return item.type == Type::kRfc822 ||
         (item.type == Type::kBodySection && item.section.part.empty() && item.section.text == Text::kNone);
}
bool is_text(const imap::FetchItem& item) {
  return item.type == Type::kRfc822Text ||
         (item.type == Type::kBodySection && item.section.part.empty() && item.section.text == Text::kText);
}
bool is_part(const imap::FetchItem& item) { return item.type == Type::kBodySection && !item.section.part.empty(); }
bool sets_seen(const imap::FetchItem& item) {
  return item.type == Type::kRfc822 || item.type == Type::kRfc822Text ||
         (item.type == Type::kBodySection && !item.peek);
}
bool is_summary(const imap::FetchItem& item) {
  return item.type == Type::kEnvelope || item.type == Type::kBody || item.type == Type::kBodyStructure;
}

std::string item_name(const imap::FetchItem& item) {
  switch (item.type) {
    case Type::kRfc822: return "RFC822";
    case Type::kRfc822Header: return "RFC822.HEADER";
    case Type::kRfc822Text: return "RFC822.TEXT";
    default: return imap::format_body_section(item);
  }
}

}  // namespace

class FetchWork : public Session::Work {
 public:
  FetchWork(Session& session, imap::Fetch command, std::vector<store::Uid> uids)
      : session_(session), command_(std::move(command)), uids_(std::move(uids)) {
    const auto& items = command_.items;
    sets_seen_ = !session_.view_->is_read_only && std::any_of(items.begin(), items.end(), sets_seen);
    const bool has_uid = std::any_of(items.begin(), items.end(), [](const auto& i) { return i.type == Type::kUid; });
    if (command_.uid && !has_uid) command_.items.insert(command_.items.begin(), imap::FetchItem{Type::kUid});
  }

  bool step() override {
    if (left_ > 0) {
      stream();
      return false;
    }
    if (is_open_) {
      next_item();
      return false;
    }
    if (next_ == uids_.size()) {
      finish();
      return true;
    }
    if (sets_seen_ && next_ == marked_) {
      mark_seen();
      return false;
    }
    begin_message(uids_[next_++]);
    return false;
  }

 private:
  void mark_seen() {
    const size_t end = std::min(uids_.size(), marked_ + kSeenWindow);
    const store::UidSet window = to_uid_set(std::span(uids_).subspan(marked_, end - marked_));
    marked_ = end;
    newly_seen_.clear();
    if (session_.mailbox() == nullptr) return;
    store::FlagChange change;
    change.op = store::FlagOp::add;
    change.flags = store::kSeen;
    const auto done = session_.store_.store_flags(session_.view_->id, window, change);
    if (!done) return stop_marking(done.error());
    if (done->seq == 0) return;
    newly_seen_ = done->changed;
    session_.quiet(done->seq);
    session_.after_sync(
        done->seq, [] {}, [this](const Error& error) { stop_marking(error); });
  }

  // Reading goes on when the disk takes no more.
  void stop_marking(const Error& error) {
    if (session_.options_.report) session_.options_.report("fetch: cannot set \\Seen: " + error.text);
    sets_seen_ = false;
    newly_seen_.clear();
  }

  void begin_message(store::Uid uid) {
    const store::Mailbox* box = session_.mailbox();
    const store::Message* found = box == nullptr ? nullptr : box->find(uid);
    const auto number = session_.view_->number(uid);
    if (found == nullptr || !number) {
      is_missing_ = true;
      return;
    }
    message_ = *found;
    if (const Status loaded = load(); !loaded) {
      if (session_.options_.report)
        session_.options_.report("fetch uid " + std::to_string(uid) + ": " + loaded.error().text);
      is_unreadable_ = true;
      return;
    }
    if (box->keywords_version != session_.view_->keywords_shown) session_.write_flags_response(*box);
    session_.out_ += "* " + std::to_string(*number) + " FETCH (";
    is_open_ = true;
    item_ = 0;
  }

  // Reads what the items need, so that nothing can fail once the response has begun.
  Status load() {
    const auto& items = command_.items;
    const auto any = [&items](bool (*is)(const imap::FetchItem&)) {
      return std::any_of(items.begin(), items.end(), is);
    };
    summary_ = {};
    text_.clear();
    has_text_ = false;
    const bool needs_header = any(is_header_only) || any(is_text);
    if (any(is_summary) || needs_header) {
      auto summary = session_.store_.summary(message_);
      if (!summary) return summary.error();
      summary_ = std::move(*summary);
    }
    const bool is_small = message_.size <= kVerified;
    const bool must_parse = any(is_part) && session_.parsed_.object != message_.object;
    if (must_parse || ((any(is_part) || any(is_whole) || any(is_text)) && is_small)) {
      if (auto loaded = load_text(must_parse, is_small); !loaded) return loaded;
    }
    return any(is_header_only) ? load_header() : Status();
  }

  // A large message is not kept in memory: what is shown of it is read again, piece by piece, as the client takes it.
  Status load_text(bool must_parse, bool is_small) {
    auto text = session_.store_.read_all(message_);
    if (!text) return text.error();
    session_.work_done_ += message_.size;
    if (must_parse) session_.parsed_ = {message_.object, mime::parse_structure(*text)};
    has_text_ = is_small;
    if (is_small) text_ = std::move(*text);
    return {};
  }

  Status load_header() {
    header_.assign(std::min<size_t>(summary_.header_size, message_.size), '\0');
    const auto got = session_.store_.read(message_, 0, header_);
    if (!got) return got.error();
    if (*got != header_.size()) return Error("the message ends early", EIO);
    return {};
  }

  void next_item() {
    std::string& out = session_.out_;
    if (item_ == command_.items.size()) return end_message();
    if (item_ > 0) out += ' ';
    const imap::FetchItem& item = command_.items[item_++];
    switch (item.type) {
      case Type::kEnvelope: out += "ENVELOPE " + summary_.envelope; break;
      case Type::kBody: out += "BODY " + summary_.body; break;
      case Type::kBodyStructure: out += "BODYSTRUCTURE " + summary_.bodystructure; break;
      case Type::kUid: out += "UID " + std::to_string(message_.uid); break;
      case Type::kRfc822Size: out += "RFC822.SIZE " + std::to_string(message_.size); break;
      case Type::kInternalDate: out += "INTERNALDATE \"" + imap::format_date_time(message_.internal_date) + '"'; break;
      case Type::kFlags: write_flags(); break;
      case Type::kRfc822:
      case Type::kRfc822Header:
      case Type::kRfc822Text:
      case Type::kBodySection: write_body(item); break;
    }
  }

  void write_flags() {
    if (const store::Mailbox* box = session_.mailbox()) session_.write_flags(*box, message_);
    newly_seen_shown_ = true;
  }

  void end_message() {
    if (!newly_seen_shown_ && store::contains(newly_seen_, message_.uid)) {
      session_.out_ += ' ';
      write_flags();
    }
    newly_seen_shown_ = false;
    session_.out_ += ")\r\n";
    is_open_ = false;
    text_ = std::string();
  }

  void write_body(const imap::FetchItem& item) {
    session_.out_ += item_name(item) + ' ';
    if (is_header_only(item)) {
      if (item.section.fields.empty()) return write_text(item, header_);
      return write_text(item,
                        mime::select_fields(header_, item.section.fields, item.section.text == Text::kHeaderFieldsNot));
    }
    if (is_whole(item)) return write_range(item, 0, message_.size);
    if (is_text(item)) {
      const size_t start = std::min<size_t>(summary_.header_size, message_.size);
      return write_range(item, start, message_.size - start);
    }
    write_part(item);
  }

  void write_part(const imap::FetchItem& item) {
    const imap::Section& section = item.section;
    const mime::Part& root = session_.parsed_.root;
    if (section.text == Text::kHeaderFields || section.text == Text::kHeaderFieldsNot) {
      const auto range = mime::find_section(root, section.part, mime::SectionText::header);
      if (!range) return nil();
      const auto fields = bytes(*range);
      if (!fields) return unreadable();
      return write_text(item, mime::select_fields(*fields, section.fields, section.text == Text::kHeaderFieldsNot));
    }
    const mime::SectionText text = section.text == Text::kNone     ? mime::SectionText::whole
                                   : section.text == Text::kHeader ? mime::SectionText::header
                                   : section.text == Text::kText   ? mime::SectionText::text
                                                                   : mime::SectionText::mime;
    const auto range = mime::find_section(root, section.part, text);
    if (!range) return nil();
    write_range(item, range->start, range->size);
  }

  void nil() { session_.out_ += "NIL"; }

  // The response has begun and can neither be filled nor taken back.
  void unreadable() {
    if (session_.options_.report) session_.options_.report("fetch: a message ends early");
    session_.bye("A message cannot be read");
  }

  std::optional<std::string> bytes(const mime::Range& range) {
    if (has_text_) return text_.substr(range.start, range.size);
    std::string out(range.size, '\0');
    const auto got = session_.store_.read(message_, range.start, out);
    if (!got || *got != out.size()) return std::nullopt;
    return out;
  }

  // The range that "<first.count>" leaves of `size` octets.
  static mime::Range partial(const imap::FetchItem& item, size_t size) {
    if (!item.partial) return {0, size};
    const size_t start = std::min<size_t>(item.partial->first, size);
    return {start, std::min<size_t>(item.partial->second, size - start)};
  }

  void write_text(const imap::FetchItem& item, std::string_view text) {
    const mime::Range range = partial(item, text.size());
    write_size(range.size);
    session_.out_ += text.substr(range.start, range.size);
  }

  void write_range(const imap::FetchItem& item, size_t start, size_t size) {
    const mime::Range range = partial(item, size);
    write_size(range.size);
    offset_ = start + range.start;
    left_ = range.size;
  }

  void write_size(size_t size) {
    if (size == 0)
      session_.out_ += "\"\"";
    else
      imap::write_literal_header(session_.out_, size);
  }

  // One piece of the literal that was begun.
  void stream() {
    const size_t size = std::min(left_, kPiece);
    if (has_text_) {
      session_.out_.append(text_, offset_, size);
    } else {
      std::array<char, kPiece> piece;
      const auto got = session_.store_.read(message_, offset_, std::span(piece).first(size));
      if (!got || *got != size) return unreadable();
      session_.out_.append(piece.data(), size);
    }
    offset_ += size;
    left_ -= size;
  }

  void finish() {
    if (is_unreadable_)
      session_.no("[UNAVAILABLE] Some of the messages could not be read");
    else if (is_missing_ && !command_.uid)
      session_.no("[EXPUNGEISSUED] Some of the messages no longer exist");
    else
      session_.ok("Done");
  }

  Session& session_;
  imap::Fetch command_;
  std::vector<store::Uid> uids_;
  size_t next_ = 0;    // of uids_, to be shown
  size_t marked_ = 0;  // uids_ before this one are \Seen
  bool sets_seen_ = false;
  bool is_missing_ = false, is_unreadable_ = false;
  store::UidSet newly_seen_;

  // The message being shown.
  bool is_open_ = false, newly_seen_shown_ = false, has_text_ = false;
  size_t item_ = 0;
  store::Message message_;
  store::Summary summary_;
  std::string header_;
  std::string text_;              // all of it, where it was read
  size_t offset_ = 0, left_ = 0;  // of the literal being written
};

void Session::on(imap::Fetch command) {
  may_expunge_ = command.uid;
  auto uids = select_uids(command.set, command.uid);
  if (!uids) return;
  work_ = std::make_unique<FetchWork>(*this, std::move(command), std::move(*uids));
}

}  // namespace mailkeep::imapd
