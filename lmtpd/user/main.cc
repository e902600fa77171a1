// user: one recipient's process. Runs as the recipient's own uid, confined by Landlock to the mail directory.
// SPDX-License-Identifier: ISC
#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>

#include "lib/os/privilege.h"
#include "lmtpd/user/converters.h"
#include "lmtpd/user/mailbox_process.h"
#include "lmtpd/user/template.h"

using namespace mailkeep;

namespace {

[[noreturn]] void fail(const std::string& account, const std::string& text) {
  log::error("user-start").kv("account", account).kv("text", text);
  log::flush();
  _exit(1);
}

// For syncs alone: its own rights to it end with root's.
Fd open_to_sync(const worker::Boot& boot) {
  Fd fd(openat(boot.directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) fail(boot.account, errno_error("open of the directory of mail directories").text);
  return fd;
}

// Makes and opens the account's directory as the account itself: only in between has this process the group that
// may write the sticky directory of mail directories.
Fd open_directory(const worker::Boot& boot) {
  const gid_t group = boot.extra_gid;
  if (setgroups(1, &group) != 0 || setegid(boot.gid) != 0 || seteuid(boot.uid) != 0) {
    fail(boot.account, errno_error("become the account").text);
  }
  umask(077);
  if (mkdirat(boot.directory.get(), boot.account.c_str(), 0700) != 0 && errno != EEXIST) {
    fail(boot.account, errno_error("mkdir of the mail directory").text);
  }
  Fd dir(openat(boot.directory.get(), boot.account.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!dir) fail(boot.account, errno_error("open of the mail directory").text);
  struct stat st {};
  if (fstat(dir.get(), &st) != 0) fail(boot.account, errno_error("fstat of the mail directory").text);
  if (st.st_uid != boot.uid || (st.st_mode & 077) != 0) {
    fail(boot.account, "the mail directory belongs to uid " + std::to_string(st.st_uid) + " with mode " +
                           std::to_string(st.st_mode & 07777) + " (decimal), expected uid " + std::to_string(boot.uid) +
                           " and mode 0700");
  }
  // Now, as the account: root without CAP_DAC_OVERRIDE may not enter it.
  if (fchdir(dir.get()) != 0) fail(boot.account, errno_error("fchdir").text);
  if (seteuid(0) != 0 || setegid(0) != 0) fail(boot.account, errno_error("go on").text);
  return dir;
}

// Opens what actions of the configuration name, as the account and nothing else.
std::unique_ptr<user::Places> open_places(const worker::Boot& boot) {
  if (boot.places.empty()) return nullptr;
  if (setgroups(0, nullptr) != 0 || setegid(boot.gid) != 0 || seteuid(boot.uid) != 0) {
    fail(boot.account, errno_error("become the account").text);
  }
  auto places = user::Places::open(boot);
  if (seteuid(0) != 0 || setegid(0) != 0) fail(boot.account, errno_error("go on").text);
  return places;
}

}  // namespace

int main(int argc, char** argv, char** envp) {
  auto boot = worker::boot(imsg::Role::kUser, argc, argv, envp);
  if (worker::is_template(boot)) boot = user::serve_template(std::move(boot));
  auto above = std::make_shared<Fd>(open_to_sync(boot));
  const Fd dir = open_directory(boot);
  boot.directory.reset();
  auto places = open_places(boot);
  Fd converters = user::open_converters();
  std::vector<os::Allowed> allowed = {{dir.get(), true}};
  if (converters) allowed.push_back({converters.get(), false});
  if (places) {
    for (const auto& place : places->allowed()) allowed.push_back(place);
  }
  worker::confine(boot, os::Profile::kUser, allowed);
  converters.reset();

  os::RealIo io;
  store::Options options;
  options.report = [account = boot.account](const std::string& text) {
    log::warn("store").kv("account", account).kv("text", text);
  };
  options.sync_name = [above = std::move(above)]() -> Status {
    if (fsync(above->get()) != 0) return errno_error("fsync of the directory of mail directories");
    return {};
  };
  auto store = store::Store::open(io, dir.get(), std::move(options));
  if (!store) fail(boot.account, store.error().text);
  mailkeep::event::Loop loop;
  user::MailboxProcess process(loop, std::move(*store), boot.account);
  if (places) places->set_home(io, dir.get());
  process.set_places(std::move(places));
  loop.run();
}
