// smtpd/tls/check.h: DANE-EE, DANE-TA, fingerprints and authorities, against chains that openssl(1) makes.
// SPDX-License-Identifier: ISC
#include "smtpd/tls/check.h"

#include <stdlib.h>

#include <fstream>
#include <sstream>

#include "lib/crypto/digest.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using tls::Association;
using tls::Problem;

namespace {

std::vector<crypto::Certificate> g_good, g_old, g_self;
std::string g_root;

int setup(void**) {
  char dir[] = "/tmp/mailkeep-check-XXXXXX";
  if (mkdtemp(dir) == nullptr) return -1;
  const std::string d = dir;
  const std::string script = "cd " + d +
                             " && exec >/dev/null 2>&1 && k='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'; "
                             "openssl req -x509 $k -days 9 -subj /CN=root -keyout root.key -out root.pem -addext "
                             "basicConstraints=critical,CA:TRUE && "
                             "openssl req -x509 $k -days 9 -subj /CN=self -keyout self.key -out self.pem && "
                             "printf 'subjectAltName=DNS:mx.test\\n' > ext && for n in good old; do "
                             "openssl req -new $k -subj /CN=mx.test -keyout $n.key -out $n.csr && "
                             "openssl x509 -req -in $n.csr -CA root.pem -CAkey root.key -CAcreateserial -extfile ext "
                             "-out $n.pem -days $([ $n = old ] && echo -1 || echo 3); done";
  if (system(script.c_str()) != 0) return -1;
  const auto read = [&](const std::string& name) {
    std::ifstream in(d + "/" + name + ".pem");
    std::stringstream out;
    out << in.rdbuf();
    return out.str();
  };
  g_root = read("root");
  g_good = std::move(*crypto::read_chain(read("good") + g_root));
  g_old = std::move(*crypto::read_chain(read("old") + g_root));
  g_self = std::move(*crypto::read_chain(read("self")));
  return system(("rm -r " + d).c_str());
}

// Of one certificate.
Association record(uint8_t usage, uint8_t selector, uint8_t matching, const crypto::Certificate& of) {
  const std::string bytes = selector == 0 ? of.der() : of.public_key();
  return {usage, selector, matching,
          matching == 0   ? bytes
          : matching == 1 ? crypto::sha256(bytes)
                          : crypto::sha512(bytes)};
}

tls::Wish wish(std::vector<Association> associations, std::vector<std::string> names = {"mx.test"}) {
  return {tls::Check::kAssociations, std::move(names), std::move(associations)};
}

bool is_mx(const std::string& name) { return name == "mx.test"; }

void every_kind_that_fits(void**) {
  for (const uint8_t selector : {0, 1}) {
    for (const uint8_t matching : {0, 1, 2}) {
      const std::string tail = " " + std::to_string(selector) + " " + std::to_string(matching);
      const auto ee = tls::check_associations(wish({record(3, selector, matching, g_good[0])}), g_good, is_mx);
      assert_true(ee.is_good);
      assert_text(ee.text, "DANE-EE 3" + tail);
      const auto ta = tls::check_associations(wish({record(2, selector, matching, g_good[1])}), g_good, is_mx);
      assert_true(ta.is_good);
      assert_text(ta.text, "DANE-TA 2" + tail);
    }
  }
}

void the_servers_own(void**) {
  const Association right = record(3, 1, 1, g_old[0]);
  // Neither its time nor its name counts (RFC 7672 3.1.1).
  assert_true(tls::check_associations(wish({right}, {"other.test"}), g_old, is_mx).is_good);
  assert_true(tls::check_associations(wish({record(3, 1, 1, g_self[0])}, {"other.test"}), g_self, is_mx).is_good);
  // Another's, or the authority's, is not the server's.
  for (const Association& wrong :
       {record(3, 1, 1, g_good[0]), record(3, 1, 1, g_old[1]), Association{3, 1, 2, right.data},
        Association{3, 0, 1, right.data}, Association{3, 1, 0, right.data}, Association{3, 2, 1, right.data},
        Association{1, 1, 1, right.data}}) {
    const auto f = tls::check_associations(wish({wrong}), g_old, is_mx);
    assert_true(!f.is_good && f.problem == Problem::kAssociation);
  }
  // One of several is enough.
  assert_true(tls::check_associations(wish({record(3, 1, 1, g_good[0]), right}), g_old, is_mx).is_good);
  assert_false(tls::check_associations(wish({}), g_old, is_mx).is_good);
  assert_false(tls::check_associations(wish({right}), {}, is_mx).is_good);
}

void an_authority_by_its_record(void**) {
  const Association root = record(2, 0, 1, g_good[1]);
  auto f = tls::check_associations(wish({root}, {"other.test"}), g_good, is_mx);
  assert_true(!f.is_good && f.problem == Problem::kName);
  f = tls::check_associations(wish({root}, {"other.test", "mx.test"}), g_good, is_mx);
  assert_true(f.is_good);
  f = tls::check_associations(wish({root}), g_old, is_mx);
  assert_true(!f.is_good && f.problem == Problem::kExpired);
  // The server's own certificate is no authority, unless it is its own.
  f = tls::check_associations(wish({record(2, 0, 1, g_good[0])}), g_good, is_mx);
  assert_true(!f.is_good && f.problem == Problem::kAssociation);
  assert_true(tls::check_associations(wish({record(2, 0, 1, g_self[0])}), g_self, is_mx).is_good);
  // It is in the chain, but vouches for nobody there.
  std::vector<crypto::Certificate> alien;
  alien.push_back(std::move(*crypto::Certificate::from_der(g_self[0].der())));
  alien.push_back(std::move(*crypto::Certificate::from_der(g_good[1].der())));
  f = tls::check_associations(wish({root}), alien, is_mx);
  assert_true(!f.is_good && f.problem == Problem::kUntrusted);
  // A record that holds it whole serves a server that does not send it (RFC 7671 5.2.1).
  std::vector<crypto::Certificate> alone;
  alone.push_back(std::move(*crypto::Certificate::from_der(g_good[0].der())));
  assert_true(tls::check_associations(wish({record(2, 0, 0, g_good[1])}), alone, is_mx).is_good);
  assert_false(tls::check_associations(wish({root}), alone, is_mx).is_good);
  assert_false(tls::check_associations(wish({{2, 0, 0, "no certificate"}}), alone, is_mx).is_good);
}

void by_authority(void**) {
  const auto anchors = crypto::Anchors::from_pem(g_root);
  const tls::Wish w = {tls::Check::kAuthority, {"mx.test"}, {}};
  assert_true(tls::check_authority(w, g_good, &*anchors, is_mx).is_good);
  auto f = tls::check_authority({tls::Check::kAuthority, {"other.test"}, {}}, g_good, &*anchors, is_mx);
  assert_true(!f.is_good && f.problem == Problem::kName);
  assert_text(f.text, "the certificate is not for other.test");
  assert_true(tls::check_authority(w, g_old, &*anchors, is_mx).problem == Problem::kExpired);
  assert_true(tls::check_authority(w, g_self, &*anchors, is_mx).problem == Problem::kUntrusted);
  assert_false(tls::check_authority(w, g_good, nullptr, is_mx).is_good);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(every_kind_that_fits), unit_test(the_servers_own),
                              unit_test(an_authority_by_its_record), unit_test(by_authority)};
  return cmocka_run_group_tests(tests, setup, nullptr);
}
