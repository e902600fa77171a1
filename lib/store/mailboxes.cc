// What changes mailboxes and subscriptions. SPDX-License-Identifier: ISC
#include <algorithm>

#include "lib/store/account_store.h"
#include "lib/store/names.h"

namespace mailkeep::store {

std::vector<const Mailbox*> AccountStore::mailboxes() const {
  std::vector<const Mailbox*> all;
  if (const Mailbox* inbox = find_mailbox("INBOX")) all.push_back(inbox);
  for (const auto& [name, id] : state_->names()) {
    if (name != "INBOX") all.push_back(state_->box(id));
  }
  return all;
}

const Mailbox* AccountStore::find_mailbox(std::string_view name) const {
  auto canonical = canonical_name(name);
  return canonical ? state_->find_box(*canonical) : nullptr;
}

const Mailbox* AccountStore::find_role(Role role) const {
  for (const auto& [id, box] : state_->boxes()) {
    if (role != Role::none && box->role == role) return box.get();
  }
  return nullptr;
}

bool AccountStore::has_children(const Mailbox& mailbox) const {
  const auto next = state_->names().lower_bound(mailbox.name + "/");
  return next != state_->names().end() && is_child_of(next->first, mailbox.name);
}

std::vector<std::string> AccountStore::subscriptions() const {
  return {state_->subscriptions().begin(), state_->subscriptions().end()};
}

bool AccountStore::is_subscribed(std::string_view name) const {
  auto canonical = canonical_name(name);
  return canonical && state_->subscriptions().contains(*canonical);
}

Status AccountStore::subscribe(std::string_view name, bool on) {
  auto canonical = canonical_name(name);
  if (!canonical) return canonical.error();
  if (state_->subscriptions().contains(*canonical) == on) return {};
  if (on && state_->subscriptions().size() >= kMaxMailboxes) return Error("too many subscriptions", EMFILE);
  SubscribeMeta meta;
  meta.name = *canonical;
  meta.is_on = on;
  return commit(RecordType::subscribe, meta.encode());
}

Status AccountStore::make_mailbox(MailboxId id, const std::string& name, Role role, bool is_selectable) {
  if (id == 0 && state_->boxes().size() >= kMaxMailboxes) return Error("too many mailboxes", EMFILE);
  MailboxMeta meta;
  meta.id = id != 0 ? id : state_->next_mailbox_id();
  meta.name = name;
  meta.role = role;
  meta.is_selectable = is_selectable;
  // Ever growing in an account, so that no name ever sees one of its old values again.
  const auto clock = static_cast<uint32_t>(std::clamp<int64_t>(now(), 1, UINT32_MAX));
  meta.uidvalidity = std::max(clock, state_->last_uidvalidity() + 1);
  return commit(RecordType::create_mailbox, meta.encode());
}

Status AccountStore::make_parents(const std::string& name) {
  for (size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1)) {
    const std::string parent = name.substr(0, slash);
    if (state_->find_box(parent) != nullptr) continue;
    if (auto made = make_mailbox(0, parent, Role::none, false); !made) return made;
  }
  return {};
}

Status AccountStore::make_standard_mailboxes() {
  if (state_->find_box("INBOX") != nullptr) return {};
  static constexpr struct {
    const char* name;
    Role role;
  } kStandard[] = {{"INBOX", Role::none}, {"Drafts", Role::drafts}, {"Sent", Role::sent},
                   {"Junk", Role::junk},  {"Trash", Role::trash},   {"Archive", Role::archive}};
  const bool is_first = state_->boxes().empty();
  return grouped([&]() -> Status {
    for (const auto& standard : kStandard) {
      if (auto made = make_mailbox(0, standard.name, standard.role, true); !made) return made;
      if (auto done = subscribe(standard.name, true); !done) return done;
      if (!is_first) break;  // only INBOX is missing: damage took it
    }
    return {};
  });
}

Result<MailboxId> AccountStore::create_mailbox(std::string_view name, Role role) {
  auto canonical = canonical_name(name);
  if (!canonical) return canonical.error();
  const Mailbox* old = state_->find_box(*canonical);
  if (old != nullptr && old->is_selectable) return Error("the mailbox exists", EEXIST);
  if (find_role(role) != nullptr) return Error("another mailbox has that use", EEXIST);
  const MailboxId old_id = old != nullptr ? old->id : 0;
  Status made = grouped([&]() -> Status {
    if (auto parents = make_parents(*canonical); !parents) return parents;
    return make_mailbox(old_id, *canonical, role, true);
  });
  if (!made) return made.error();
  return state_->find_box(*canonical)->id;
}

Status AccountStore::delete_mailbox(std::string_view name) {
  auto canonical = canonical_name(name);
  if (!canonical) return canonical.error();
  const Mailbox* box = state_->find_box(*canonical);
  if (box == nullptr) return Error("no such mailbox", ENOENT);
  if (*canonical == "INBOX") return Error("INBOX stays", EPERM);
  DeleteMeta meta;
  meta.id = box->id;
  meta.keeps_name = has_children(*box);
  if (meta.keeps_name && !box->is_selectable) return Error("the name has children", EPERM);
  return commit(RecordType::delete_mailbox, meta.encode());
}

Status AccountStore::rename_mailbox(std::string_view from, std::string_view to) {
  auto old_name = canonical_name(from);
  auto new_name = canonical_name(to);
  if (!old_name) return old_name.error();
  if (!new_name) return new_name.error();
  const Mailbox* box = state_->find_box(*old_name);
  if (box == nullptr) return Error("no such mailbox", ENOENT);
  if (state_->find_box(*new_name) != nullptr) return Error("the mailbox exists", EEXIST);
  if (*old_name == "INBOX") return rename_inbox(*new_name);
  if (is_child_of(*new_name, *old_name)) return Error("a mailbox cannot become its own child", EINVAL);
  RenameMeta meta;
  meta.names.emplace_back(box->id, *new_name);
  for (const auto& [name, id] : state_->names()) {
    if (!is_child_of(name, *old_name)) continue;
    auto child = canonical_name(*new_name + name.substr(old_name->size()));
    if (!child) return child.error();
    meta.names.emplace_back(id, *child);
  }
  return grouped([&]() -> Status {
    if (auto parents = make_parents(*new_name); !parents) return parents;
    return commit(RecordType::rename_mailbox, meta.encode());
  });
}

// RFC 3501 6.3.5.
Status AccountStore::rename_inbox(const std::string& to) {
  return grouped([&]() -> Status {
    if (auto parents = make_parents(to); !parents) return parents;
    if (auto made = make_mailbox(0, to, Role::none, true); !made) return made;
    auto moved = transfer(state_->find_box("INBOX")->id, {{1, UINT32_MAX}}, state_->find_box(to)->id, true);
    if (!moved) return moved.error();
    return {};
  });
}

Result<Uid> AccountStore::claim_recent(MailboxId id) {
  auto box = selectable(id);
  if (!box) return box.error();
  const Uid from = (*box)->first_recent();
  if ((*box)->recent_from == (*box)->uidnext) return from;
  RecentMeta meta;
  meta.mailbox = id;
  meta.recent_from = (*box)->uidnext;
  if (auto put = commit(RecordType::recent, meta.encode()); !put) return put.error();
  return from;
}

Uid AccountStore::tell_recent(MailboxId id, Uid last) {
  State::Box* box = state_->box(id);
  if (box == nullptr || !box->is_selectable) return last + 1;
  const Uid from = box->first_recent();
  box->recent_told = std::max(box->recent_told, last + 1);
  return from;
}

}  // namespace mailkeep::store
