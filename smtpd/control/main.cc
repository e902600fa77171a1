// The control process. Reads no file and opens no connection: local clients on one socket, frames from its peers.
// SPDX-License-Identifier: ISC
#include "smtpd/control/control.h"

using namespace mailkeep;

int main(int argc, char** argv, char** envp) {
  auto boot = worker::boot(imsg::Role::kControl, argc, argv, envp);

  worker::confine(boot, os::Profile::kControl);

  mailkeep::event::Loop loop;
  control::Control control(loop);
  worker::Worker<control::Control> peers(loop, control, control::control_routes());
  control.set_peers(&peers);
  loop.run();
}
