"""Random but valid IMAP command sequences, the same for the same seed.

sequence(seed) yields (link, parts) and is sent the number of messages that the
client of that link knows; parts are as imap_answers.Link.send takes them."""
import random

import corpus

BIG = 64 * 1024         # larger messages of the corpus say nothing new here


def head(subject, extra=""):
    return (f"From: Odd <odd@example.com>\r\nTo: rcpt@example.org\r\nSubject: {subject}\r\n"
            f"Date: Thu, 5 Feb 2026 10:00:00 +0000\r\n{extra}").encode()


def mime(subject, kind, body, extra=""):
    return head(subject, f"MIME-Version: 1.0\r\nContent-Type: {kind}\r\n{extra}") \
        + b"\r\n" + body


ODD = {
    "empty": b"",
    "one-line-end": b"\r\n",
    "one-letter": b"x",
    "no-head-but-text": b"no colon here\r\n\r\nbody\r\n",
    "only-subject": b"Subject: only\r\n\r\n",
    "group-in-from": b"From: team: a@x.org, \"B C\" <b@x.org>;\r\nTo: nobody:;\r\n\r\nx\r\n",
    "two-charsets": mime("=?utf-8?q?gr=C3=BC=C3=9Fe?=", "multipart/mixed; boundary=b",
                         b"--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\n"
                         b"gr\xfc\xdfe\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n"
                         b"\r\ngr\xc3\xbc\xc3\x9fe\r\n--b--\r\n"),
    "binary-bytes": mime("binary", "application/octet-stream",
                         bytes(range(1, 256)).replace(b"\n", b"").replace(b"\r", b"") + b"\r\n",
                         "Content-Transfer-Encoding: binary\r\n"),
    "bad-base64": mime("bad base64", "text/plain", b"aGVs*bG8!\r\n=\r\nd29ybGQ\r\n",
                       "Content-Transfer-Encoding: base64\r\n"),
    "bad-qp": mime("bad qp", "text/plain; charset=utf-8", b"a=XYb=\r\n=3=C3=BC =\r\nend=",
                   "Content-Transfer-Encoding: quoted-printable\r\n"),
    "html-only": mime("html", "text/html; charset=utf-8",
                      b"<html><head><title>t</title><style>p {}</style></head><body>"
                      b"<p>visible &amp; text</p><br><blockquote>old</blockquote></body></html>\r\n"),
    "related": mime("related", "multipart/related; boundary=r; type=\"text/html\"",
                    b"--r\r\nContent-Type: text/html\r\n\r\n<img src=cid:1>\r\n--r\r\n"
                    b"Content-Type: image/gif\r\nContent-ID: <1>\r\n"
                    b"Content-Transfer-Encoding: base64\r\n\r\nR0lGODlhAQABAAAAACw=\r\n--r--\r\n"),
    "message-in-digest": mime("digest", "multipart/digest; boundary=d",
                              b"--d\r\n\r\nFrom: i@x.org\r\nSubject: inner\r\n\r\ndeep words\r\n"
                              b"--d\r\nContent-Type: message/rfc822\r\n\r\n"
                              b"Subject: second\r\n\r\nmore\r\n--d--\r\n"),
    "message-is-all": mime("forward", "message/rfc822",
                           b"From: in@x.org\r\nSubject: inside\r\nMIME-Version: 1.0\r\n"
                           b"Content-Type: multipart/alternative; boundary=i\r\n\r\n--i\r\n\r\n"
                           b"plain\r\n--i\r\nContent-Type: text/html\r\n\r\n<b>html</b>\r\n--i--\r\n"),
    "rfc2231-name": mime("parameters", "application/pdf; name*=utf-8''r%C3%A9sum%C3%A9.pdf",
                         b"%PDF\r\n", "Content-Disposition: attachment;\r\n"
                         " filename*0*=utf-8''r%C3%A9;\r\n filename*1*=sum%C3%A9.pdf\r\n"),
    "dates": head("old date").replace(b"Thu, 5 Feb 2026 10:00:00 +0000",
                                      b"Fri, 31 Dec 99 23:59:59 EST") + b"\r\nx\r\n",
    "no-date": b"From: a@x.org\r\nSubject: undated\r\n\r\nx\r\n",
    "bad-date": b"From: a@x.org\r\nDate: the day before\r\nSubject: bad date\r\n\r\nx\r\n",
    "thread-root": head("plans", "Message-ID: <root@x>\r\n") + b"\r\nlet us\r\n",
    "thread-reply": head("Re: plans", "Message-ID: <r1@x>\r\nIn-Reply-To: <root@x>\r\n"
                         "References: <root@x>\r\n") + b"\r\nyes\r\n",
    "thread-second": head("Re: [list] plans", "Message-ID: <r2@x>\r\n"
                          "References: <root@x> <r1@x>\r\n") + b"\r\nno\r\n",
    "thread-loop": head("Re: plans", "Message-ID: <r3@x>\r\nReferences: <r3@x> <r2@x>\r\n")
    + b"\r\nmaybe\r\n",
    "eight-bit-head": b"From: \xfcber <a@x.org>\r\nSubject: \xe4\xf6\xfc raw\r\n\r\n\xe4\r\n",
    "long-fold": head("a" + "\r\n b" * 300) + b"\r\nx\r\n",
    "many-received": head("hops", "Received: from a by b\r\n" * 100) + b"\r\nx\r\n",
    "bare-lf": b"From: a@x.org\nSubject: bare\n\nlines\nof\ntext\n",
    "preview-quote": mime("quoted", "text/plain", b"> old text\r\n> more\r\n\r\nanswer here\r\n"),
    "preview-long": mime("long", "text/plain; charset=utf-8", "wörter ".encode() * 100 + b"\r\n"),
}


