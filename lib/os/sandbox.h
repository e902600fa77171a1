// Sandboxes of the workers: seccomp profiles per class of role, and Landlock.
// A system call outside the profile ends the process with SIGSYS (the parent logs it and restarts it).
// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/result.h"

namespace mailkeep::os {

// What a role needs beyond what all need (memory, time, its descriptors, epoll, its peers' messages). Only kRelay and
// kLookup may make a socket that reaches others; none may execute a program, map executable memory (but a file, kUser)
// or signal another process.
enum class Profile {
  kReceive,  // smtpd, lmtpd: accept, connections, memory files
  kLogin,    // imapd: accept, connections
  kTls,      // connections that others hand over
  kLookup,   // files read-only; sockets of DNS (UDP, TCP) and unix sockets of the name service
  kAuth,     // a forked child per check, which it may kill
  kSpool,    // queue: files read and write
  kUser,     // files read and write, connections that are handed over; the C library's character converters
  kControl,  // accept on its socket, ask who is there
  kRelay,    // TCP connections to other hosts
};

// A build with sanitizers: every profile has what their runtime needs too: to read files, to ask about a terminal and
// limits.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(__SANITIZE_UNDEFINED__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// Allows only the profile's system calls from here on, in every thread; needs no_new_privs or root.
Status enter_seccomp(Profile profile);

// A directory (or file) that Landlock leaves open. Everything else on the file system is closed.
struct Allowed {
  int fd = -1;  // opened with O_PATH; not taken over
  bool write = false;
};

// The Landlock ABI of the running kernel; 0: none.
int landlock_abi();

// What may be done over TCP: nothing, or
struct Tcp {
  bool outwards = false;        // connect anywhere, and bind to a port of the kernel's choice; or
  std::vector<uint16_t> ports;  // connect to these alone
};

// Confines to `allowed` and, as far as the kernel can (ABI 4), to `tcp`; denies signals and abstract sockets outside
// (ABI 6). With no Landlock in the kernel this is an error unless `required` is false: the caller logs that it runs
// without.
Status enter_landlock(const std::vector<Allowed>& allowed, bool required, const Tcp& tcp = {});

}  // namespace mailkeep::os
