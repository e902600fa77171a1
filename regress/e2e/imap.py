"""An IMAP client for tests: sends just what it is told, and reads every response into Python values.

Values: an atom is str, a quoted string or literal bytes, NIL None, a parenthesised list a list. An untagged FETCH is a
dict by item name (upper case). The same client talks to a server on a port and to one on a pipe.
"""
import re
import socket
import ssl
import subprocess
import time


class Response:
    """tag: "*", "+" or the command's. name: the word after it, or after the number; upper case."""

    def __init__(self, raw, tag, number, name, values, text):
        self.raw, self.tag, self.number, self.name, self.values, self.text = raw, tag, number, name, values, text

    @property
    def code(self):
        """The response code as text: "UIDNEXT 5", or ""."""
        found = re.match(r"\[([^\]]*)\]", self.text)
        return found.group(1) if found else ""

    @property
    def items(self):
        """Of FETCH and STATUS: a dict."""
        pairs = self.values[-1]
        return {str(pairs[i]).upper(): pairs[i + 1] for i in range(0, len(pairs), 2)}

    def __repr__(self):
        return self.raw.decode("latin1").strip()


class Tokens:
    def __init__(self, raw):
        self.raw, self.at = raw, 0

    def peek(self):
        return self.raw[self.at:self.at + 1]

    def value(self):
        c = self.peek()
        if c == b"(":
            self.at += 1
            out = []
            while self.peek() != b")":
                assert self.peek() not in (b"", b"\r"), f"list without end: {self.raw[:200]!r}"
                out.append(self.value())
                if self.peek() == b" ":
                    self.at += 1
            self.at += 1
            return out
        if c == b'"':
            return self.quoted()
        if c == b"{":
            return self.literal()
        return self.atom()

    def quoted(self):
        out = bytearray()
        self.at += 1
        while (c := self.peek()) != b'"':
            assert c not in (b"", b"\r", b"\n"), f"quoted string without end: {self.raw[:200]!r}"
            assert ord(c) < 0x80, f"8-bit byte in a quoted string: {self.raw[max(0, self.at - 40):self.at + 20]!r}"
            if c == b"\\":
                self.at += 1
                assert self.peek() in (b'"', b"\\"), f"bad escape: {self.raw[self.at - 20:self.at + 20]!r}"
            out += self.peek()
            self.at += 1
        self.at += 1
        return bytes(out)

    def literal(self):
        found = re.compile(rb"\{(\d+)\}\r\n").match(self.raw, self.at)
        assert found, f"bad literal: {self.raw[self.at:self.at + 40]!r}"
        end = found.end() + int(found.group(1))
        out = self.raw[found.end():end]
        assert b"\0" not in out, "NUL in a literal"
        self.at = end
        return out

    def atom(self):
        """Up to a delimiter; a section's brackets belong to it, with all inside."""
        start = self.at
        while self.peek() not in (b"", b" ", b"(", b")", b"\r", b"\n", b'"', b"{"):
            if self.peek() == b"[":
                while self.peek() != b"]":
                    assert self.peek() != b"", f"section without end: {self.raw[:200]!r}"
                    if self.peek() == b'"':
                        self.quoted()
                    elif self.peek() == b"{":
                        self.literal()
                    else:
                        self.at += 1
            self.at += 1
        text = self.raw[start:self.at]
        assert text, f"nothing where a value was expected: {self.raw[:300]!r} at {self.at}"
        assert all(0x20 < c < 0x7f or c in b" \r\n" for c in text), f"odd byte in an atom: {text!r}"
        return None if text.upper() == b"NIL" else text.decode("latin1")


STATUS = ("OK", "NO", "BAD", "BYE", "PREAUTH")


def parse(raw):
    assert raw.endswith(b"\r\n"), raw[-40:]
    tag, _, rest = raw[:-2].partition(b" ")
    tag = tag.decode("latin1")
    if tag == "+":
        return Response(raw, "+", None, "+", [], rest.decode("latin1"))
    head = re.match(rb"(?:(\d+) )?([A-Za-z0-9-]+)(?: |$)", rest)
    assert head, f"no response: {raw[:200]!r}"
    number = int(head.group(1)) if head.group(1) else None
    name = head.group(2).decode().upper()
    if name in STATUS:
        return Response(raw, tag, None, name, [], rest[head.end():].decode("latin1"))
    tokens, values = Tokens(raw[:-2]), []
    tokens.at = len(tag) + 1 + head.end()
    while tokens.peek():
        values.append(tokens.value())
        if tokens.peek() == b" ":
            tokens.at += 1
            assert tokens.peek() or name == "SEARCH", f"space at the end: {raw[-100:]!r}"
        else:
            assert not tokens.peek(), f"junk after a value: {raw[:300]!r} at {tokens.at}"
    return Response(raw, tag, number, name, values, rest[head.end():].decode("latin1"))


