// What the receiving process's peers answer: held against what such an answer may be, and given to its session. See
// server.h.
// SPDX-License-Identifier: ISC
#include <sys/stat.h>

#include <algorithm>

#include "lib/receive/server.h"
#include "lib/smtp/address.h"
#include "lib/smtp/reply.h"

namespace mailkeep::receive {

namespace {

// What a client may be told: yes, or an error with a status of its class (RFC 2034) and words.
bool is_answer(uint16_t code, std::string_view enhanced, std::string_view text) {
  if (code == 250) return true;
  return code >= 400 && code < 600 && smtp::is_enhanced_code(enhanced) && enhanced[0] - '0' == code / 100 &&
         !text.empty();
}

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 127; });
}

// What is written to without waiting: anything but a file could hold this process up.
bool is_file(const Fd& fd) {
  struct stat st {};
  return ::fstat(fd.get(), &st) == 0 && S_ISREG(st.st_mode);
}

}  // namespace

void Server::on_verdict(imsg::PeerId from, lookup::RcptVerdict&& m) {
  if (!is_answer(m.code, m.enhanced, m.text)) return peers_.condemn(from, "a verdict that is no reply");
  if (Session* s = find(m.session)) s->on_verdict(std::move(m));
}

void Server::on_phase_verdict(imsg::PeerId from, lookup::PhaseVerdict&& m) {
  const lookup::Filtered& f = m.filtered;
  if (f.code != 0 && (!is_answer(f.code, f.enhanced, f.text) || f.code < 400))
    return peers_.condemn(from, "a filter's verdict that is no reply");
  if (Session* s = find(m.session)) s->on_phase_verdict(std::move(m));
}

void Server::on_sender_verdict(imsg::PeerId from, lookup::SenderVerdict&& m) {
  if (!is_answer(m.code, m.enhanced, m.text)) return peers_.condemn(from, "a verdict that is no reply");
  const auto is_address = [](const std::string& a) { return smtp::parse_mailbox(a).has_value(); };
  if (!std::all_of(m.addresses.begin(), m.addresses.end(), is_address))
    return peers_.condemn(from, "a sender that is no address");
  if (Session* s = find(m.session)) s->on_sender_verdict(std::move(m));
}

void Server::on_client_name(imsg::PeerId from, lookup::ClientName&& m) {
  // It becomes part of a Received field.
  const bool is_name = m.name.empty() ? m.state != lookup::NameState::kConfirmed : smtp::is_domain(m.name);
  if (!is_name) return peers_.condemn(from, "a client's name that is none");
  if (Session* s = find(m.session)) s->on_client_name(std::move(m));
}

void Server::on_checked(imsg::PeerId, auth::Checked&& m) {
  if (Session* s = find(m.session)) s->on_checked(std::move(m));
}

void Server::on_identified(imsg::PeerId from, auth::Identified&& m) {
  // They become part of a Received field and of replies.
  if (!is_plain(m.user) || !is_plain(m.address) || !is_plain(m.origin))
    return peers_.condemn(from, "a user with bytes that no name has");
  if (Session* s = find(m.session)) s->on_identified(std::move(m));
}

void Server::on_enqueued(imsg::PeerId from, queue::Enqueued&& m) {
  if (!is_answer(m.code, m.enhanced, m.text)) return peers_.condemn(from, "an answer that is no reply");
  if (Session* s = find(m.session)) s->on_enqueued(std::move(m));
}

void Server::on_spool_file(imsg::PeerId from, queue::SpoolFile&& m) {
  if (m.file && !is_file(m.file)) return peers_.condemn(from, "a spool file that is none");
  if (Session* s = find(m.session)) return s->on_spool_file(std::move(m));
  drop_spool_file(m.message);
}

void Server::on_established(imsg::PeerId from, tls::Established&& m) {
  // They become part of a Received field.
  if (!is_plain(m.version) || !is_plain(m.cipher)) return peers_.condemn(from, "a cipher with bytes that no name has");
  if (Session* s = find(m.session)) s->on_established(std::move(m));
}

void Server::on_tls_failed(imsg::PeerId, tls::Failed&& m) {
  if (Session* s = find(m.session)) s->on_tls_failed(m.text);
}

}  // namespace mailkeep::receive