def mails():
    """(shape, bytes) of all that is neither huge nor has a NUL."""
    for name, data in corpus.messages():
        # which of two subjects is that of a message, no RFC says
        if len(data) <= BIG and b"\0" not in data and "several_subjects" not in name:
            yield name[4:].removesuffix(".eml"), data
    yield from ODD.items()


BOXES = ["INBOX", "data", "a/b", "with space", "empty"]
NEW = ["new", "new/sub", "n&APw-r", "x (1)", "a/c", "q", "Trash/old"]
FLAGS = [b"\\Seen", b"\\Answered", b"\\Flagged", b"\\Deleted", b"\\Draft", b"kw1", b"$Forwarded",
         b"New-Word", b"$MDNSent"]
FIELDS = [b"From", b"TO", b"subject", b"Cc", b"Date", b"Message-ID", b"X-None", b"Received",
          b"Content-Type", b"References", b"In-Reply-To", b"Bcc", b"Return-Path"]
WORDS = [b"line", b"text", b"Sender", b"example.com", b"inner", b"quoted", b"plans", b"a", b"zzz",
         b"subject 1", "grü".encode(), "körper".encode(), "Jürgen".encode(), b"visible", b"words",
         b"of text number", b"bare", b"\"", b"second", b"RCPT", b"  twice", b"attachment", b"<",
         b"=?utf-8", b"x.org", b""]
DATES = [b"13-Jan-2026", b"14-Jan-2026", b"5-Feb-2026", b"31-Dec-1999", b"1-Jan-2000",
         b"01-Feb-2024", b"2-Feb-2024", b"10-Feb-2024", b"\"15-Feb-2024\"", b"29-Feb-2024"]
SORTS = [b"ARRIVAL", b"CC", b"DATE", b"FROM", b"SIZE", b"SUBJECT", b"TO", b"DISPLAYFROM",
         b"DISPLAYTO"]
STATUS = [b"MESSAGES", b"UIDNEXT", b"UIDVALIDITY", b"UNSEEN", b"HIGHESTMODSEQ", b"SIZE"]
ENTRIES = [b"/private/comment", b"/shared/comment", b"/private/vendor/x/y", b"/shared/vendor/x/z"]


def quoted(name):
    return b'"' + name.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'


