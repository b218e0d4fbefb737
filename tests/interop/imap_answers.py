"""An IMAP connection whose answers become comparable values.

What all untagged answers of one command say together is one dictionary; the
order of responses, flags and items, and the way in which one thing can be
said twice, are gone from it.  Message numbers are those that the client knew
when it sent the command, so that EXPUNGE in any order is the same."""
import re
import socket

TOKEN = re.compile(
    rb"(?P<blank>[ \t\r\n]+)|(?P<open>\()|(?P<close>\))"
    rb'|"(?P<quoted>(?:[^"\\]|\\.)*)"|~?\{(?P<literal>\d+)\}\r\n'
    rb"|(?P<section>(?:BODY|BINARY|BINARY\.SIZE)\[[^\]]*\](?:<\d+>)?)"
    rb"|(?P<atom>[^ \t\r\n()\"]+)", re.S | re.I)
LITERAL = re.compile(rb"\{(\d+)\}\r\n\Z")


class Closed(Exception):
    """The server went away, with these words."""


def parse(data):
    """Lists as lists, strings as bytes, atoms as Atom, NIL as None."""
    stack, at = [[]], 0
    while at < len(data):
        m = TOKEN.match(data, at)
        if m is None:
            raise ValueError(f"no token at {at} of {data[:400]!r}")
        at, kind = m.end(), m.lastgroup
        if kind == "open":
            stack.append([])
        elif kind == "close":
            done = stack.pop()
            stack[-1].append(done)
        elif kind == "quoted":
            text = m[kind]
            stack[-1].append(re.sub(rb"\\(.)", rb"\1", text, flags=re.S)
                             if b"\\" in text else text)
        elif kind == "literal":
            size = int(m[kind])
            stack[-1].append(data[at:at + size])
            at += size
        elif kind != "blank":
            text = m[kind]
            stack[-1].append(None if text.upper() == b"NIL" else Atom(text))
    if len(stack) != 1:
        raise ValueError(f"a list is open: {data[:400]!r}")
    return stack[0]


class Atom(bytes):
    """Bytes that were no string."""


def numbers(text):
    """The members of a sequence set."""
    result = set()
    for part in text.split(b","):
        low, _, high = part.partition(b":")
        low = int(low)
        high = int(high) if high else low
        result.update(range(min(low, high), max(low, high) + 1))
    return frozenset(result)


def lower(words):
    """Flags and attributes, in order; \\Recent depends on who looked first."""
    return tuple(sorted(w.lower() for w in words if w.lower() != b"\\recent"))


def system(words):
    """Without keywords: which of those that no message has are told is free
    [RFC3501 7.2.6]; that those are told that one has, Answer.numbered looks for."""
    return tuple(w for w in lower(words) if w.startswith(b"\\"))


def frozen(value):
    return tuple(frozen(v) for v in value) if isinstance(value, list) else value


def item_value(key, value):
    if key == b"FLAGS":
        return lower(value)
    if key == b"MODSEQ":
        return "modseq"
    if key == b"SAVEDATE":      # of the file's making in the copy
        return "date" if value is not None else None
    return frozen(value)


def section_name(key):
    """[RFC3501 7.4.2] names without regard to case; quotes may be dropped."""
    return bytes(key).upper().replace(b'"', b"")


