// Groups of receivers: see providers.h.
// SPDX-License-Identifier: ISC
#include "smtpd/relay/providers.h"

#include "lib/base/text.h"

namespace mailkeep::relay {

// Connections at once are below what these receivers were seen to refuse or to frown upon; none asks for a delay by
// itself.
const std::vector<Provider>& shipped_providers() {
  static const std::vector<Provider> kShipped = {
      {0, "google", {"google.com", "googlemail.com", "gmail.com"}, 20, 0},
      {0, "microsoft", {"outlook.com", "hotmail.com", "mx.microsoft", "office365.us"}, 20, 0},
      {0, "yahoo", {"yahoodns.net", "yahoo.com", "aol.com"}, 5, 0},
      {0, "icloud", {"icloud.com", "apple.com", "me.com"}, 5, 0},
      {0,
       "gmx",
       {"gmx.net", "gmx.de", "web.de", "mail.com", "kundenserver.de", "1and1.com", "ionos.com", "ionos.de",
        "ui-dns.com"},
       5,
       0},
      {0, "t-online", {"t-online.de", "telekom.de", "magenta.de"}, 3, 0},
      {0, "freenet", {"freenet.de"}, 3, 0},
      {0, "mail.ru", {"mail.ru"}, 5, 0},
      {0, "yandex", {"yandex.ru", "yandex.net", "yandex.com"}, 5, 0},
      {0, "orange", {"orange.fr", "wanadoo.fr"}, 2, 0},
      {0, "free", {"free.fr"}, 2, 0},
      {0, "laposte", {"laposte.net"}, 2, 0},
      {0, "comcast", {"comcast.net"}, 5, 0},
      {0, "proton", {"protonmail.ch", "proton.me"}, 5, 0},
      {0, "zoho", {"zoho.com", "zoho.eu"}, 5, 0},
      {0, "qq", {"qq.com"}, 5, 0},
      {0, "netease", {"netease.com", "163.com"}, 5, 0},
  };
  return kShipped;
}

Providers::Providers() {
  for (const Provider& p : shipped_providers()) set(p);
}

void Providers::set(Provider provider) {
  for (const auto& suffix : provider.suffixes) suffixes_[lower(suffix)] = provider.name;
  groups_[provider.name] = std::move(provider);
}

std::string_view Providers::find(std::string_view host) const {
  const std::string low = lower(host);
  for (size_t at = 0;;) {
    const auto it = suffixes_.find(std::string_view(low).substr(at));
    if (it != suffixes_.end()) return it->second;
    const size_t dot = low.find('.', at);
    if (dot == low.npos) return kOthers;
    at = dot + 1;
  }
}

const Provider* Providers::get(std::string_view name) const {
  const auto it = groups_.find(name);
  return it == groups_.end() ? nullptr : &it->second;
}

}  // namespace mailkeep::relay