class Writer:
    """The commands of one sequence, drawn from its generator of random numbers."""

    def __init__(self, rng):
        self.rng = rng
        self.boxes = list(BOXES)
        self.condstore = self.qresync = False
        self.saved = False

    def some(self, things, low=1, high=4):
        return self.rng.sample(things, self.rng.randint(low, min(high, len(things))))

    def chance(self, p):
        return self.rng.random() < p

    def box(self):
        return quoted(self.rng.choice(self.boxes))

    def any_box(self):
        return quoted(self.rng.choice(self.boxes + NEW))

    # --- sets ------------------------------------------------------------

    def numbers(self, n, top=None):
        """A sequence set whose numbers exist; with top, one of UIDs up to it."""
        rng = self.rng
        if self.saved and self.chance(0.1):
            return b"$"
        last = n if top is None else top
        kind = rng.randrange(7)
        if kind == 0 or last == 0:
            return b"1:*"
        if kind == 1:
            return b"*" if self.chance(0.5) else b"*:%d" % rng.randint(1, last)
        parts = []
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            a, b = rng.randint(1, last), rng.randint(1, last)
            parts.append(b"%d" % a if self.chance(0.5) else b"%d:%d" % (a, b))
        return b",".join(parts)

    def uids(self, n):
        return self.numbers(n, top=34)

    def which(self, n):
        """("", set) or ("UID ", set)."""
        if n == 0 or self.chance(0.5):
            return b"UID ", self.uids(n)
        return b"", self.numbers(n)

    # --- FETCH -----------------------------------------------------------

    def part(self):
        return b".".join(b"%d" % self.rng.choice((1, 1, 1, 2, 2, 3, 9))
                         for _ in range(self.rng.choice((1, 1, 2, 2, 3))))

    def section(self):
        rng = self.rng
        names = b" ".join(self.some(FIELDS))
        top = rng.choice([b"", b"HEADER", b"TEXT", b"HEADER.FIELDS (" + names + b")",
                          b"HEADER.FIELDS.NOT (" + names + b")"])
        if self.chance(0.5):
            return top
        part = self.part()
        if self.chance(0.3):
            return part + b".MIME"
        return part + (b"." + top if top else b"")

    def partial(self, p=0.3):
        if not self.chance(p):
            return b""
        return b"<%d.%d>" % (self.rng.choice((0, 0, 1, 7, 50, 300, 10 ** 6)),
                             self.rng.choice((1, 2, 10, 100, 5000)))

    def item(self):
        kind = self.rng.randrange(24)
        simple = [b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE", b"ENVELOPE", b"BODY",
                  b"BODYSTRUCTURE", b"UID", b"RFC822.HEADER", b"RFC822.TEXT", b"RFC822",
                  b"PREVIEW", b"PREVIEW (LAZY)", b"SAVEDATE"]
        if kind < len(simple):
            return simple[kind]
        if kind == 13:
            return b"MODSEQ" if self.condstore else b"FLAGS"
        if kind in (14, 15):
            return b"BINARY" + (b".PEEK" if self.chance(0.8) else b"") + b"[" + (
                self.part() if self.chance(0.9) else b"") + b"]" + self.partial()
        if kind == 16:
            return b"BINARY.SIZE[" + self.part() + b"]"
        return b"BODY" + (b".PEEK" if self.chance(0.8) else b"") + b"[" + self.section() + b"]" \
            + self.partial()

    def fetch(self, n):
        uid, which = self.which(n)
        if self.chance(0.1):
            items = self.rng.choice([b"ALL", b"FAST", b"FULL"])
        else:
            # one value for each name [RFC3501 7.4.2]
            seen = {}
            for _ in range(self.rng.choice((1, 1, 2, 3, 5))):
                item = self.item()
                seen.setdefault(item.replace(b".PEEK", b"").split(b"<")[0].split(b" (")[0], item)
            items = list(seen.values())
            items = b"(" + b" ".join(items) + b")"
        changed = []
        if self.condstore and self.chance(0.3):
            changed = [b" (CHANGEDSINCE ", ("modseq", self.rng.randint(1, 3))]
            if self.qresync and uid and self.chance(0.5):
                changed.append(b" VANISHED")
            changed.append(b")")
        return [uid + b"FETCH " + which + b" " + items, *changed]

    # --- SEARCH ----------------------------------------------------------

    def words(self):
        """A search string as quoted string or literal."""
        word = self.rng.choice(WORDS)
        if word.isascii() and self.chance(0.8):
            return [b'"' + word.replace(b'"', b'\\"') + b'"']
        return [(word,)]

    def key(self, n, depth=0):
        rng = self.rng
        kind = rng.randrange(16 if depth < 3 else 12)
        if kind < 3:
            return [rng.choice([b"ALL", b"ANSWERED", b"DELETED", b"DRAFT", b"FLAGGED", b"SEEN",
                                b"UNANSWERED", b"UNDELETED", b"UNDRAFT", b"UNFLAGGED",
                                b"UNSEEN", b"KEYWORD kw1", b"UNKEYWORD $Forwarded"])]
        if kind < 5:
            return [rng.choice([b"BODY ", b"TEXT ", b"SUBJECT ", b"FROM ", b"TO ", b"CC ",
                                b"BCC "]), *self.words()]
        if kind == 5:
            return [b"HEADER " + rng.choice(FIELDS) + b" ", *self.words()]
        if kind == 6:
            return [rng.choice([b"BEFORE ", b"ON ", b"SINCE ", b"SENTBEFORE ", b"SENTON ",
                                b"SENTSINCE "]) + rng.choice(DATES)]
        if kind == 7:
            return [rng.choice([b"LARGER ", b"SMALLER "])
                    + b"%d" % rng.choice((0, 100, 300, 500, 1000, 5000, 10 ** 6))]
        if kind == 8:
            return [b"UID " + self.uids(n)]
        if kind == 9 and n:
            return [self.numbers(n)]
        if kind == 10:
            return [rng.choice([b"OLDER ", b"YOUNGER "])
                    + b"%d" % rng.choice((3600, 10 ** 7, 10 ** 9))]
        if kind == 11 and self.condstore:
            # which of the messages that came at once share a number is free
            return [b"MODSEQ ", ("after modseq", rng.randint(1, 3))]
        if kind == 13:
            return [b"OR ", *self.key(n, depth + 1), b" ", *self.key(n, depth + 1)]
        if kind == 14:
            return [b"(", *self.keys(n, depth + 1), b")"]
        return [b"NOT ", *self.key(n, depth + 1)]

    def keys(self, n, depth=0):
        out = []
        for _ in range(self.rng.choice((1, 1, 2, 3))):
            out += [b" ", *self.key(n, depth)] if out else self.key(n, depth)
        return out

    def charset(self, keys):
        if any(isinstance(k, tuple) and k[0] != "after modseq" and not k[0].isascii()
               for k in keys) or self.chance(0.2):
            return b"CHARSET UTF-8 "
        return b""

    def returns(self, p=0.4):
        if not self.chance(p):
            return b""
        what = self.some([b"MIN", b"MAX", b"ALL", b"COUNT"], 0, 4)
        if self.chance(0.15):
            what.append(b"SAVE")
            self.saved = True
        return b"RETURN (" + b" ".join(what) + b") "

    def search(self, n):
        uid = b"UID " if self.chance(0.5) else b""
        keys = self.keys(n)
        return [uid + b"SEARCH " + self.returns() + self.charset(keys), *keys]

    def sort(self, n):
        uid = b"UID " if self.chance(0.5) else b""
        order = [(b"REVERSE " if self.chance(0.3) else b"") + s for s in self.some(SORTS, 1, 3)]
        returns = b""
        if self.chance(0.3):
            returns = b"RETURN (" + b" ".join(self.some([b"MIN", b"MAX", b"ALL", b"COUNT"])) + b") "
        return [uid + b"SORT " + returns + b"(" + b" ".join(order) + b") UTF-8 ", *self.keys(n)]

    def thread(self, n):
        uid = b"UID " if self.chance(0.5) else b""
        how = self.rng.choice([b"REFERENCES", b"ORDEREDSUBJECT", b"REFS"])
        return [uid + b"THREAD " + how + b" UTF-8 ", *(self.keys(n) if self.chance(0.3)
                                                       else [b"ALL"])]

    # --- changes ---------------------------------------------------------

    def store(self, n):
        uid, which = self.which(n)
        since = []
        if self.condstore and self.chance(0.3):
            since = [b" (UNCHANGEDSINCE ", ("modseq", self.rng.randint(1, 3)), b")"]
        sign = self.rng.choice([b"+", b"-", b""])
        flags = b" ".join(self.some(FLAGS, 0 if not sign else 1, 3))
        silent = b".SILENT" if self.chance(0.3) else b""
        return [uid + b"STORE " + which, *since, b" " + sign + b"FLAGS" + silent
                + b" (" + flags + b")"]

    def copy(self, n):
        uid, which = self.which(n)
        verb = b"COPY " if self.chance(0.6) else b"MOVE "
        return [uid + verb + which + b" " + (self.box() if self.chance(0.9) else self.any_box())]

    def append(self, n):
        parts = [b"APPEND " + self.box()]
        for _ in range(1 if self.chance(0.85) else 2):
            if self.chance(0.5):
                parts.append(b" (" + b" ".join(self.some(FLAGS, 0, 3)) + b")")
            if self.chance(0.5):
                parts.append(b' "%2d-Feb-2024 %02d:00:00 %s"' % (
                    self.rng.randint(1, 28), self.rng.randrange(24),
                    self.rng.choice([b"+0000", b"-0800", b"+0530"])))
            data = self.rng.choice(ALL)
            parts += [b" ", ("binary" if self.chance(0.1) else None, data)]
            if parts[-1][0] is None:
                parts[-1] = (data,)
        return parts

    def expunge(self, n):
        if self.chance(0.5):
            return [b"EXPUNGE"]
        return [b"UID EXPUNGE " + self.uids(n)]

    # --- mailboxes -------------------------------------------------------

    def names(self, n):
        rng = self.rng
        kind = rng.randrange(8)
        if kind < 2:
            name = rng.choice(NEW)
            self.boxes.append(name)
            return [b"CREATE " + quoted(name)]
        if kind == 2:
            name = rng.choice(self.boxes[1:] + NEW)
            if name in self.boxes:
                self.boxes.remove(name)
            return [b"DELETE " + quoted(name)]
        if kind == 3:
            old, new = rng.choice(self.boxes[1:] + NEW), rng.choice(NEW)
            if old in self.boxes:
                self.boxes.remove(old)
                self.boxes.append(new)
            return [b"RENAME " + quoted(old) + b" " + quoted(new)]
        if kind in (4, 5):
            return [b"SUBSCRIBE " + self.any_box()]
        return [b"UNSUBSCRIBE " + self.any_box()]

    def patterns(self):
        words = [b"*", b"%", b"INBOX", b"a/%", b"%/%", b"*b", b"n%", b"new/*", b"", b"inbox", b"a"]
        return self.rng.choice(words)

    def list(self, n):
        rng = self.rng
        if self.chance(0.25):
            return [b'LSUB "" "' + self.patterns() + b'"']
        if self.chance(0.3):
            return [b'LIST "%s" "%s"' % (rng.choice([b"", b"", b"a/", b"new/"]), self.patterns())]
        choose = self.some([b"SUBSCRIBED", b"REMOTE", b"RECURSIVEMATCH", b"SPECIAL-USE"], 0, 2)
        if choose == [b"RECURSIVEMATCH"] or set(choose) == {b"RECURSIVEMATCH", b"REMOTE"}:
            choose.append(b"SUBSCRIBED")    # [RFC5258 3.1] never on its own
        patterns = b'"' + self.patterns() + b'"'
        if self.chance(0.3):
            patterns = b"(" + patterns + b' "' + self.patterns() + b'")'
        back = self.some([b"SUBSCRIBED", b"CHILDREN", b"SPECIAL-USE",
                          b"STATUS (" + b" ".join(self.some(STATUS)) + b")"], 0, 3)
        return [b"LIST " + (b"(" + b" ".join(choose) + b") " if choose else b"") + b'"" ' + patterns
                + (b" RETURN (" + b" ".join(back) + b")" if back or not choose else b"")]

    def status(self, n):
        return [b"STATUS " + self.box() + b" (" + b" ".join(self.some(STATUS, 1, 6)) + b")"]

    def select(self, n):
        verb = b"EXAMINE " if self.chance(0.2) else b"SELECT "
        self.saved = False
        parts = [verb + self.box()]
        if self.qresync and self.chance(0.3):
            return parts + [b" (QRESYNC (", ("validity", parts[0].split(b" ", 1)[1]), b" ",
                            ("modseq", self.rng.randint(1, 3)),
                            b" " + self.uids(n).replace(b"*", b"40") if self.chance(0.5) else b"",
                            b"))"]
        if self.chance(0.3):
            self.condstore = True
            parts.append(b" (CONDSTORE)")
        return parts

    def leave(self, n):
        if self.chance(0.3):
            return [self.rng.choice([b"CLOSE", b"UNSELECT"])]
        return self.select(n)

    # --- the rest --------------------------------------------------------

    def enable(self, n):
        what = self.some([b"CONDSTORE", b"QRESYNC"], 1, 2)
        self.condstore = True
        self.qresync = self.qresync or b"QRESYNC" in what
        return [b"ENABLE " + b" ".join(what)]

    def metadata(self, n):
        box = self.box() if self.chance(0.8) else b'""'
        entry = self.rng.choice(ENTRIES)
        if self.chance(0.4):
            value = self.rng.choice([b'"a value"', b'""', b"NIL", b'"x"'])
            return [b"SETMETADATA " + box + b" (" + entry + b" " + value + b")"]
        options = self.rng.choice([b"", b"", b"(DEPTH 1) ", b"(DEPTH infinity) ", b"(MAXSIZE 3) "])
        if self.chance(0.3):
            entry = b"(" + b" ".join(self.some(ENTRIES, 1, 3)) + b")"
        return [b"GETMETADATA " + options + box + b" " + entry]

    def quota(self, n):
        if self.chance(0.5):
            return [b'GETQUOTA "User quota"']
        return [b"GETQUOTAROOT " + self.box()]

    def other(self, n):
        return [self.rng.choice([b"NOOP", b"CHECK", b"NAMESPACE", b"IDLE", b'ID ("name" "x")',
                                 b"CAPABILITY", b"ID NIL"])]


