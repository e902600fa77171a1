// mailkeepd: reads the configuration, binds, starts the workers, becomes users. See mailkeepd(8).
// SPDX-License-Identifier: ISC
#include <bsd/unistd.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "lib/conf/parse.h"
#include "lib/log/log.h"
#include "lib/os/privilege.h"
#include "smtpd/parent/demo.h"
#include "smtpd/parent/notify.h"
#include "smtpd/parent/parent.h"

using namespace mailkeep;

namespace {

constexpr rlim_t kDescriptors = 65536;

struct Arguments {
  parent::Settings settings;
  bool check_only = false;
};

[[noreturn]] void usage() {
  std::fprintf(stderr, "usage: mailkeepd [-dnv] [-f file]\n       mailkeepd -d --demo directory\n");
  _exit(2);
}

Arguments parse_arguments(int argc, char** argv) {
  Arguments a;
  a.settings.config_path = MAILKEEP_SYSCONFDIR "/mailkeep/mailkeep.conf";
  for (int i = 1; i < argc; i++) {
    const std::string_view arg = argv[i];
    if (arg == "-d") {
      a.settings.foreground = true;
    } else if (arg == "-n") {
      a.check_only = true;
    } else if (arg == "-dn" || arg == "-nd") {
      a.settings.foreground = a.check_only = true;
    } else if (arg == "-f" && i + 1 < argc) {
      a.settings.config_path = argv[++i];
    } else if (arg == "--demo" && i + 1 < argc) {
      a.settings.demo_dir = argv[++i];
    } else if (arg == "-v") {
      std::printf("mailkeepd %s\n", MAILKEEP_VERSION);
      _exit(0);
    } else {
      usage();
    }
  }
  return a;
}

[[noreturn]] void fail(const std::string& text) {
  std::fprintf(stderr, "%s\n", text.c_str());
  log::error("start-failed").kv("text", text);
  log::flush();
  _exit(1);
}

int check(const parent::Settings& settings) {
  auto config = conf::parse_file(settings.config_path);
  if (!config) {
    std::fprintf(stderr, "%s\n", config.error().text.c_str());
    return 1;
  }
  const auto findings = conf::check_supported(*config);
  for (const auto& f : findings) std::fprintf(stderr, "%s\n", f.c_str());
  return findings.empty() ? 0 : 1;
}

// As many as kDescriptors, or as the hard limit allows where even root may not raise it (a container).
void raise_descriptors() {
  struct rlimit limit = {kDescriptors, kDescriptors};
  if (setrlimit(RLIMIT_NOFILE, &limit) == 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min(limit.rlim_max, kDescriptors);
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) log::warn("descriptors").kv("text", std::strerror(errno));
}

}  // namespace

int main(int argc, char** argv, char** envp) {
  Arguments args = parse_arguments(argc, argv);
  char* const name_end = argv[0] + strlen(argv[0]);
  setproctitle_init(argc, argv, envp);
  signal(SIGPIPE, SIG_IGN);
  umask(022);
  log::open("parent", log::Level::kInfo, args.settings.foreground || args.check_only);
  if (args.check_only) return check(args.settings);
  if (geteuid() != 0) fail("mailkeepd must be started by root: it becomes its workers' and its users' uids");

  // Paragraph 1: all that needs the whole of root.
  if (!args.settings.demo_dir.empty()) {
    if (auto made = parent::make_demo(args.settings.demo_dir); !made) fail(made.error().text);
  }
  // The state directory must be there before accounts can get their uids.
  auto config = args.settings.demo_dir.empty()
                    ? conf::parse_file(args.settings.config_path)
                    : conf::parse_text(conf::demo_config(args.settings.demo_dir), "demo", {});
  if (!config) fail(config.error().text);
  auto ids = parent::find_identities(config->options.worker_uids);
  if (!ids) fail(ids.error().text);
  auto paths = parent::make_state_dirs(*config, *ids);
  if (!paths) fail(paths.error().text);
  auto first = parent::load_generation(args.settings, 1);
  if (!first) fail(first.error().text);
  auto libexec = parent::find_libexec();
  if (!libexec) fail(libexec.error().text);
  if (!args.settings.foreground && daemon(0, 0) != 0) fail(errno_error("daemon").text);
  log::set_level(static_cast<log::Level>(parent::log_level_number((*first)->config.options.log_level)));
  raise_descriptors();
  setproctitle("-mailkeep: parent");
  if (*name_end == '.') *name_end = '\0';  // libbsd's mark of where a longer name ended

  mailkeep::event::Loop loop;
  parent::Parent parent(loop, args.settings, std::move(*first), *ids, std::move(*paths), std::move(*libexec));
  if (auto opened = parent.open(); !opened) fail(opened.error().text);

  // Paragraph 2: only what is needed from here on.
  if (auto kept = os::keep_capabilities({CAP_SETUID, CAP_SETGID, CAP_SYS_CHROOT, CAP_KILL, CAP_NET_BIND_SERVICE});
      !kept) {
    fail(kept.error().text);
  }
  parent.start();
  loop.run();
  log::flush();
  return parent.has_failed() ? 1 : 0;
}
