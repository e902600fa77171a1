// Fills a spool with mail that waits for other hosts, without a server: for tests and measurements of a long queue.
//   spool_fill DIR MESSAGES RECIPIENTS [DOMAIN [DOMAINS [SIZE [ACTION]]]]
// Message n is from sender-(n mod 1000)@example.net, submitted by account-(n mod 100), a thousand in a second, the last
// now; its recipients are of DOMAIN or, of several, of dK.DOMAIN in turn. Due at once, by the relay action ACTION.
// Indexed as a server does.
// SPDX-License-Identifier: ISC
#include <bsd/stdlib.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "queue/schedule.h"
#include "queue/spool.h"

using namespace mailkeep;

namespace {

constexpr uint64_t kPerSecond = 1000;
constexpr uint64_t kPerCommit = 500;

struct Plan {
  uint64_t messages = 0, recipients = 1;
  std::string domain = "away.test";
  uint64_t domains = 1;
  std::string body;
  std::string action;
};

uint64_t number_at(int argc, char** argv, int index, uint64_t otherwise) {
  return argc > index ? std::strtoull(argv[index], nullptr, 10) : otherwise;
}

std::string text_at(int argc, char** argv, int index, const char* otherwise) {
  return argc > index ? argv[index] : otherwise;
}

double seconds_of_cpu() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

queue::Change make_change(const Plan& plan, uint64_t n, int64_t now) {
  const int64_t received = now - static_cast<int64_t>((plan.messages - 1 - n) / kPerSecond);
  queue::Change change;
  queue::Message& m = change.message.emplace();
  m.id = static_cast<uint64_t>(received) << 32 | arc4random();
  m.sender = "sender-" + std::to_string(n % 1000) + "@example.net";
  m.account = "account-" + std::to_string(n % 100);
  m.source = "192.0.2.25";
  m.helo = "client.example.net";
  m.tls = "TLSv1.3 TLS_AES_256_GCM_SHA384";
  m.protocol = queue::Protocol::kEsmtpsa;
  m.session = n;
  m.message_id = "<" + hex64(m.id) + "@client.example.net>";
  m.received = received;
  m.size = plan.body.size();
  m.recipients = m.next_number = static_cast<uint32_t>(plan.recipients);
  change.body = plan.body;
  for (uint64_t r = 0; r < plan.recipients; ++r) {
    queue::Envelope& e = change.put.emplace_back();
    e.id = {m.id, static_cast<uint32_t>(r)};
    e.kind = queue::Kind::kRelay;
    const uint64_t number = n * plan.recipients + r;
    e.recipient = e.original = "recipient-" + std::to_string(number) + "@" +
                               (plan.domains > 1 ? "d" + std::to_string(number % plan.domains) + "." : std::string()) +
                               plan.domain;
    e.action = plan.action;
    e.rule = "mailkeep.conf:25";
    e.next_try = received;
    e.expiry = queue::expiry_of({}, now);
  }
  return change;
}

}  // namespace

int main(int argc, char** argv) {
  Plan plan;
  plan.messages = number_at(argc, argv, 2, 0);
  plan.recipients = number_at(argc, argv, 3, 0);
  if (plan.messages == 0 || plan.recipients == 0 || plan.recipients > kMaxRecipients) {
    std::fputs("usage: spool_fill DIR MESSAGES RECIPIENTS [DOMAIN [DOMAINS [SIZE [ACTION]]]]\n", stderr);
    return 2;
  }
  plan.domain = text_at(argc, argv, 4, "away.test");
  plan.domains = number_at(argc, argv, 5, 1);
  plan.body = "Subject: this one waits\r\n\r\n";
  plan.body.resize(std::max<uint64_t>(number_at(argc, argv, 6, 300), plan.body.size()), 'x');
  plan.action = text_at(argc, argv, 7, "");
  queue::SpoolOptions options;
  options.directory = argv[1];
  auto spool = queue::Spool::open(options);
  if (!spool) fatal(spool.error().text);
  (*spool)->keep_history(false);
  const int64_t now = now_unix();
  for (uint64_t n = 0; n < plan.messages;) {
    for (uint64_t i = 0; i < kPerCommit && n < plan.messages; ++i) (*spool)->stage(make_change(plan, n++, now));
    for (const Status& s : (*spool)->commit()) {
      if (!s && s.error().code != EEXIST) fatal(s.error().text);  // the id of a message was drawn twice: one less
    }
  }
  const double filled = seconds_of_cpu();
  for (Result<bool> more = true; more && *more;) {
    more = (*spool)->index_on(now);
    if (!more) fatal(more.error().text);
  }
  std::printf("%llu envelopes, indexed in %.1f s of the processor after %.1f s\n",
              static_cast<unsigned long long>((*spool)->counts().all()), seconds_of_cpu() - filled, filled);
  if (Status s = (*spool)->close(); !s) fatal(s.error().text);
  return 0;
}