class Answer:
    """What the responses of one command say."""

    def __init__(self, link):
        self.link = link
        self.known = list(range(1, link.exists + 1))    # place -> number at the start
        self.next = link.exists + 1
        self.said = {}
        self.modseqs = []

    def within(self, what):
        return self.said.setdefault(what, {})

    def modseq(self, value):
        self.modseqs.append(int(value))
        return "modseq"

    def untagged(self, data):
        if data.startswith((b"* OK", b"* NO", b"* BAD", b"* BYE")):
            self.state(data[2:])
            return
        words = parse(data[2:])
        if words[0].isdigit():
            self.numbered(int(words[0]), words[1].upper(), words[2:])
            return
        method = getattr(self, "on_" + words[0].decode().lower(), None)
        if method is None:
            self.said.setdefault("other", set()).add(frozen(words))
        else:
            method(words[1:])

    def numbered(self, number, what, rest):
        if what == b"EXISTS":
            while len(self.known) < number:
                self.known.append(self.next)
                self.next += 1
            self.link.exists = number
            self.said["exists"] = number
            if number < len(self.known):
                self.said["shrunk"] = True
        elif what == b"EXPUNGE":
            self.within("gone")[self.known.pop(number - 1)] = True
            self.link.exists -= 1
        elif what == b"FETCH":
            if number > len(self.known):
                self.said["unknown number"] = number
                return
            items = self.within("fetch").setdefault(self.known[number - 1], {})
            pairs = rest[0]
            for key, value in zip(pairs[::2], pairs[1::2]):
                key = section_name(key)
                if key == b"MODSEQ":
                    self.modseq(value[0])
                items[key.decode("latin-1")] = item_value(key, value)
                if key == b"FLAGS" and not set(lower(value)) <= self.link.keywords:
                    self.said["unannounced"] = set(lower(value)) - self.link.keywords

    def state(self, data):
        m = re.match(rb"(OK|NO|BAD|BYE)(?: \[([A-Z-]+)(?: (.*?))?\])?(?: |\r|$)", data, re.S)
        if m is None:
            self.said["malformed"] = data
            return
        if m[1] == b"BYE":
            self.said["bye"] = True
        if m[2]:
            self.code(m[2], m[3] or b"", "code")

    def code(self, name, rest, where):
        if name in (b"HIGHESTMODSEQ",):
            rest = self.modseq(rest)
        elif name == b"UIDVALIDITY":
            self.link.validity[self.link.selecting] = rest
            rest = b"n"
        elif name == b"MAILBOXID":
            rest = b"id"
        elif name == b"PERMANENTFLAGS":
            rest = system(parse(rest)[0])
        elif name in (b"COPYUID", b"APPENDUID"):
            rest = tuple(numbers(s) for s in rest.split()[1:])
        elif name == b"MODIFIED":
            rest = numbers(rest)
        self.within(where)[name.decode()] = rest

    def tagged(self, data):
        m = re.match(rb"(OK|NO|BAD)(?: \[([A-Z-]+)(?: (.*?))?\])?(?: |\r|$)", data, re.S)
        self.said["tagged"] = m[1].decode()
        if m[2]:
            self.code(m[2], m[3] or b"", "tagged code")
        self.text = data.rstrip().decode("latin-1")

    # --- untagged responses --------------------------------------------

    def on_flags(self, rest):
        self.said["flags"] = system(rest[0])
        self.link.keywords = set(lower(rest[0]))

    def on_capability(self, rest):
        pass

    def on_id(self, rest):
        self.said["id"] = True

    def on_enabled(self, rest):
        self.said["enabled"] = tuple(sorted(rest))

    def listed(self, what, rest):
        # [RFC3501 5.1] INBOX in any case is one name
        name = b"INBOX" if rest[2].upper() == b"INBOX" else bytes(rest[2])
        self.within(what)[name.decode("latin-1")] = (
            lower(rest[0]), bytes(rest[1] or b""), frozen(rest[3:]))

    def on_list(self, rest):
        self.listed("list", rest)

    def on_lsub(self, rest):
        self.listed("lsub", rest)

    def on_status(self, rest):
        values = self.within("status").setdefault(bytes(rest[0]).decode("latin-1"), {})
        for key, value in zip(rest[1][::2], rest[1][1::2]):
            key = key.upper()
            if key == b"HIGHESTMODSEQ":
                value = self.modseq(value)
            elif key == b"UIDVALIDITY":
                value = b"n"
            values[key.decode()] = value

    def on_search(self, rest):
        if rest and isinstance(rest[-1], list):
            rest[-1] = self.modseq(rest[-1][1])
            self.said["search modseq"] = rest.pop()
        self.said["search"] = frozenset(int(n) for n in rest)

    def on_sort(self, rest):
        if rest and isinstance(rest[-1], list):
            self.said["sort modseq"] = self.modseq(rest.pop()[1])
        self.said["sort"] = tuple(int(n) for n in rest)

    def on_thread(self, rest):
        # the order of threads of REFS is in no RFC
        rest = frozen(rest)
        self.said["thread"] = tuple(sorted(rest, key=repr)) if self.link.refs else rest

    def on_esearch(self, rest):
        found = self.within("esearch")
        rest = [r for r in rest if not isinstance(r, list)]
        if rest and rest[0].upper() == b"UID":
            found["uid"] = True
            rest = rest[1:]
        for key, value in zip(rest[::2], rest[1::2]):
            key = key.upper()
            if key == b"MODSEQ":
                value = self.modseq(value)
            # [RFC5267 3.2] a sorted ALL keeps its order
            elif key == b"ALL" and self.link.ordered:
                value = bytes(value)
            elif key == b"ALL":
                value = numbers(value)
            found[key.decode()] = value

    def on_vanished(self, rest):
        if isinstance(rest[0], list):
            old = self.said.get("vanished earlier", frozenset())
            self.said["vanished earlier"] = old | numbers(rest[1])
            return
        uids = numbers(rest[0])
        self.said["vanished"] = self.said.get("vanished", frozenset()) | uids
        self.link.exists -= len(uids)
        # the numbers behind them move; the client knows which by its UIDs
        del self.known[len(self.known) - len(uids):]

    def on_metadata(self, rest):
        entries = self.within("metadata").setdefault(bytes(rest[0]).decode("latin-1"), {})
        if isinstance(rest[1], list):
            for key, value in zip(rest[1][::2], rest[1][1::2]):
                entries[key.decode().lower()] = value
        else:
            for key in rest[1:]:
                entries[key.decode().lower()] = "changed"

    def on_quota(self, rest):
        self.within("quota")[bytes(rest[0]).decode()] = {
            rest[1][i].upper(): tuple(rest[1][i + 1:i + 3]) for i in range(0, len(rest[1]), 3)}

    def on_quotaroot(self, rest):
        self.within("quotaroot")[bytes(rest[0]).decode()] = tuple(bytes(r) for r in rest[1:])

    def on_namespace(self, rest):
        self.said["namespace"] = frozen(rest)

    def on_bye(self, rest):
        self.said["bye"] = True


