// The sockets' paths. See sockets.h.
// SPDX-License-Identifier: ISC
#include "lib/conf/sockets.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <fstream>

#include "lib/base/text.h"
#include "lib/conf/options.h"
#include "lib/conf/parse.h"

namespace mailkeep::conf {

namespace {

// The value of the last line "KEYWORD "value"" or "KEYWORD value" of the file; "" if there is none.
std::string plain_setting(const std::string& file, std::string_view keyword) {
  std::ifstream in(file);
  std::string found;
  for (std::string line; std::getline(in, line);) {
    std::string_view rest = trim(line);
    if (rest.substr(0, keyword.size()) != keyword || rest.size() == keyword.size() || !is_space(rest[keyword.size()]))
      continue;
    rest = trim(rest.substr(keyword.size()));
    const bool is_quoted = !rest.empty() && rest[0] == '"';
    if (is_quoted) rest.remove_prefix(1);
    found = rest.substr(0, rest.find_first_of(is_quoted ? "\"" : " \t#"));
  }
  return found;
}

Config plain_settings(const std::string& file) {
  Config out;
  out.options = initial_options();
  out.options.control = plain_setting(file, "control");
  out.options.run = plain_setting(file, "run");
  if (const auto state = plain_setting(file, "state"); !state.empty()) out.options.state = state;
  return out;
}

}  // namespace

std::string find_control_socket(const std::string& file) {
  const auto config = parse_file(file);
  return config ? config->control_path() : plain_settings(file).control_path();
}

std::string find_submit_socket(const std::string& file) {
  const auto config = parse_file(file);
  if (!config) return plain_settings(file).submit_path();
  for (const auto& l : config->listeners) {
    if (l.protocol == Protocol::local) return l.where;
  }
  return config->submit_path();
}

Result<Fd> connect_to(const std::string& path) {
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error(path + ": the path is too long for a socket");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return errno_error("socket");
  if (::connect(fd.get(), reinterpret_cast<const struct sockaddr*>(&address), sizeof address) != 0)
    return errno_error(path);
  return fd;
}

}  // namespace mailkeep::conf