class Imap:
    def __init__(self, port=None, command=None, patience=20, greeting=True, env=None, tls=False, receive_buffer=None):
        self.buffer, self.number, self.patience, self.child = b"", 0, patience, None
        self.unasked = []  # untagged responses of the last cmd()
        if command:
            self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
        else:
            self.socket = socket.socket()
            if receive_buffer:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            self.socket.settimeout(patience)
            self.socket.connect(("127.0.0.1", port))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls:
                self.start_tls()
        self.greeting = self.response() if greeting else None

    def start_tls(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)

    # --- bytes ---
    def send(self, data):
        data = data if isinstance(data, bytes) else data.encode()
        if self.child:
            self.child.stdin.write(data)
            self.child.stdin.flush()
        else:
            self.socket.sendall(data)

    def fill(self):
        more = self.child.stdout.read1(1 << 16) if self.child else self.socket.recv(1 << 16)
        if not more:
            raise EOFError(f"the server closed after {self.buffer[-200:]!r}")
        self.buffer += more

    def has_more(self, patience=0.0):
        """Whether something more comes within `patience` seconds."""
        if self.buffer:
            return True
        self.socket.settimeout(max(patience, 0.001))
        try:
            self.fill()
            return True
        except (TimeoutError, socket.timeout, ssl.SSLWantReadError):
            return False
        finally:
            self.socket.settimeout(self.patience)

    def raw_response(self):
        """One response with its literals, the last CRLF included."""
        at = 0
        while True:
            while (end := self.buffer.find(b"\r\n", at)) < 0:
                self.fill()
            found = re.search(rb"\{(\d+)\}$", self.buffer[max(at, end - 25):end])
            if not found:
                out, self.buffer = self.buffer[:end + 2], self.buffer[end + 2:]
                return out
            at = end + 2 + int(found.group(1))
            while len(self.buffer) < at:
                self.fill()

    def response(self):
        return parse(self.raw_response())

    def at_end(self, patience=5):
        """Whether the server has closed; what it still sent is in `last_words`."""
        self.last_words = self.buffer
        end = time.monotonic() + patience
        while time.monotonic() < end:
            try:
                self.buffer = b""
                self.fill()
                self.last_words += self.buffer
            except EOFError:
                return True
            except (ConnectionError, ssl.SSLError):
                return True
            except (TimeoutError, socket.timeout):
                return False
        return False

    # --- commands ---
    def tag(self):
        self.number += 1
        return f"t{self.number}"

    def finish(self, tag):
        """Reads up to the tagged answer, which it gives; what came before is in `unasked`."""
        self.unasked = []
        while True:
            r = self.response()
            if r.tag == tag:
                return r
            assert r.tag in "*+", f"answer to another command: {r}"
            self.unasked.append(r)

    def cmd(self, line, *literals, status="OK"):
        """`line` with a "{}" for each literal. The tagged answer, which must have that status (None: any)."""
        tag = self.tag()
        pieces = line.encode() if isinstance(line, str) else line
        pieces = pieces.split(b"{}") if literals else [pieces]
        assert len(pieces) == len(literals) + 1
        out = tag.encode() + b" " + pieces[0]
        for literal, piece in zip(literals, pieces[1:]):
            out += b"{%d+}\r\n" % len(literal) + literal + piece
        self.send(out + b"\r\n")
        r = self.finish(tag)
        assert status is None or r.name == status, f"{line[:200]!r} was answered {r}"
        return r

    def all(self, name):
        return [r for r in self.unasked if r.name == name]

    def login(self, user):
        self.cmd(f"LOGIN {user} secret-{user}")
        return self

    def append(self, mailbox, message, extra="", status="OK"):
        return self.cmd(f"APPEND {mailbox} {extra}" + "{}", message, status=status)

    def fetch(self, which, what, uid=False, status="OK"):
        """{message number: items}"""
        self.cmd(f"{'UID ' if uid else ''}FETCH {which} {what}", status=status)
        return {r.number: r.items for r in self.all("FETCH")}

    def search(self, program, *literals, uid=False, status="OK"):
        self.cmd(f"{'UID ' if uid else ''}SEARCH {program}", *literals, status=status)
        return [int(v) for r in self.all("SEARCH") for v in r.values]

    def close(self):
        if self.child:
            self.child.kill()
            self.child.wait()
            self.child.stdin.close()
            self.child.stdout.close()
        else:
            self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
