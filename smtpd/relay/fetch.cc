// One GET over HTTPS: see fetch.h.
// SPDX-License-Identifier: ISC
#include "smtpd/relay/fetch.h"

#include <sys/socket.h>

namespace mailkeep::relay {

Fetch::Fetch(event::Loop& loop, uint64_t id, std::string host, std::string path, StartTls start_tls, Done done)
    : loop_(loop),
      id_(id),
      host_(std::move(host)),
      path_(std::move(path)),
      start_tls_(std::move(start_tls)),
      done_(std::move(done)),
      patience_(loop, [this] {
        finish(Error("no answer within " + std::to_string(kFetchPatience.count()) + " s", ETIMEDOUT));
      }) {
  patience_.set(kFetchPatience);
}

// Later: whoever calls may be on the stack of what this ends.
void Fetch::finish(mailkeep::Result<std::string> body) {
  if (std::exchange(over_, true)) return;
  patience_.cancel();
  loop_.defer([this, alive = alive_, body = std::make_shared<mailkeep::Result<std::string>>(std::move(body))] {
    if (*alive) done_(*body);
  });
}

void Fetch::connect(const std::vector<std::string>& addresses, const std::string& why_none) {
  if (over_) return;
  if (addresses.empty()) return finish(Error(host_ + ": " + why_none));
  connector_ = std::make_unique<Connector>(loop_, addresses, kHttpsPort, std::vector<std::string>(),
                                           [this](Fd fd, const std::string&, const std::string& text) {
                                             if (!fd) return finish(Error(host_ + " " + text));
                                             hand_over(std::move(fd));
                                           });
}

void Fetch::hand_over(Fd fd) {
  int ends[2];
  if (over_) return;
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
    return finish(errno_error("socketpair"));
  plain_.reset(ends[0]);
  tls::Connect connect;
  connect.session = id_;
  connect.servername = host_;
  connect.check = tls::Check::kAuthority;
  connect.plain.reset(ends[1]);
  connect.server = std::move(fd);
  if (!start_tls_(connect)) finish(Error("the tls process is not there"));
}

void Fetch::on_tls_failed(const std::string& text) { finish(Error("TLS with " + host_ + ": " + text, EPROTO)); }

void Fetch::on_established(const tls::Established&) {
  if (over_ || !plain_) return;
  stream_ = std::make_unique<event::Stream>(
      loop_, std::move(plain_), kMaxHttpAnswer + 1,
      event::Stream::Callbacks{
          .readable = [this] { look(false); }, .drained = [] {}, .closed = [this](int) { look(true); }});
  stream_->write("GET " + path_ + " HTTP/1.1\r\nHost: " + host_ +
                 "\r\nUser-Agent: Mailkeep\r\nAccept: text/plain\r\nConnection: close\r\n\r\n");
}

void Fetch::look(bool ended) {
  if (over_) return;
  auto answer = parse_http(stream_->input(), ended);
  if (!answer) return;
  if (!*answer) return finish((*answer).error());
  HttpAnswer& got = **answer;
  if (got.status != 200) return finish(Error("the web server says " + std::to_string(got.status), EBADMSG));
  if (got.type != "text/plain") return finish(Error("the web server sends no text/plain", EBADMSG));
  finish(std::move(got.body));
}

}  // namespace mailkeep::relay
