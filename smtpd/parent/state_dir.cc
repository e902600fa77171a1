// The directories under `state`: see state_dir.h.
// SPDX-License-Identifier: ISC
#include "smtpd/parent/state_dir.h"

#include <sys/stat.h>
#include <unistd.h>

namespace mailkeep::parent {

namespace {

struct Wanted {
  std::string path;
  uid_t uid;
  gid_t gid;
  mode_t mode;
};

Status make(const Wanted& w) {
  if (mkdir(w.path.c_str(), 0700) != 0 && errno != EEXIST) {
    return Error(errno_error("mkdir " + w.path).text + "; make its parent with: install -d -o root -m 0755 " +
                 w.path.substr(0, w.path.rfind('/')));
  }
  struct stat st {};
  if (lstat(w.path.c_str(), &st) != 0) return errno_error("lstat " + w.path);
  if (!S_ISDIR(st.st_mode)) return Error(w.path + ": is there and is not a directory; move it away");
  if ((st.st_uid != w.uid || st.st_gid != w.gid) && lchown(w.path.c_str(), w.uid, w.gid) != 0) {
    return Error(errno_error("chown " + w.path).text + "; mend it with: chown " + std::to_string(w.uid) + ":" +
                 std::to_string(w.gid) + " " + w.path);
  }
  if ((st.st_mode & 07777) != w.mode && chmod(w.path.c_str(), w.mode) != 0) return errno_error("chmod " + w.path);
  return {};
}

}  // namespace

Result<StatePaths> make_state_dirs(const conf::Config& config, const Identities& ids) {
  const std::string& state = config.options.state;
  StatePaths paths{state + "/empty", config.spool_path(), config.mail_path(), state + "/uids"};
  const Identity& queue = ids[imsg::Role::kQueue];
  for (const Wanted& w :
       {Wanted{state, 0, 0, 0755}, Wanted{paths.empty, 0, 0, 0755}, Wanted{paths.spool, queue.uid, queue.gid, 0700},
        Wanted{paths.mail, 0, ids.mail_group, 01730}, Wanted{config.run_path(), 0, 0, 0755}}) {
    if (auto done = make(w); !done) return done.error();
  }
  return paths;
}

}  // namespace mailkeep::parent
