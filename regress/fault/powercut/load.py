"""Clients of a server whose power will be cut: each notes what it was promised.

A message's subject names it, its X-Sum is the checksum of its body: whatever is found in a mailbox can be judged by itself.
"""
import contextlib
import imaplib
import random
import re
import socket
import threading
import time
import zlib

from server import Smtp

SIZES = (100, 900, 4000, 4000, 30_000, 70_000, 200_000)
BIG = 1_300_000          # a file of its own in the store
FLAGS = ("\\Seen", "\\Flagged", "\\Answered", "$Work", "$Later")


def make_message(name, size):
    body = (f"{name} " + "x" * 60 + "\r\n") * max(1, size // (len(name) + 63))
    return f"Subject: {name}\r\nX-Sum: {zlib.crc32(body.encode()):08x}\r\n\r\n{body}"


def name_of(message):
    """The name of a message as it was sent; an AssertionError when a byte of it is not."""
    head, _, body = message.partition(b"\r\n\r\n")
    name = re.search(rb"^Subject: (\S+)", head, re.M).group(1).decode()
    said = re.search(rb"^X-Sum: (\S+)", head, re.M).group(1).decode()
    assert f"{zlib.crc32(body):08x}" == said, f"message {name}: its {len(body)} bytes of body are not those that were sent"
    return name


def some_size(chance):
    return BIG if chance.random() < 0.03 else chance.choice(SIZES)


class Client(threading.Thread):
    """Runs until told to stop, or until its connection ends. An error before the power was cut is the server's fault."""

    def __init__(self, house, name, seed):
        super().__init__(daemon=True, name=name)
        self.house, self.chance = house, random.Random(seed)
        self.stopping = self.is_cut = False
        self.fault = None

    def run(self):
        try:
            self.work()
        except (OSError, AssertionError, imaplib.IMAP4.error, ValueError) as e:
            if not self.is_cut:
                self.fault = f"{self.name}: {type(e).__name__} {e}"


AWAY = "away"  # among the accounts of a Sender: somebody at another host


class Sender(Client):
    """SMTP. kept: name and accounts of what was answered 250; unknown: names without an answer, or refused after the cut."""

    def __init__(self, house, number, seed, accounts):
        super().__init__(house, f"sender {number}", seed)
        self.accounts, self.number = accounts, number
        self.kept, self.unknown = [], []
        self.sent = 0

    def work(self):
        while not self.stopping:
            with contextlib.closing(Smtp(self.house.smtp, patience=20)) as smtp:
                smtp.cmd("EHLO client.test", 250)
                for _ in range(self.chance.randrange(1, 30)):
                    if self.stopping:
                        return
                    self.send(smtp)

    def send(self, smtp):
        self.sent += 1
        name = f"{self.name.replace(' ', '-')}-{self.seed_name}-{self.sent}"
        to = self.chance.sample(self.accounts, self.chance.choice((1, 1, 1, 2)))
        smtp.send("MAIL FROM:<a@remote.test>\r\n" + "".join(f"RCPT TO:<{t}@{'away' if t == AWAY else 'mk'}.test>\r\n" for t in to) + "DATA\r\n")
        for code in [250] * (1 + len(to)) + [354]:
            got, text = smtp.reply()
            assert got == code, f"answered {got} {text}"
        self.unknown.append(name)
        smtp.send(make_message(name, some_size(self.chance)) + ".\r\n")
        code, text = smtp.reply()
        if code == 250:
            self.kept.append((self.unknown.pop(), to))
        else:
            assert self.is_cut, f"end of data was answered {code} {text}"

    @property
    def seed_name(self):
        return self.house.round


class Watcher(Client):
    """IMAP beside deliveries. told: uid and name of all it was shown; flagged: uid and keywords that a tagged OK promised."""

    def __init__(self, house, account, seed):
        super().__init__(house, f"watcher of {account}", seed)
        self.account = account
        self.uidvalidity, self.told, self.flagged = None, {}, {}

    def work(self):
        client = self.house.login(self.account, 20)
        client.select("INBOX")
        self.uidvalidity = int(client.response("UIDVALIDITY")[1][0])
        last = 0
        while not self.stopping:
            state, data = client.uid("FETCH", f"{last + 1}:*", "(UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            assert state == "OK", data
            for item in data:
                if isinstance(item, tuple):
                    uid = int(re.search(rb"UID (\d+)", item[0]).group(1))
                    self.told[uid] = re.search(rb"Subject: (\S+)", item[1]).group(1).decode()
                    last = max(last, uid)
            if self.told and self.chance.random() < 0.5:
                uid, flag = self.chance.choice(list(self.told)), self.chance.choice(FLAGS)
                state, data = client.uid("STORE", str(uid), "+FLAGS.SILENT", f"({flag})")
                assert state == "OK", data
                self.flagged.setdefault(uid, set()).add(flag)
            time.sleep(0.01)


class Box:
    """A mailbox as a client believes it to be; rows: uid to (name, flags)."""

    def __init__(self, uidvalidity=None, uidnext=1, rows=None):
        self.uidvalidity, self.uidnext, self.rows = uidvalidity, uidnext, dict(rows or {})

    def copy(self):
        return Box(self.uidvalidity, self.uidnext, self.rows)

    def add(self, name, flags):
        self.rows[self.uidnext] = (name, frozenset(flags))
        self.uidnext += 1

    def __str__(self):
        return f"{self.uidvalidity}/{self.uidnext} " + " ".join(f"{u}:{n}{sorted(f)}" for u, (n, f) in sorted(self.rows.items()))


def differs(found, wanted):
    """What is different between two states (name to Box), or None. A uidvalidity that the client never learned is any."""
    if found.keys() != wanted.keys():
        return f"mailboxes {sorted(found)} instead of {sorted(wanted)}"
    for name, box in wanted.items():
        there = found[name]
        if box.uidvalidity not in (None, there.uidvalidity):
            return f"{name}: UIDVALIDITY {there.uidvalidity} instead of {box.uidvalidity}"
        if (there.uidnext, there.rows) != (box.uidnext, box.rows):
            return f"{name}: {there}\n  instead of {box}"
    return None


class Editor(Client):
    """IMAP alone in its account: APPEND, STORE, COPY, MOVE, EXPUNGE, CREATE, DELETE, RENAME, up to four sent at once.

    states: what the account may look like; the first after every tagged OK so far, the others after more of what was sent.
    """

    def __init__(self, house, account, seed, state):
        super().__init__(house, f"editor of {account}", seed)
        self.account, self.states = account, [state]
        self.used = {}       # (uidvalidity, uid): name, as answered
        self.commands = self.tag = 0
        self.selected = None

    def work(self):
        self.socket = socket.create_connection(("127.0.0.1", self.house.imap), timeout=20)
        with self.socket, self.socket.makefile("rb") as self.input:
            self.input.readline()
            self.run_batch([(f"LOGIN {self.account} secret-{self.account}", None)])
            while not self.stopping:
                batch, state = [], self.states[-1]
                for _ in range(self.chance.choice((1, 1, 2, 4))):
                    batch.append(self.some_command(state))
                    state = batch[-1][1] or state
                self.run_batch(batch)
                self.learn_uidvalidity()

    def run_batch(self, commands):
        text, tags = "", []
        for command, after in commands:
            self.tag += 1
            tags.append(f"t{self.tag}")
            text += f"t{self.tag} {command}\r\n"
            if after:
                self.commands += 1
        self.states = self.states[-1:] + [after for _, after in commands if after]
        self.last_batch = [c[:60] for c, _ in commands]
        self.socket.sendall(text.encode())
        for tag, (command, after) in zip(tags, commands):
            answer = self.answer(tag)
            assert answer.startswith("OK"), f"{command[:80]!r} was answered {answer}"
            if after:
                self.states.pop(0)
                self.note()

    def learn_uidvalidity(self):
        for name, box in self.states[-1].items():
            if box.uidvalidity is None:
                self.run_batch([(f"STATUS {name} (UIDVALIDITY)", None)])
                box.uidvalidity = self.last_uidvalidity

    def answer(self, tag):
        while True:
            line = self.input.readline().decode()
            assert line.endswith("\r\n"), "the connection ended"
            status = re.match(r"\* STATUS \S+ \(UIDVALIDITY (\d+)\)", line)
            if status:
                self.last_uidvalidity = int(status.group(1))
            if line.startswith(f"{tag} "):
                return line[len(tag) + 1:].strip()

    def note(self):
        """All that is in the state now has been answered OK: these uids are taken."""
        for box in self.states[0].values():
            for uid, (name, _) in box.rows.items():
                if box.uidvalidity is not None:
                    before = self.used.setdefault((box.uidvalidity, uid), name)
                    assert before == name, f"uid {uid} of {box.uidvalidity} was {before}, is {name}; {self.last_batch}"

    def some_command(self, before):
        """A command and the state after it, or None for one that changes nothing."""
        chance = self.chance
        after = {n: b.copy() for n, b in before.items()}
        name, other = (chance.choice(sorted(after)) for _ in range(2))
        if chance.random() < 0.3 or self.selected not in after:
            self.selected = name
            return f"SELECT {name}", None
        box = after[self.selected]
        uids = sorted(box.rows)
        first = chance.choice(uids) if uids else 1
        there = [u for u in uids if first <= u <= first + 3]
        act = chance.choice(("append", "append", "append", "store", "store", "copy", "move", "expunge", "mailbox"))
        if act == "append":
            message = f"{self.house.round}-{self.commands}-{chance.randrange(1 << 30)}"
            flags = chance.sample(FLAGS, chance.randrange(3))
            text = make_message(message, some_size(chance))
            after[name].add(message, flags)
            return f"APPEND {name} ({' '.join(flags)}) {{{len(text)}+}}\r\n{text}", after
        if act == "store":
            flags, sign = chance.sample(FLAGS + ("\\Deleted",), chance.randrange(1, 4)), chance.choice("+-")
            for u in there:
                had = box.rows[u][1]
                box.rows[u] = (box.rows[u][0], had | set(flags) if sign == "+" else had - set(flags))
            return f"UID STORE {first}:{first + 3} {sign}FLAGS.SILENT ({' '.join(flags)})", after
        if act in ("copy", "move"):
            rows = [box.rows[u] for u in there]
            for row in rows:
                after[other].add(*row)
            for u in there if act == "move" else ():
                del box.rows[u]
            return f"UID {act.upper()} {first}:{first + 3} {other}", after
        if act == "expunge":
            for u in [u for u in uids if "\\Deleted" in box.rows[u][1]]:
                del box.rows[u]
            return "EXPUNGE", after
        return self.mailbox_command(after)

    def mailbox_command(self, after):
        made = [n for n in after if n.startswith("Made")]
        fresh = f"Made{self.chance.randrange(6)}"
        if fresh not in after and self.chance.random() < 0.6:
            after[fresh] = Box()
            return f"CREATE {fresh}", after
        if not made:
            return "NOOP", None
        victim = self.chance.choice(made)
        if fresh not in after:
            after[fresh] = after.pop(victim)
            if victim == self.selected:
                self.selected = fresh
            return f"RENAME {victim} {fresh}", after
        if victim == self.selected:
            self.selected = None
        del after[victim]
        return f"DELETE {victim}", after
