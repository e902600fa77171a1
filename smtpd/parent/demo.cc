// The embedded demonstration: see demo.h.
// SPDX-License-Identifier: ISC
#include "smtpd/parent/demo.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/conf/parse.h"
#include "smtpd/parent/files.h"

namespace mailkeep::parent {

namespace {

Status write_new(const std::string& path, const std::string& text) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd && errno == EEXIST) return {};
  if (!fd) return errno_error("open " + path);
  return write_all(fd.get(), text);
}

Status make_certificate(const std::string& cert, const std::string& key) {
  if (access(cert.c_str(), R_OK) == 0 && access(key.c_str(), R_OK) == 0) return {};
  const pid_t pid = fork();
  if (pid < 0) return errno_error("fork");
  if (pid == 0) {
    const int null = open("/dev/null", O_RDWR);
    if (null >= 0) {
      dup2(null, 1);
      dup2(null, 2);
    }
    umask(077);
    execl("/usr/bin/openssl", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
          "-nodes", "-days", "365", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
          "-out", cert.c_str(), "-keyout", key.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  int status = 0;
  if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return Error("the openssl program could not make a certificate; install it (Debian, RHEL: openssl)");
  }
  return {};
}

}  // namespace

Status make_demo(const std::string& directory) {
  if (directory.empty() || directory[0] != '/')
    return Error("--demo: found \"" + directory + "\", expected an absolute path");
  if (mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) return errno_error("mkdir " + directory);
  for (const auto& file : conf::demo_files()) {
    if (auto done = write_new(directory + "/" + file.name, file.text); !done) return done;
  }
  if (auto done = write_new(directory + "/mailkeep.conf", conf::demo_config(directory)); !done) return done;
  return make_certificate(directory + "/cert.pem", directory + "/key.pem");
}

}  // namespace mailkeep::parent
