// The configuration behind `mailkeepd --demo DIR`: a whole server on loopback that needs no set-up.
// SPDX-License-Identifier: ISC
#include "lib/conf/parse.h"

namespace mailkeep::conf {
namespace {

// The directory's name in the quoting of mailkeep.conf(5).
std::string quoted(const std::string& path) {
  std::string out = "\"";
  for (const char c : path) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace

std::string demo_config(const std::string& dir) {
  return "# mailkeepd --demo: one account, demo with the password demo, on loopback only.\n"
         "state    " +
         quoted(dir + "/state") +
         "\n"
         "control  " +
         quoted(dir + "/mailkeep.sock") +
         "\n"
         "hostname mx.demo.test\n"
         "domain   demo.test\n"
         "pki      demo cert " +
         quoted(dir + "/cert.pem") + " key " + quoted(dir + "/key.pem") +
         "\n"
         "table    accounts " +
         quoted("file:" + dir + "/accounts") +
         "\n"
         "table    aliases " +
         quoted("file:" + dir + "/aliases") +
         "\n"
         "uid-range 200000-299999\n"
         "worker-uids 190000\n"
         "listen on 127.0.0.1 port 2525 smtp  pki demo\n"
         "listen on 127.0.0.1 port 2143 imap  pki demo plaintext-ok\n"
         "listen on 127.0.0.1 port 2993 imaps pki demo\n"
         "auth table <accounts>\n"
         "action in deliver alias <aliases>\n"
         "match from any for domain demo.test action in\n";
}

std::vector<DemoFile> demo_files() {
  return {
      {"accounts", "demo:{PLAIN}demo:::Demo account::\n"},
      {"aliases", "postmaster: demo\nroot: demo\n"},
  };
}

}  // namespace mailkeep::conf
