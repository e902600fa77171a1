// lib/conf: paths of maildir and mbox actions; no address leads out of them.
// SPDX-License-Identifier: ISC
#include "lib/conf/path_template.h"

#include "regress/unit/unit.h"

using namespace mailkeep;
using conf::expand_path;
using conf::PathNames;

static const PathNames kNames = {"ann", "/home/ann", "Boss@Far.test", "Ann+x@mk.test", "ann@mk.test"};

static void expansions(void**) {
  const struct {
    const char* text;
    const char* path;
  } rows[] = {
      {"~/Maildir", "/home/ann/Maildir"},
      {"%{user.directory}/Maildir", "/home/ann/Maildir"},
      {"/var/mail/%{user.username}", "/var/mail/ann"},
      {"/srv/%{dest.domain}/%{dest.user}/Maildir", "/srv/mk.test/ann/Maildir"},
      {"/srv/%{rcpt.user}", "/srv/Ann+x"},
      {"/srv/%{rcpt}", "/srv/Ann+x@mk.test"},
      {"/srv/%{rcpt:lowercase}", "/srv/ann+x@mk.test"},
      {"/srv/%{rcpt:lowercase|strip}", "/srv/ann@mk.test"},
      {"/srv/%{rcpt.user:strip}", "/srv/Ann"},
      {"/srv/%{sender.domain:uppercase}", "/srv/FAR.TEST"},
      {"/srv/x-%{user.username}-y", "/srv/x-ann-y"},
      {"/srv/%{mbox.from}", "/srv/Boss@Far.test"},
      {"/srv/%{dest.domain[0]}/%{dest.domain[1]}/x", "/srv/m/k/x"},
      {"/srv/%{dest.domain[3:]}/%{dest.domain[-4:]}", "/srv/test/test"},
      {"/srv/%{dest.domain[0:2]}/%{dest.domain[:-5]}", "/srv/mk/mk"},
      {"/srv/%{rcpt.user[0:1]:lowercase}", "/srv/a"},
      {"/srv/x%{dest.domain[90:99]}%{dest.domain[5:2]}%{user.username[-90]}", "/srv/xa"},
  };
  for (const auto& row : rows) {
    assert_text(conf::check_path_template(row.text), "");
    const auto path = expand_path(row.text, kNames);
    assert_text(path ? *path : path.error().text, row.path);
  }
  PathNames odd = kNames;
  odd.rcpt = "a?b$c@x.test";
  odd.sender = "";
  assert_text(expand_path("/srv/%{rcpt}/%{rcpt.user:raw}/%{sender}/%{sender.domain}", odd).value_or("no"),
              "/srv/a:b:c@x.test/a?b$c/MAILER-DAEMON/MAILER-DAEMON");
}

static void what_is_no_template(void**) {
  for (const char* bad : {"",
                          "Maildir",
                          "~Maildir",
                          "/a/../b",
                          "/a//b",
                          "/a/./b",
                          "/a/",
                          "/",
                          "/a/%{rcpt",
                          "/a/%x",
                          "/a/%{nothing}",
                          "/a/%{rcpt:nothing}",
                          "/a/%{user.directory}",
                          "/a\n",
                          "%{user.username}/x",
                          "/%{rcpt}",
                          "/a/%{rcpt[}",
                          "/a/%{rcpt[x]}",
                          "/a/%{rcpt[]}",
                          "/a/%{rcpt[1}",
                          "/a/%{rcpt[99999999999999999999]}",
                          "%{user.directory:lowercase}/x",
                          "/a/%{rcpt:}",
                          "/a/%{rcpt}%"}) {
    if (conf::check_path_template(bad).empty()) fail_msg("%s was taken", bad);
  }
  assert_false(conf::check_path_template("/" + std::string(2000, 'a')).empty());
}

// Either no path, or one below /srv with as many names as the template has.
static void nothing_leads_out(void**) {
  for (const char* evil : {"../etc@x.test", "..@x.test", "a/b@x.test", "/etc/passwd@x.test", "@x.test", ".@x.test",
                           "a\nb@x.test", "", "../../..", "a@../x"}) {
    PathNames names = kNames;
    names.rcpt = names.dest = names.sender = evil;
    for (const char* text : {"/srv/%{rcpt.user}", "/srv/%{dest.user:raw}", "/srv/%{sender.user}", "/srv/%{dest.domain}",
                             "/srv/%{rcpt:raw}", "/srv/%{rcpt[0:2]}"}) {
      const auto path = expand_path(text, names);
      if (!path) continue;
      const bool stays = path->starts_with("/srv/") && path->find('/', 5) == std::string::npos &&
                         conf::is_path_component(path->substr(5));
      if (!stays) fail_msg("'%s' for %s became %s", text, evil, path->c_str());
    }
  }
  // Two dots that only meet in the path.
  PathNames names = kNames;
  names.dest = ".@x.test";
  assert_false(expand_path("/srv/.%{dest.user}/x", names));
  names.directory = "";
  assert_false(expand_path("~/Maildir", names));
  names.directory = "/home/../root";
  assert_false(expand_path("~/Maildir", names));
  names.username = "..";
  assert_false(expand_path("/var/mail/%{user.username}", names));
}

static void fixed_parts(void**) {
  const struct {
    const char* text;
    const char* maildir;
    const char* mbox;
  } rows[] = {
      {"~/Maildir", "~/Maildir", "~"},
      {"/var/mail/%{user.username}", "/var/mail/%{user.username}", "/var/mail"},
      {"/srv/%{dest.domain}/x", "/srv", "/srv"},
      {"/srv/%{user.username[0]}/%{rcpt.user}", "/srv/%{user.username[0]}", "/srv/%{user.username[0]}"},
      {"/%{rcpt}", "", ""},
  };
  for (const auto& row : rows) {
    assert_text(conf::fixed_part(row.text, false), row.maildir);
    assert_text(conf::fixed_part(row.text, true), row.mbox);
  }
}

int main() {
  const CMUnitTest tests[] = {unit_test(expansions), unit_test(what_is_no_template), unit_test(nothing_leads_out),
                              unit_test(fixed_parts)};
  return run_unit_tests(tests);
}
