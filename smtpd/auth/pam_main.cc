// pam: asks PAM, as root, for auth, which has no other way to it. It takes three bounded strings (a canonical account,
// a password, an address), answers yes, no or "not now", and holds nothing; each check is a forked child of its own.
// Runs only with `auth system`. Trusts auth for nothing but the strings' lengths, which the codec has checked.
// SPDX-License-Identifier: ISC
#include <security/pam_appl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/os/privilege.h"
#include "lib/worker/worker.h"
#include "smtpd/auth/children.h"
#include "smtpd/auth/messages.h"
#include "smtpd/auth/secret.h"

namespace mailkeep::auth {

namespace {

constexpr const char* kService = "mailkeep";  // /etc/pam.d/mailkeep

// Answers a prompt without echo with the password. What asks for more than that cannot be served by a mail client.
int converse(int count, const struct pam_message** messages, struct pam_response** responses, void* password) {
  if (count <= 0 || count > PAM_MAX_NUM_MSG) return PAM_CONV_ERR;
  auto* out = static_cast<struct pam_response*>(calloc(static_cast<size_t>(count), sizeof(struct pam_response)));
  if (out == nullptr) return PAM_BUF_ERR;
  for (int i = 0; i < count; i++) {
    const int style = messages[i]->msg_style;
    if (style == PAM_TEXT_INFO || style == PAM_ERROR_MSG) continue;
    char* copy = style == PAM_PROMPT_ECHO_OFF ? strdup(static_cast<const char*>(password)) : nullptr;
    if (copy == nullptr) {
      for (int j = 0; j < i; j++) {
        if (out[j].resp == nullptr) continue;
        explicit_bzero(out[j].resp, strlen(out[j].resp));
        free(out[j].resp);
      }
      free(out);
      return PAM_CONV_ERR;
    }
    out[i].resp = copy;
  }
  *responses = out;
  return PAM_SUCCESS;
}

// The failure's delay is auth's business: here it would only hold a child.
void no_delay(int, unsigned, void*) {}

PamVerdict verdict_of(int rc) {
  switch (rc) {
    case PAM_SUCCESS: return PamVerdict::kOk;
    case PAM_AUTH_ERR:
    case PAM_USER_UNKNOWN:
    case PAM_CRED_INSUFFICIENT:
    case PAM_MAXTRIES:
    case PAM_PERM_DENIED:
    case PAM_ACCT_EXPIRED:
    case PAM_NEW_AUTHTOK_REQD:
    case PAM_AUTHTOK_EXPIRED: return PamVerdict::kDenied;
    default: return PamVerdict::kUnavailable;
  }
}

// In the child. The answer: a digit, the verdict, then PAM's words.
std::string ask_pam(const std::string& name, const std::string& password, const std::string& source) {
  pam_handle_t* pam = nullptr;
  std::string secret = password;
  const struct pam_conv conversation = {converse, secret.data()};
  int rc = pam_start(kService, name.c_str(), &conversation, &pam);
  if (rc != PAM_SUCCESS) return "2pam_start failed";
  void (*const delay)(int, unsigned, void*) = no_delay;
  rc = pam_set_item(pam, PAM_FAIL_DELAY, reinterpret_cast<const void*>(delay));
  if (rc == PAM_SUCCESS) rc = pam_set_item(pam, PAM_RHOST, source.c_str());
  if (rc == PAM_SUCCESS) rc = pam_authenticate(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
  if (rc == PAM_SUCCESS) rc = pam_acct_mgmt(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
  std::string answer(1, static_cast<char>('0' + static_cast<int>(verdict_of(rc))));
  answer += std::string(pam_strerror(pam, rc)).substr(0, 200);
  pam_end(pam, rc);
  return answer;
}

class Pam : public worker::Hooks {
 public:
  explicit Pam(event::Loop& loop)
      : children_(loop, {.running = 16, .waiting = 256, .timeout = Seconds(30)}), worker_(loop, *this, routes()) {}

  void on_check(imsg::PeerId from, PamCheck&& m) {
    const auto secret = std::make_shared<const Secret>(std::move(m.password));
    const bool taken =
        children_.run([secret, name = m.name, source = m.source] { return ask_pam(name, secret->text, source); },
                      [this, from, query = m.query](const std::optional<std::string>& a) {
                        answer(from, query, a.value_or("2no answer from PAM in time"));
                      });
    if (!taken) answer(from, m.query, "2too many checks at hand");
  }

  std::vector<worker::Stat> stats() override {
    return {{"children", children_.running()}, {"waiting", children_.waiting()}};
  }

 private:
  static imsg::Routes<Pam> routes() {
    imsg::Routes<Pam> r;
    r.add<PamCheck>(imsg::Role::kAuth, &Pam::on_check);
    return r;
  }
  void answer(imsg::PeerId to, uint64_t query, const std::string& text) {
    PamAnswer m;
    m.query = query;
    m.verdict = text[0] == '0' ? PamVerdict::kOk : text[0] == '1' ? PamVerdict::kDenied : PamVerdict::kUnavailable;
    m.text = text.substr(1, 200);
    worker_.send(to, m);
  }

  Children children_;
  worker::Worker<Pam> worker_;
};

}  // namespace

}  // namespace mailkeep::auth

int main(int argc, char** argv, char** envp) {
  using namespace mailkeep;
  auto boot = worker::boot(imsg::Role::kPam, argc, argv, envp);

  // Stays root and outside any sandbox: PAM's modules need what they need.
  if (auto done = os::harden_process(); !done) fatal("harden: " + done.error().text);

  mailkeep::event::Loop loop;
  auth::Pam pam(loop);
  loop.run();
  return 0;
}
