// Giving up root: see privilege.h.
// SPDX-License-Identifier: ISC
#include "lib/os/privilege.h"

#include <bsd/unistd.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace mailkeep::os {

namespace {

constexpr int kLastCapability = 63;

Status set_capabilities(uint64_t kept) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {};
  data[0].permitted = data[0].effective = static_cast<uint32_t>(kept);
  data[1].permitted = data[1].effective = static_cast<uint32_t>(kept >> 32);
  if (syscall(SYS_capset, &header, data) != 0) return errno_error("capset");
  return {};
}

// Leaves the permitted set as it is: with the next change of the effective uid to root all of it is back.
Status set_effective(uint64_t effective) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) != 0) return errno_error("capget");
  data[0].effective = static_cast<uint32_t>(effective);
  data[1].effective = static_cast<uint32_t>(effective >> 32);
  if (syscall(SYS_capset, &header, data) != 0) return errno_error("capset");
  return {};
}

Status bound_capabilities(uint64_t kept) {
  for (int cap = 0; cap <= kLastCapability; cap++) {
    if ((kept >> cap & 1) != 0) continue;
    if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 1) continue;  // not known to this kernel, or gone already
    if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0) return errno_error("prctl(PR_CAPBSET_DROP)");
  }
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL) {
    return errno_error("prctl(PR_CAP_AMBIENT)");
  }
  return {};
}

Status check_dropped(uid_t uid, gid_t gid) {
  uid_t r = 0, e = 0, s = 0;
  gid_t rg = 0, eg = 0, sg = 0;
  if (getresuid(&r, &e, &s) != 0 || getresgid(&rg, &eg, &sg) != 0) return errno_error("getresuid");
  if (r != uid || e != uid || s != uid || rg != gid || eg != gid || sg != gid)
    return Error("ids differ after the drop");
  if (static_cast<uid_t>(setfsuid(static_cast<uid_t>(-1))) != uid) return Error("fsuid differs after the drop");
  if (getgroups(0, nullptr) != 0) return Error("groups are left after the drop");
  if (setresuid(0, 0, 0) == 0 || setuid(0) == 0 || seteuid(0) == 0) return Error("root can be had back after the drop");
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) != 0) return errno_error("capget");
  for (const auto& d : data) {
    if ((d.permitted | d.effective | d.inheritable) != 0) return Error("capabilities are left after the drop");
  }
  return {};
}

}  // namespace

void close_from(int lowest) { closefrom(lowest); }

Status enter_root(const Fd& directory, const std::string& name, uid_t owner) {
  struct stat st {};
  if (fstat(directory.get(), &st) != 0) return errno_error("stat " + name);
  if (!S_ISDIR(st.st_mode)) return Error(name + ": not a directory");
  if (st.st_uid != 0 && st.st_uid != owner) return Error(name + ": belongs to uid " + std::to_string(st.st_uid));
  if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) return Error(name + ": group or others may write to it");
  // Root without CAP_DAC_OVERRIDE cannot enter a directory that is another's alone: its owner does, with one
  // capability.
  if (st.st_uid != 0) {
    if (seteuid(st.st_uid) != 0) return errno_error("become the owner of " + name);
    if (auto done = set_effective(uint64_t{1} << CAP_SYS_CHROOT); !done) return done;
  }
  if (fchdir(directory.get()) != 0) return errno_error("chdir " + name);
  if (chroot(".") != 0) return errno_error("chroot " + name);
  if (st.st_uid != 0 && seteuid(0) != 0) return errno_error("be root in " + name);
  return {};
}

Status harden_process() {
  const struct rlimit none = {0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0) return errno_error("setrlimit(RLIMIT_CORE)");
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return errno_error("prctl(PR_SET_DUMPABLE)");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno_error("prctl(PR_SET_NO_NEW_PRIVS)");
  return {};
}

Status drop_to(uid_t uid, gid_t gid) {
  if (uid == 0 || gid == 0) return Error("asked to drop to root");
  if (auto done = bound_capabilities(0); !done) return done;
  if (setgroups(0, nullptr) != 0) return errno_error("setgroups");
  if (setresgid(gid, gid, gid) != 0) return errno_error("setresgid");
  if (setresuid(uid, uid, uid) != 0) return errno_error("setresuid");
  if (auto done = set_capabilities(0); !done) return done;
  if (auto done = harden_process(); !done) return done;
  return check_dropped(uid, gid);
}

Status keep_capabilities(const std::vector<int>& capabilities) {
  uint64_t kept = 0;
  for (int cap : capabilities) kept |= uint64_t{1} << cap;
  // The bounding set keeps one more: a worker that is started as root must be able to empty its own.
  if (auto done = bound_capabilities(kept | uint64_t{1} << CAP_SETPCAP); !done) return done;
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL) {
    return errno_error("prctl(PR_CAP_AMBIENT)");
  }
  return set_capabilities(kept);
}

}  // namespace mailkeep::os
