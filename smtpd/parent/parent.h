// The parent: starts the workers, wires every allowed pair, restarts what dies, reloads in two phases, and starts
// `user` processes. Root, with few capabilities; it parses no byte of the network.
//
//   worker:  starting → (Prepared ok: Commit, wires) ready → dead → back-off → starting
//   reload:  parse → slices, Prepare to all → all Prepared ok → Commit to all   | any failure → Abort to all
// SPDX-License-Identifier: ISC
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "lib/event/loop.h"
#include "lib/imsg/routes.h"
#include "smtpd/parent/identities.h"
#include "smtpd/parent/state_dir.h"
#include "smtpd/parent/users.h"

namespace mailkeep::parent {

struct Settings {
  std::string config_path;
  std::string demo_dir;  // not empty: the embedded demonstration
  bool foreground = false;
};

// The file, parsed and checked, with what is made from it; `number` names the generation.
Result<std::unique_ptr<Generation>> load_generation(const Settings& settings, uint32_t number);

// That generation with the files of its tables opened again (all of them, or of `table`), but those of accounts and
// credentials.
Result<std::unique_ptr<Generation>> renew_tables(const Generation& g, uint32_t number, const std::string& table);

class Parent {
 public:
  Parent(event::Loop& loop, Settings settings, std::unique_ptr<Generation> first, Identities ids, StatePaths paths,
         Libexec libexec);
  ~Parent();
  // While root may do anything: binds the listeners and the control socket, opens the directories under `state`.
  Status open();
  // Starts all workers; with the same few capabilities with which one will be started again that has died.
  void start();
  bool has_failed() const { return has_failed_; }  // a first configuration that no worker could take

 private:
  struct Slot;
  struct Reloading;
  using Key = std::pair<imsg::Role, uint32_t>;

  void start_missing();
  void start_slot(Slot& slot);
  Status send_config(Slot& slot, const Generation& g);
  void on_ready(Slot& slot);
  bool wire(Slot& a, Slot& b);
  bool on_frame(imsg::PeerId peer, imsg::Frame& frame);
  void on_broken(imsg::PeerId peer, std::string_view why);
  void on_child();
  void reaped(pid_t pid, int status);
  void maybe_announce();

  void on_prepared(imsg::PeerId peer, worker::Prepared&& m);
  void on_misbehaved(imsg::PeerId peer, worker::Misbehaved&& m);
  void on_log_line(imsg::PeerId peer, worker::LogLine&& m);
  void on_need_user(imsg::PeerId peer, queue::NeedUser&& m);
  void on_who_is(imsg::PeerId peer, WhoIs&& m);
  void on_vouch(imsg::PeerId peer, Vouch&& m);
  void on_open_socket(imsg::PeerId peer, OpenSocket&& m);
  void on_present(imsg::PeerId peer, Present&& m);
  void on_reload(imsg::PeerId peer, Reload&& m);
  void on_status(imsg::PeerId peer, StatusQuery&& m);
  void pass_log_line(const worker::LogLine& m);
  void set_following(bool on);
  bool may_accuse(Slot& accuser, imsg::Role accused);
  void condemn(imsg::PeerId peer, std::string_view why);
  void on_follow(imsg::PeerId peer, Follow&& m);

  void reload(std::optional<uint32_t> query);
  void reload_tables(uint32_t query, const std::string& table);
  void finish_reload(const std::string& error);
  void commit_reload();
  void answer_reload(std::optional<uint32_t> query, const std::string& error);
  void quit();
  bool all_gone() const;
  Slot* find(imsg::PeerId peer);
  template <class M>
  bool tell(imsg::PeerId peer, const M& m);
  Users::Environment environment();

  event::Loop& loop_;
  Settings settings_;
  Identities ids_;
  StatePaths paths_;
  Libexec libexec_;
  std::unique_ptr<Generation> current_;
  Listeners sockets_;
  Fd control_socket_;
  Fd mail_directory_, spool_directory_, empty_directory_;
  std::map<Key, std::unique_ptr<Slot>> slots_;
  std::map<pid_t, Key> by_pid_;
  std::unique_ptr<Reloading> reloading_;
  imsg::Routes<Parent> routes_;
  std::unique_ptr<Users> users_;
  event::Signal on_hup_, on_term_, on_int_, on_chld_;
  event::Timer quit_limit_;
  event::Timer start_up_;  // what it took is let go of
  int64_t started_ = 0;
  bool announced_ = false;
  bool quitting_ = false;
  bool has_failed_ = false;
  bool following_ = false;
};

}  // namespace mailkeep::parent