# a CR that ends no line Dovecot does not keep
ALL = [data for _, data in mails() if b"\r" not in data.replace(b"\r\n", b"")]
UNSELECTED = [("list", 4), ("names", 4), ("status", 3), ("append", 2), ("metadata", 2),
              ("quota", 1), ("enable", 2), ("other", 1), ("select", 8)]
SELECTED = [("fetch", 14), ("search", 10), ("store", 8), ("sort", 3), ("thread", 2),
            ("copy", 4), ("append", 2), ("expunge", 3), ("names", 2), ("list", 2), ("status", 2),
            ("leave", 3), ("enable", 1), ("metadata", 1), ("quota", 1), ("other", 2)]


def choice(rng, table):
    return rng.choices([name for name, _ in table], [weight for _, weight in table])[0]


def sequence(seed):
    """A generator of (link, parts); each yield returns (messages, selected) of
    each link after that command."""
    rng = random.Random(seed)
    links = [Writer(rng)]
    if rng.random() < 0.25:
        links.append(Writer(rng))
        links[1].boxes = links[0].boxes
    states = [(0, False)] * len(links)
    at = 0
    for step in range(rng.randint(8, 16)):
        if len(links) == 2 and rng.random() < 0.4:
            at = 1 - at
            # what the other one did is told now, not at a time of the server's choice
            states = yield at, [b"NOOP"]
        n, selected = states[at]
        name = choice(rng, SELECTED if selected else UNSELECTED)
        if step == 0 and rng.random() < 0.8:
            name = "select"
        states = yield at, getattr(links[at], name)(n)
