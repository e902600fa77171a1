"""A next hop for the end-to-end tests: an SMTP server that takes mail, or does what a script tells it to do wrong."""
import re
import socket
import socketserver
import ssl
import threading
import time


class Sink:
    """`script` maps a verb (GREETING, EHLO, MAIL, RCPT, DATA, END, STARTTLS) to a function of the line, or a list of replies that
    are used up one by one; a reply of None closes the connection. Without one it is polite."""

    open = {}  # by address and port

    def __init__(self, address="127.0.0.1", port=0, extensions=("PIPELINING", "8BITMIME", "SIZE 100000000"), tls=None, script=None,
                 implicit=False, auth=None):
        self.extensions = list(extensions)
        self.script = script or {}
        self.tls = tls
        self.auth = auth
        self.implicit = implicit
        self.messages = []      # dicts: mail, rcpt, data, tls, connection
        self.lines = []         # every command line
        self.connections = 0
        self.sessions = set()
        self.lock = threading.Lock()
        sink = self
        if (address, port) in Sink.open:  # of a test that failed
            Sink.open[address, port].close()

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                Session(sink, self.request).run()

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 200

            def handle_error(self, request, client_address):
                pass  # a client that went away

        self.server = Server((address, port), Handler)
        self.address, self.port = self.server.server_address[:2]
        Sink.open[address, self.port] = self
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        Sink.open.pop((self.address, self.port), None)
        self.server.shutdown()
        self.server.server_close()
        for s in list(self.sessions):
            try:
                s.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def reply(self, verb, line, default):
        planned = self.script.get(verb)
        with self.lock:
            if callable(planned):
                answer = planned(line)
                return default if answer is True else answer
            if planned:
                return planned.pop(0)
        return default

    def wait(self, count, patience=20):
        end = time.monotonic() + patience
        while len(self.messages) < count and time.monotonic() < end:
            time.sleep(0.02)
        return len(self.messages) >= count


class Session:
    def __init__(self, sink, connection):
        self.sink, self.socket, self.secure = sink, connection, False
        with sink.lock:
            sink.connections += 1
            self.number = sink.connections
            sink.sessions.add(self)
        self.buffer = b""

    def say(self, text):
        if text is None:
            raise ConnectionError
        self.socket.sendall(text.encode() + b"\r\n")

    def line(self):
        while b"\r\n" not in self.buffer:
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def until_dot(self):
        while not self.buffer.startswith(b".\r\n") and b"\r\n.\r\n" not in self.buffer:
            more = self.socket.recv(1 << 20)
            if not more:
                raise ConnectionError
            self.buffer += more
        if self.buffer.startswith(b".\r\n"):
            self.buffer = self.buffer[3:]
            return b""
        data, self.buffer = self.buffer.split(b"\r\n.\r\n", 1)
        return (data + b"\r\n").replace(b"\r\n..", b"\r\n.").removeprefix(b".") if data.startswith(b"..") else \
               (data + b"\r\n").replace(b"\r\n..", b"\r\n.")

    def start_tls(self):
        self.socket = self.sink.tls.wrap_socket(self.socket, server_side=True)
        self.secure, self.buffer = True, b""

    def run(self):
        try:
            self.socket.settimeout(60)
            if self.sink.implicit:
                self.start_tls()
            self.talk()
        except (OSError, ConnectionError):
            pass
        finally:
            self.sink.sessions.discard(self)
            try:
                self.socket.close()
            except OSError:
                pass

    def talk(self):
        s = self.sink
        self.say(s.reply("GREETING", "", "220 sink.test ESMTP"))
        mail, rcpt = None, []
        while True:
            line = self.line().decode(errors="replace")
            with s.lock:
                s.lines.append(line)
            verb = line.split(" ")[0].upper()
            if verb == "EHLO":
                lines = ["sink.test", *s.extensions]
                if s.tls and not self.secure:
                    lines.append("STARTTLS")
                if s.auth and (self.secure or not s.tls):
                    lines.append("AUTH PLAIN LOGIN")
                text = "\r\n".join(f"250{'-' if i + 1 < len(lines) else ' '}{l}" for i, l in enumerate(lines))
                self.say(s.reply(verb, line, text))
            elif verb == "STARTTLS":
                answer = s.reply(verb, line, "220 go on")
                self.say(answer)
                if answer.startswith("220"):
                    self.start_tls()
            elif verb == "AUTH":
                self.say(s.reply(verb, line, "235 2.7.0 ok" if line.split(" ")[-1] == s.auth else "535 5.7.8 wrong"))
            elif verb == "MAIL":
                answer = s.reply(verb, line, "250 2.1.0 ok")
                mail, rcpt = (line if answer and answer.startswith("2") else None), []
                self.say(answer)
            elif verb == "RCPT":
                answer = s.reply(verb, line, "250 2.1.5 ok" if mail else "503 5.5.1 MAIL first")
                if answer and answer.startswith("2"):
                    rcpt.append(line)
                self.say(answer)
            elif verb == "DATA":
                answer = s.reply(verb, line, "354 go on" if rcpt else "554 5.5.1 nobody")
                self.say(answer)
                if answer.startswith("354"):
                    data = self.until_dot()
                    answer = s.reply("END", line, "250 2.0.0 kept")
                    if answer and answer.startswith("2"):
                        with s.lock:
                            s.messages.append({"mail": mail, "rcpt": rcpt, "data": data, "tls": self.secure, "connection": self.number,
                                               "at": time.monotonic()})
                    self.say(answer)
                    mail, rcpt = None, []
            elif verb == "RSET":
                mail, rcpt = None, []
                self.say("250 2.0.0 ok")
            elif verb == "QUIT":
                self.say("221 2.0.0 bye")
                return
            else:
                self.say("500 5.5.1 what?")


def server_context(directory, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{directory}/{name}.pem", f"{directory}/{name}.key")
    return context


def must_take(s, there, recipient, tls):
    """The server `s` brings mail for the recipient there, and says of the session what matches `tls`."""
    s.send(recipient)
    assert there.wait(1, 40), f"{recipient}: {there.lines} {s.queue()} {s.log()[-1500:]}"
    line = s.wait_log(rf"event=relayed .*to={recipient} .*")[0]
    assert re.search(tls, line), (tls, line)
    s.wait_empty()
    there.close()


def must_not_see(s, there, recipient, *words):
    """It does not, the queue says why in these words, and nothing of it was told there."""
    s.send(recipient)

    def waiting():  # before its own attempt the queue shows what its destination suffered last
        return [i for i in s.queue()["items"] if i["recipient"] == recipient and all(w in i["last_error"] for w in words)]
    end = time.monotonic() + 40
    while not waiting():
        assert time.monotonic() < end, f"{words}: {s.queue()} {s.log()[-1500:]}"
        time.sleep(0.05)
    assert not there.messages and not any(l.startswith("MAIL") for l in there.lines), there.lines
    message = waiting()[0]["id"]
    there.close()
    s.wait_dropped(message)
