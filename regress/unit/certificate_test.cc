// lib/crypto: digests by known values, and chains that openssl(1) makes: whom they lead to, and when they do not.
// SPDX-License-Identifier: ISC
#include "lib/crypto/certificate.h"

#include <stdlib.h>

#include <fstream>
#include <sstream>

#include "lib/base/text.h"
#include "lib/crypto/digest.h"
#include "regress/unit/unit.h"

using namespace mailkeep;
using crypto::Fault;

namespace {

std::string g_dir;

void shell(const std::string& command) {
  assert_int_equal(system(("cd " + g_dir + " && (" + command + ") >/dev/null 2>&1").c_str()), 0);
}

std::string read(const std::string& name) {
  std::ifstream in(g_dir + "/" + name);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

// An authority, one below it, and servers below that: one good, one whose time is over, one for signing code.
int setup(void**) {
  char dir[] = "/tmp/mailkeep-certificate-XXXXXX";
  if (mkdtemp(dir) == nullptr) return -1;
  g_dir = dir;
  const std::string key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes ";
  const std::string ca = "-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign ";
  shell("openssl req -x509 " + key + "-days 20 -subj /CN=root -keyout root.key -out root.pem " + ca);
  shell("openssl req -x509 " + key + "-days 20 -subj /CN=other -keyout other.key -out other.pem " + ca);
  shell("openssl req -new " + key + "-subj /CN=middle -keyout middle.key -out middle.csr");
  shell("printf 'basicConstraints=critical,CA:TRUE\\nkeyUsage=critical,keyCertSign\\n' > ca.ext");
  shell(
      "openssl x509 -req -in middle.csr -CA root.pem -CAkey root.key -CAcreateserial -days 20 -extfile ca.ext -out "
      "middle.pem");
  for (const std::string name : {"leaf", "old", "code"}) {
    shell("openssl req -new " + key + "-subj /CN=mx.test -keyout " + name + ".key -out " + name + ".csr");
    shell("printf 'subjectAltName=DNS:mx.test\\n' > " + name + ".ext");
    if (name == "code") shell("printf 'extendedKeyUsage=codeSigning\\n' >> code.ext");
    shell("openssl x509 -req -in " + name + ".csr -CA middle.pem -CAkey middle.key -CAcreateserial " +
          (name == "old" ? "-days -1" : "-days 2") + " -extfile " + name + ".ext -out " + name + ".pem");
  }
  return 0;
}
int teardown(void**) { return system(("rm -r " + g_dir).c_str()); }

std::vector<crypto::Certificate> chain(const std::vector<std::string>& names) {
  std::string pem;
  for (const auto& n : names) pem += read(n + ".pem");
  auto out = crypto::read_chain(pem);
  assert_true(out.has_value());
  assert_int_equal(out->size(), names.size());
  return std::move(*out);
}

void digests(void**) {
  assert_text(hex(crypto::sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert_text(hex(crypto::sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  assert_text(hex(crypto::sha512("abc")).substr(0, 32), "ddaf35a193617abacc417349ae204131");
  assert_int_equal(crypto::sha512("").size(), crypto::kSha512Bytes);
}

void whom_a_chain_leads_to(void**) {
  const auto root = crypto::Anchors::from_pem(read("other.pem") + "# a comment\n" + read("root.pem"));
  assert_true(root.has_value());
  assert_int_equal(root->size(), 2);
  assert_true(root->verify(chain({"leaf", "middle"})).fault == Fault::kNone);
  assert_true(root->verify(chain({"leaf", "middle", "root"})).fault == Fault::kNone);
  assert_true(root->verify(chain({"leaf"})).fault == Fault::kUntrusted);  // the one between is missing
  assert_true(root->verify(chain({"old", "middle"})).fault == Fault::kExpired);
  assert_true(root->verify(chain({"code", "middle"})).fault == Fault::kOther);
  assert_true(root->verify({}).fault == Fault::kOther);
  const auto other = crypto::Anchors::from_pem(read("other.pem"));
  assert_true(other->verify(chain({"leaf", "middle", "root"})).fault == Fault::kUntrusted);
  // One in the middle may be the one that is trusted.
  const auto middle = chain({"middle"});
  assert_true(crypto::Anchors::of(middle[0]).verify(chain({"leaf", "middle"})).fault == Fault::kNone);
  assert_true(crypto::Anchors::of(middle[0]).verify(chain({"old"})).fault == Fault::kExpired);
}

void what_is_none(void**) {
  assert_false(crypto::read_chain("").has_value());
  assert_false(crypto::read_chain("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").has_value());
  assert_false(crypto::read_chain(std::string(crypto::kMaxChainBytes + 1, 'x')).has_value());
  std::string many;
  for (size_t i = 0; i <= crypto::kMaxChain; i++) many += read("leaf.pem");
  assert_false(crypto::read_chain(many).has_value());
  assert_false(crypto::Anchors::from_pem("no certificates here").has_value());
  const std::string der = chain({"leaf"})[0].der();
  assert_true(crypto::Certificate::from_der(der).has_value());
  assert_false(crypto::Certificate::from_der(der + "x").has_value());
  for (size_t n = 0; n < der.size(); n += 7) assert_false(crypto::Certificate::from_der(der.substr(0, n)).has_value());
}

void keys_and_names(void**) {
  const auto c = chain({"leaf", "root"});
  assert_false(c[0].is_self_issued());
  assert_true(c[1].is_self_issued());
  shell("openssl x509 -in leaf.pem -noout -pubkey | openssl pkey -pubin -outform DER > leaf.spki");
  assert_true(c[0].public_key() == read("leaf.spki"));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {unit_test(digests), unit_test(whom_a_chain_leads_to), unit_test(what_is_none),
                              unit_test(keys_and_names)};
  return cmocka_run_group_tests(tests, setup, teardown);
}
