// Every message that a channel carries, for tests that walk them all. regress/unit/messages_test counts them.
// SPDX-License-Identifier: ISC
#pragma once

#include <tuple>

#include "imapd/login/messages.h"
#include "lib/worker/messages.h"
#include "lmtpd/user/messages.h"
#include "queue/messages.h"
#include "smtpd/auth/messages.h"
#include "smtpd/control/client_messages.h"
#include "smtpd/listen/messages.h"
#include "smtpd/lookup/messages.h"
#include "smtpd/parent/messages.h"
#include "smtpd/relay/messages.h"
#include "smtpd/tls/messages.h"

namespace mailkeep {

using AllMessages = std::tuple<
    worker::Boot, worker::Wire, worker::Prepare, worker::Commit, worker::Abort, worker::Quit, worker::Follow,
    worker::Prepared, worker::Misbehaved, worker::LogLine, worker::StatsQuery, worker::Stats, tls::Keypair, tls::Serve,
    tls::Authorities, tls::Connect, tls::Established, tls::Failed, lookup::Config, lookup::Dns, lookup::Table,
    lookup::Accounts, lookup::Action, lookup::Match, lookup::Filter, lookup::Chain, lookup::CheckRcpt,
    lookup::CheckPhase, lookup::PhaseVerdict, lookup::Route, lookup::RcptVerdict, lookup::FindHops, lookup::Hops,
    lookup::FindTexts, lookup::Texts, lookup::CheckSender, lookup::SenderVerdict, lookup::FindName, lookup::ClientName,
    lookup::ShowTable, lookup::TableShown, queue::Config, queue::Vouch, queue::Enqueue, queue::NeedSpoolFile,
    queue::DropSpoolFile, queue::Refusal, queue::Enqueued, queue::SpoolFile, queue::Routed, queue::UserFailed,
    queue::Stored, queue::Rejected, queue::Forwarded, queue::Durable, queue::NeedUser, queue::SelectQueue,
    queue::QueueSelected, queue::ShowMessage, queue::MessageShown, queue::FindLives, queue::Lives,
    queue::ListDestinations, queue::Destinations, user::Start, user::Forked, user::Config, user::Deliver, user::Attach,
    user::MayEnd, user::Idle, user::Sessions, auth::Config, auth::Check, auth::Checked, auth::Identify,
    auth::Identified, auth::UserNamed, auth::PamCheck, auth::PamAnswer, smtpd::Config, smtpd::Listener, queue::KeepNote,
    queue::FindNote, queue::NoteFound, queue::SubmitReport, relay::Config, relay::Action, relay::SocketOpened,
    relay::TlsRule, relay::Provider, relay::ShowDelivery, relay::DeliveryShown, relay::Transfer, relay::Transferred,
    relay::ShowTlsPolicy, relay::TlsPolicyShown, imapd::Config, imapd::Listener, imapd::Presented, parent::Vouch,
    parent::Present, parent::WhoIs, parent::OpenSocket, parent::Reload, parent::StatusQuery, parent::Follow,
    control::Config, control::StatusReport, control::Reloaded, control::client::AskStatus, control::client::AskReload,
    control::client::AskQueueSelect, control::client::AskQueueShow, control::client::AskLives,
    control::client::AskDestinations, control::client::AskFollow, control::client::AskHops, control::client::AskTable,
    control::client::AskTlsPolicy, control::client::AskDelivery, control::client::Status, control::client::Refused,
    control::client::Event, control::client::Missed>;

constexpr size_t kMessages = std::tuple_size_v<AllMessages>;

// Calls `each` with a default-made message of every type, and its place in the list.
template <class F>
void for_each_message(F each) {
  [&]<size_t... i>(std::index_sequence<i...>) { (each(std::tuple_element_t<i, AllMessages>(), i), ...); }
  (std::make_index_sequence<kMessages>());
}

}  // namespace mailkeep
