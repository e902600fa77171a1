// One request over HTTPS: see fetch.h.
// SPDX-License-Identifier: ISC
#include "smtpd/relay/fetch.h"

#include <sys/socket.h>

namespace mailkeep::relay {

Fetch::Fetch(event::Loop& loop, uint64_t id, HttpRequest request, StartTls start_tls, Done done)
    : loop_(loop),
      id_(id),
      request_(std::move(request)),
      start_tls_(std::move(start_tls)),
      done_(std::move(done)),
      patience_(loop, [this] {
        finish(Error("no answer within " + std::to_string(kFetchPatience.count()) + " s", ETIMEDOUT));
      }) {
  patience_.set(kFetchPatience);
}

// Later: whoever calls may be on the stack of what this ends.
void Fetch::finish(mailkeep::Result<HttpAnswer> answer) {
  if (std::exchange(over_, true)) return;
  patience_.cancel();
  loop_.defer([this, alive = alive_, answer = std::make_shared<mailkeep::Result<HttpAnswer>>(std::move(answer))] {
    if (*alive) done_(*answer);
  });
}

void Fetch::connect(const std::vector<std::string>& addresses, const std::string& why_none) {
  if (over_) return;
  if (addresses.empty()) return finish(Error(request_.host + ": " + why_none));
  connector_ = std::make_unique<Connector>(loop_, addresses, request_.port, std::vector<std::string>(),
                                           [this](Fd fd, const std::string&, const std::string& text) {
                                             if (!fd) return finish(Error(request_.host + " " + text));
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
  connect.servername = request_.host;
  connect.check = tls::Check::kAuthority;
  connect.plain.reset(ends[1]);
  connect.server = std::move(fd);
  if (!start_tls_(connect)) finish(Error("the tls process is not there"));
}

void Fetch::on_tls_failed(const std::string& text) { finish(Error("TLS with " + request_.host + ": " + text, EPROTO)); }

void Fetch::on_established(const tls::Established&) {
  if (over_ || !plain_) return;
  stream_ = std::make_unique<event::Stream>(
      loop_, std::move(plain_), kMaxHttpAnswer + 1,
      event::Stream::Callbacks{
          .readable = [this] { look(false); }, .drained = [] {}, .closed = [this](int) { look(true); }});
  stream_->write(write_http(request_));
}

void Fetch::look(bool ended) {
  if (over_) return;
  if (request_.is_post) {
    const auto status = parse_http_status(stream_->input(), ended);
    if (!status) return;
    if (!*status) return finish(status->error());
    HttpAnswer answer;
    answer.status = **status;
    return finish(std::move(answer));
  }
  auto answer = parse_http(stream_->input(), ended);
  if (answer) finish(std::move(*answer));
}

}  // namespace mailkeep::relay
