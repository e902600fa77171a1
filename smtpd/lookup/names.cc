// Who a client is: see names.h.
// SPDX-License-Identifier: ISC
#include "smtpd/lookup/names.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/smtp/address.h"

namespace mailkeep::lookup {
namespace {

bool is_mapped(const conf::Network& address) {
  static const auto kMapped = conf::parse_network("::ffff:0:0/96");
  return kMapped->contains(address);
}

// What may stand in a Received field and be asked of tables.
bool is_name(const std::string& name) {
  return name.size() <= kMaxHostname && name.find('.') != name.npos && smtp::is_domain(name);
}

}  // namespace

std::string reverse_name(const std::string& address) {
  const auto parsed = conf::parse_address(address.substr(0, address.find('%')));
  if (!parsed) return "";
  std::string out;
  if (is_mapped(*parsed)) {
    for (size_t i = 16; i-- > 12;) out += std::to_string(parsed->address[i]) + ".";
    return out + "in-addr.arpa";
  }
  constexpr char kDigits[] = "0123456789abcdef";
  for (size_t i = 16; i-- > 0;) {
    out += {kDigits[parsed->address[i] & 0xf], '.', kDigits[parsed->address[i] >> 4], '.'};
  }
  return out + "ip6.arpa";
}

void NameFinder::find(imsg::PeerId from, const FindName& question) {
  const std::string reverse = reverse_name(question.address);
  ClientName no;
  no.session = question.session;
  no.state = reverse.empty() ? NameState::kNone : NameState::kFailed;
  if (reverse.empty() || source_ == nullptr || finds_.size() >= kMaxNameFinds) return done_(from, no);
  const uint64_t id = ++last_id_;
  Find& f = finds_[id];
  f.from = from;
  f.session = question.session;
  f.address = *conf::parse_address(question.address.substr(0, question.address.find('%')));
  f.is_v4 = is_mapped(f.address);
  f.patience = std::make_unique<event::Timer>(loop_, [this, id] { conclude(id, NameState::kFailed); });
  f.patience->set(kNamePatience);
  source_->ask(reverse, dns::Type::kPtr, [this, id](const dns::Answer& answer) { on_names(id, answer); });
}

void NameFinder::forget(imsg::PeerId peer) {
  std::erase_if(finds_, [peer](const auto& entry) { return entry.second.from == peer; });
}

void NameFinder::on_names(uint64_t id, const dns::Answer& answer) {
  const auto it = finds_.find(id);
  if (it == finds_.end()) return;
  if (answer.state != dns::State::kData)
    return conclude(id, answer.state == dns::State::kFailed ? NameState::kFailed : NameState::kNone);
  Find& f = it->second;
  std::vector<std::string> names;
  for (const auto& name : answer.names) {
    const bool is_new = std::find(names.begin(), names.end(), name) == names.end();
    if (is_new && is_name(name) && names.size() < kMaxClientNames) names.push_back(name);
  }
  if (names.empty() || source_ == nullptr) return conclude(id, NameState::kUnconfirmed);
  f.open = names.size();
  for (const auto& name : names) {
    source_->ask(name, f.is_v4 ? dns::Type::kA : dns::Type::kAaaa,
                 [this, id, name](const dns::Answer& a) { on_address(id, name, a); });
  }
}

void NameFinder::on_address(uint64_t id, const std::string& name, const dns::Answer& answer) {
  const auto it = finds_.find(id);
  if (it == finds_.end()) return;
  Find& f = it->second;
  f.open--;
  f.has_failed = f.has_failed || answer.state == dns::State::kFailed;
  const bool leads_back =
      std::any_of(answer.addresses.begin(), answer.addresses.end(), [&](const std::string& address) {
        const auto parsed = conf::parse_address(address);
        return parsed && *parsed == f.address;
      });
  if (leads_back) return conclude(id, NameState::kConfirmed, lower(name));
  if (f.open == 0) conclude(id, f.has_failed ? NameState::kFailed : NameState::kUnconfirmed);
}

void NameFinder::conclude(uint64_t id, NameState state, const std::string& name) {
  const auto it = finds_.find(id);
  if (it == finds_.end()) return;
  ClientName answer;
  answer.session = it->second.session;
  answer.state = state;
  answer.name = name;
  const imsg::PeerId from = it->second.from;
  finds_.erase(it);
  done_(from, answer);
}

}  // namespace mailkeep::lookup
