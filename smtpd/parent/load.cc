// From the file to a generation of the configuration: parse, check, accounts.
// SPDX-License-Identifier: ISC
#include <unistd.h>

#include "lib/conf/parse.h"
#include "smtpd/parent/parent.h"

namespace mailkeep::parent {

Result<std::unique_ptr<Generation>> load_generation(const Settings& settings, uint32_t number) {
  auto config = settings.demo_dir.empty()
                    ? conf::parse_file(settings.config_path)
                    : conf::parse_text(conf::demo_config(settings.demo_dir), settings.demo_dir + "/mailkeep.conf",
                                       [](const std::string& path) -> Result<std::string> { return Error(path + ": not read in a demo"); });
  if (!config) return config.error();
  std::string findings;
  for (const auto& finding : conf::check_supported(*config)) findings += (findings.empty() ? "" : "\n") + finding;
  if (!findings.empty()) return Error(findings);
  auto out = std::make_unique<Generation>();
  out->number = number;
  out->config = std::move(*config);
  out->hostname = out->config.options.hostname;
  if (out->hostname.empty()) {
    char name[256] = "";
    if (gethostname(name, sizeof name - 1) != 0) return errno_error("gethostname");
    out->hostname = name;
  }
  auto accounts = Accounts::load(out->config, out->config.options.state + "/uids");
  if (!accounts) return accounts.error();
  out->accounts = std::move(*accounts);
  if (auto opened = open_files(*out); !opened) return opened.error();
  return out;
}

}  // namespace mailkeep::parent
