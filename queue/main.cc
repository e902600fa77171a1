// mailkeep queue: the process that holds the spool. See queue.h.
// SPDX-License-Identifier: ISC
#include <fcntl.h>
#include <sys/resource.h>

#include "queue/queue.h"

using namespace mailkeep;

int main(int argc, char** argv, char** envp) {
  // Still root.
  auto boot = worker::boot(imsg::Role::kQueue, argc, argv, envp);
  struct rlimit files = {};  // all there are: memory files on their way, a channel for each active account
  bool raised = ::getrlimit(RLIMIT_NOFILE, &files) == 0;
  files.rlim_cur = files.rlim_max;
  raised = raised && ::setrlimit(RLIMIT_NOFILE, &files) == 0;
  if (!raised) log::warn("worker-limits").kv("text", errno_error("setrlimit").text);

  // Drop, chroot to the spool, sandbox.
  {
    const Fd root(::fcntl(boot.directory.get(), F_DUPFD_CLOEXEC, 3));  // the one place that Landlock leaves open
    worker::confine(boot, os::Profile::kSpool, {{root.get(), true}});
  }

  queue::SpoolOptions options;
  options.directory = std::string(boot.root.empty() ? "." : "/");
  auto spool = queue::Spool::open(options);
  if (!spool) {
    log::error("spool-not-opened").kv("why", spool.error().text);
    log::flush();
    return 1;
  }

  // Peers, loop.
  mailkeep::event::Loop loop;
  queue::Queue role(loop, std::move(spool).value());
  worker::Worker<queue::Queue> peers(loop, role, queue::Queue::routes());
  role.set_peers(&peers);
  loop.run();
  return 0;
}
