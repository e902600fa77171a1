// A DNS server for a test: regress/tools/dns-server on a free port, ended with this object. Tests run from the top of
// the tree.
// SPDX-License-Identifier: ISC
#pragma once

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "lib/dns/resolver.h"
#include "lib/event/loop.h"

#include "regress/unit/unit.h"

namespace mailkeep {

class DnsServer {
 public:
  // Serves regress/zones/mail.zones, or the text.
  explicit DnsServer(const std::string& zones = "") {
    char name[] = "/tmp/mk-dns-XXXXXX";
    assert_true(mkdtemp(name) != nullptr);
    directory_ = name;
    std::string path = "regress/zones/mail.zones";
    if (!zones.empty()) std::ofstream(path = directory_ + "/zones") << zones;
    int out[2];
    assert_int_equal(pipe(out), 0);
    pid_ = fork();
    assert_true(pid_ >= 0);
    if (pid_ == 0) {
      dup2(out[1], 1);
      close(out[0]);
      close(out[1]);
      execl("regress/tools/dns-server", "dns-server", "--anchors", anchors_path().c_str(), "--log", log_path().c_str(),
            path.c_str(), nullptr);
      _exit(127);
    }
    close(out[1]);
    FILE* reader = fdopen(out[0], "r");
    unsigned port = 0;
    if (fscanf(reader, "ready %u", &port) != 1) fail_msg("the DNS server did not start");
    fclose(reader);
    port_ = static_cast<uint16_t>(port);
  }
  ~DnsServer() {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
    for (const std::string& path : {anchors_path(), log_path(), directory_ + "/zones"}) unlink(path.c_str());
    rmdir(directory_.c_str());
  }
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;

  uint16_t port() const { return port_; }
  std::string anchors() const { return text(anchors_path()); }
  std::string queries() const { return text(log_path()); }  // "udp plain.test. MX\n" ...
  dns::Settings settings(dns::Validation validation = dns::Validation::kOn) const {
    dns::Settings s;
    s.engine.servers = {{"127.0.0.1", port_}};
    s.engine.trust_anchors = anchors();
    s.validation = validation;
    return s;
  }

 private:
  static std::string text(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string anchors_path() const { return directory_ + "/anchors"; }
  std::string log_path() const { return directory_ + "/log"; }
  std::string directory_;
  pid_t pid_ = -1;
  uint16_t port_ = 0;
};

}  // namespace mailkeep
