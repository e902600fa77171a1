// SEARCH and UID SEARCH (RFC 3501 6.4.4), in slices. Run by `user`.
// SPDX-License-Identifier: ISC
#include "imapd/session/search_matcher.h"
#include "imapd/session/session.h"
#include "lib/base/text.h"

namespace mailkeep::imapd {
namespace {

constexpr size_t kMessagesAStep = 100;  // fewer where messages must be read

// A message number in the program that does not exist makes it a BAD.
bool numbers_exist(const imap::SearchKey& key, const View& view) {
  if (key.type == imap::SearchKey::Type::kSequence) return view.select(key.set, false).has_value();
  for (const imap::SearchKey& child : key.children)
    if (!numbers_exist(child, view)) return false;
  return true;
}

}  // namespace

class SearchWork : public Session::Work {
 public:
  SearchWork(Session& session, const imap::Search& command)
      : session_(session), by_uid_(command.uid), matcher_(session.store_, *session.view_, command.key) {}

  bool step() override {
    const store::Mailbox* box = session_.mailbox();
    const auto& uids = session_.view_->uids;
    for (size_t i = 0; i < kMessagesAStep && session_.work_done_ < kWorkARun; ++i) {
      if (box == nullptr || next_ == uids.size()) {
        finish();
        return true;
      }
      const store::Message* message = box->find(uids[next_++]);
      if (message != nullptr) test(*box, *message);
    }
    return false;
  }

 private:
  void test(const store::Mailbox& box, const store::Message& message) {
    const auto number = static_cast<uint32_t>(next_);
    const auto result = matcher_.matches(box, message, number);
    session_.work_done_ += matcher_.take_work();
    if (!result) {
      if (session_.options_.report)
        session_.options_.report("search uid " + std::to_string(message.uid) + ": " + result.error().text);
      is_unreadable_ = true;
      return;
    }
    if (*result) hits_ += ' ' + std::to_string(by_uid_ ? message.uid : number);
  }

  void finish() {
    session_.line("SEARCH" + hits_);
    if (is_unreadable_)
      session_.no("[UNAVAILABLE] Some of the messages could not be read");
    else
      session_.ok("Done");
  }

  Session& session_;
  bool by_uid_;
  SearchMatcher matcher_;
  size_t next_ = 0;
  std::string hits_;
  bool is_unreadable_ = false;
};

void Session::on(imap::Search command) {
  may_expunge_ = command.uid;
  if (command.charset && !equals_nocase(*command.charset, "UTF-8") && !equals_nocase(*command.charset, "US-ASCII"))
    return no("[BADCHARSET (US-ASCII UTF-8)] Unknown charset");
  if (!numbers_exist(command.key, *view_)) return bad("No message has that number");
  work_ = std::make_unique<SearchWork>(*this, command);
}

}  // namespace mailkeep::imapd
