// Landlock by system call, with what the running kernel's ABI offers: see sandbox.h.
// SPDX-License-Identifier: ISC
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "lib/base/fd.h"
#include "lib/os/sandbox.h"

namespace mailkeep::os {

namespace {

// From the kernel's uapi; Debian 12's and RHEL 9's headers are older than the ABIs used here.
constexpr long kCreateRuleset = 444;
constexpr long kAddRule = 445;
constexpr long kRestrictSelf = 446;
constexpr uint32_t kCreateVersion = 1;
constexpr int kRulePathBeneath = 1;
constexpr int kRuleNetPort = 2;

constexpr uint64_t kExecute = 1 << 0, kWriteFile = 1 << 1, kReadFile = 1 << 2, kReadDir = 1 << 3;
constexpr uint64_t kFsAbi1 = (1 << 13) - 1;
constexpr uint64_t kFsRefer = 1 << 13;                          // ABI 2
constexpr uint64_t kFsTruncate = 1 << 14;                       // ABI 3
constexpr uint64_t kFsIoctl = 1 << 15;                          // ABI 5
constexpr uint64_t kNetBind = 1, kNetConnect = 2, kNetAll = 3;  // ABI 4: over TCP
constexpr uint64_t kScopeAll = 3;                               // ABI 6: abstract unix sockets, signals

struct RulesetAttr {
  uint64_t fs = 0;
  uint64_t net = 0;
  uint64_t scoped = 0;
};

struct [[gnu::packed]] PathBeneathAttr {
  uint64_t allowed = 0;
  int32_t parent_fd = -1;
};

struct NetPortAttr {
  uint64_t allowed = 0;
  uint64_t port = 0;
};

size_t attr_size(int abi) { return abi >= 6 ? 24 : abi >= 4 ? 16 : 8; }

}  // namespace

int landlock_abi() {
  const long abi = syscall(kCreateRuleset, nullptr, 0, kCreateVersion);
  return abi < 0 ? 0 : static_cast<int>(abi);
}

Status enter_landlock(const std::vector<Allowed>& allowed, bool required, const Tcp& tcp) {
  const int abi = landlock_abi();
  if (abi == 0) {
    if (required) return Error("this kernel offers no Landlock");
    return {};
  }
  RulesetAttr attr;
  attr.fs = kFsAbi1 | (abi >= 2 ? kFsRefer : 0) | (abi >= 3 ? kFsTruncate : 0) | (abi >= 5 ? kFsIoctl : 0);
  if (abi >= 4) attr.net = tcp.outwards ? kNetBind : kNetAll;
  if (abi >= 6) attr.scoped = kScopeAll;
  const Fd ruleset(static_cast<int>(syscall(kCreateRuleset, &attr, attr_size(abi), 0)));
  if (!ruleset) return errno_error("landlock_create_ruleset");
  for (const Allowed& a : allowed) {
    struct stat st {};
    if (fstat(a.fd, &st) != 0) return errno_error("fstat of a Landlock path");
    const uint64_t file_rights = kWriteFile | kReadFile | (abi >= 3 ? kFsTruncate : 0);
    PathBeneathAttr rule;
    rule.parent_fd = a.fd;
    rule.allowed = a.write ? attr.fs & ~kExecute & ~kFsIoctl : kReadFile | kReadDir;
    if (!S_ISDIR(st.st_mode)) rule.allowed &= file_rights;
    if (syscall(kAddRule, ruleset.get(), kRulePathBeneath, &rule, 0) != 0) return errno_error("landlock_add_rule");
  }
  std::vector<NetPortAttr> ports;
  if (tcp.outwards) ports.push_back({kNetBind, 0});  // port 0: the kernel chooses one that nobody listens at
  for (const uint16_t port : tcp.ports) ports.push_back({kNetConnect, port});
  for (const NetPortAttr& port : ports) {
    if (abi >= 4 && syscall(kAddRule, ruleset.get(), kRuleNetPort, &port, 0) != 0)
      return errno_error("landlock_add_rule of a port");
  }
  if (syscall(kRestrictSelf, ruleset.get(), 0) != 0) return errno_error("landlock_restrict_self");
  return {};
}

}  // namespace mailkeep::os