class Link:
    """A connection that knows how many messages its client knows."""

    def __init__(self, port, user, password="secret", timeout=30):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout)
        self.file = self.sock.makefile("rb")
        self.number = self.exists = 0
        self.ordered = self.selected = False
        self.selecting = None
        self.keywords = set()
        self.validity = {}          # name as written -> UIDVALIDITY
        self.last = b""
        self.counts = False         # CONDSTORE is on
        self.points = {}            # mailbox -> its HIGHESTMODSEQ so far
        self.box = None
        self.file.readline()
        self.command([f"LOGIN {user} {password}".encode()])

    def response(self):
        data = self.file.readline()
        while True:
            if not data.endswith(b"\n"):
                raise Closed(self.last)
            m = LITERAL.search(data)
            if m is None:
                return data
            data += self.file.read(int(m[1])) + self.file.readline()

    def send(self, parts):
        """Parts: bytes as they are, (bytes,) a literal, ("binary", bytes) a literal8,
        ("modseq", k) the k-th youngest that this server told, ("validity", name)
        the UIDVALIDITY of a mailbox."""
        self.number += 1
        out = [b"t%d " % self.number]
        verb, _, rest = parts[0].partition(b" ")
        self.selecting = rest if verb in (b"SELECT", b"EXAMINE") else None
        for part in parts:
            if isinstance(part, bytes):
                out.append(part)
            elif part[0] == "modseq":
                places = self.points.get(self.selecting or self.box, [1])
                out.append(b"%d" % places[-part[1]:][0])
            elif part[0] == "after modseq":
                places = self.points.get(self.box, [1])
                out.append(b"%d" % (places[-part[1]:][0] + 1))
            elif part[0] == "validity":
                out.append(self.validity.get(part[1], b"1"))
            elif part[0] == "binary":
                out.append(b"~{%d+}\r\n%s" % (len(part[1]), part[1]))
            else:
                out.append(b"{%d+}\r\n%s" % (len(part[0]), part[0]))
        out.append(b"\r\n")
        self.refs = b"THREAD REFS" in parts[0]
        self.ordered = parts[0].upper().startswith((b"SORT", b"UID SORT"))
        self.leaving = self.selecting is not None or verb in (b"CLOSE", b"UNSELECT")
        if self.leaving:
            self.exists = 0
        self.sock.sendall(b"".join(out))

    def read(self):
        tag = b"t%d " % self.number
        answer = Answer(self)
        while True:
            data = self.response()
            if data.startswith(b"+"):
                self.sock.sendall(b"DONE\r\n")      # IDLE is the only one to ask
            elif data.startswith(tag):
                answer.tagged(data[len(tag):])
                break
            else:
                self.last = data[:80]
                answer.untagged(data)
        if self.leaving and (answer.said["tagged"] == "OK" or self.selecting is not None):
            self.selected = self.selecting is not None and answer.said["tagged"] == "OK"
            self.box = self.selecting
        return answer

    def command(self, parts):
        self.send(parts)
        return self.read()

    def close(self):
        self.file.close()
        self.sock.close()


def differences(ours, theirs, path=()):
    """(path, ours, theirs) of each leaf that differs."""
    if isinstance(ours, dict) or isinstance(theirs, dict):
        ours, theirs = ours or {}, theirs or {}
        for key in sorted(ours.keys() | theirs.keys(), key=str):
            yield from differences(ours.get(key), theirs.get(key), path + (key,))
    elif ours != theirs and not (path == () and ours is theirs):
        yield path, ours, theirs
