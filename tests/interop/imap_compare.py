#!/usr/bin/env python3
"""The same random sequences to Culver and to Debian's Dovecot.

  imap_compare.py [-v] FIRST LAST    compares these seeds and prints what differs

Each sequence runs on its own account: a copy of one of a few Maildirs that
Dovecot has made.  differences.txt says what may differ, and why."""
import argparse
import collections
import contextlib
import os
import pathlib
import re
import shutil
import sys
import time

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "scenario")]
import culver  # noqa: E402
import dovecot  # noqa: E402
import imap_answers  # noqa: E402
import imap_sequences  # noqa: E402

TEMPLATES = 10
PER_BOX = {"INBOX": 0.5, "data": 0.3, "a/b": 0.1, "with space": 0.1}
QUOTA = """
plugin {
  quota = count:User quota
  quota_rule = *:storage=100M:messages=1000
  quota_vsizes = yes
}
"""
THEIRS = """
mail_plugins = quota
protocol imap {
  mail_plugins = quota imap_quota
  imap_metadata = yes
}
mail_attribute_dict = file:%h/attributes
""" + QUOTA
OURS = "\nmail_plugins = $mail_plugins quota\n" + QUOTA.replace("  quota_vsizes = yes\n", "")


class Difference:
    """A row of differences.txt: what it allows, and how often it did."""

    def __init__(self, line):
        self.pattern, _, self.why = (part.strip() for part in line.partition("\t"))
        # what comes behind it in the sequence follows from it
        self.ends = self.pattern.startswith("! ")
        self.match = re.compile(self.pattern.removeprefix("! "), re.S).search
        self.used = 0


def read_differences():
    lines = (HERE / "differences.txt").read_text().splitlines()
    return [Difference(line) for line in lines if line and not line.startswith("#")]


def mark(data):
    """Says of a message that its header, or that of a part, has 8-bit characters."""
    heads = data.replace(b"\r\n", b"\n").split(b"\n\n")
    odd = len(data) > 30 and any(b": " in head and not head.isascii() for head in heads)
    return b"8-bit header " if odd else b""


def shown(parts):
    out = b""
    for part in parts:
        if isinstance(part, bytes):
            out += part
        elif len(part) == 1:
            out += b"{%s%d}%s" % (mark(part[0]), len(part[0]), part[0][:40])
        else:
            out += b"<" + part[0].encode() + b" "
            out += str(part[1])[:40].encode() if isinstance(part[1], int) else \
                mark(part[1]) + part[1][:40]
            out += b">"
    return out.decode("latin-1").replace("\r\n", "\\r\\n")


def say(value):
    if isinstance(value, frozenset):
        try:
            return "set" + repr(sorted(value))
        except TypeError:
            return "set" + repr(sorted(map(repr, value)))
    return repr(value)


def members(value):
    """The numbers in what SEARCH, SORT or THREAD has found."""
    if isinstance(value, (tuple, frozenset)):
        return frozenset().union(*map(members, value))
    if isinstance(value, int) or isinstance(value, bytes) and value.isdigit():
        return frozenset({int(value)})
    return frozenset()


class Pair:
    """Both servers, the template accounts, the counts."""

    def __init__(self, users):
        names = {f"m{t}": "secret" for t in range(TEMPLATES)}
        names |= {f"u{seed}": "secret" for seed in users}
        self.theirs = dovecot.Dovecot(extra=THEIRS, users=names)
        self.ours = culver.Server(extra=OURS, users=names)
        self.differences = read_differences()
        self.commands = self.sequences = 0
        self.ended = 0
        self.verbs = collections.Counter()
        self.unlisted = []

    def __enter__(self):
        try:
            self.theirs.start()
            self.ours.start()
            self.make_templates()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        for server in (self.ours, self.theirs):
            try:
                server.stop()
            finally:
                server.remove()

    # --- mail ------------------------------------------------------------

    def make_templates(self):
        mails = list(imap_sequences.mails())
        self.shapes = collections.defaultdict(set)
        for t in range(TEMPLATES):
            link = imap_answers.Link(self.theirs.imap_port, f"m{t}")
            # else it gives all that is there one number when a client asks first
            link.command([b"ENABLE CONDSTORE"])
            for box in imap_sequences.BOXES[1:]:
                link.command([b"CREATE " + imap_sequences.quoted(box)])
            for box in (b"data", b"a/b", b"a/none"):
                link.command([b"SUBSCRIBE " + box])
            share = mails[t::TEMPLATES]
            places = [box for box, part in PER_BOX.items()
                      for _ in range(round(part * len(share)) + 1)]
            for i, (box, (shape, data)) in enumerate(zip(places, share)):
                flags = b" ".join(f for k, f in enumerate(imap_sequences.FLAGS[:7])
                                  if (i * 7 + t + k) % (k + 3) == 0)
                answer = link.command([b"APPEND " + imap_sequences.quoted(box), b" (" + flags
                                       + b') "%2d-Feb-2024 %02d:30:00 +0000" '
                                       % (i % 28 + 1, i % 24), (data,)])
                assert answer.said["tagged"] == "OK" or not data, answer.text
                # for the names of shapes in what is reported
                crlf = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
                self.shapes[len(crlf)].add(shape)
            for box in imap_sequences.BOXES:
                link.command([b"SELECT " + imap_sequences.quoted(box)])
                link.command([b"UID FETCH 1:* (UID RFC822.SIZE)"])
            link.command([b"LOGOUT"])
            link.close()
            shutil.rmtree(self.ours.home(f"m{t}"), ignore_errors=True)
            self.copy(self.theirs.home(f"m{t}"), self.ours.home(f"m{t}"))
            link = imap_answers.Link(self.ours.imap_port, f"m{t}")
            for box in imap_sequences.BOXES:
                link.command([b"SELECT " + imap_sequences.quoted(box)])
                link.command([b"UID FETCH 1:* (UID RFC822.SIZE ENVELOPE BODYSTRUCTURE)"])
            link.command([b"LOGOUT"])
            link.close()
        owner = self.theirs.home("m0").stat()
        self.owner = owner.st_uid, owner.st_gid

    def copy(self, source, target):
        """Mail files are links: neither server writes to them."""
        target.mkdir()
        for entry in os.scandir(source):
            to = target / entry.name
            if entry.is_dir(follow_symlinks=False):
                self.copy(pathlib.Path(entry.path), to)
            elif source.name in ("cur", "new"):
                os.link(entry.path, to)
            else:
                shutil.copy2(entry.path, to)
                stat = entry.stat()
                os.chown(to, stat.st_uid, stat.st_gid)
        stat = source.stat()
        os.chown(target, stat.st_uid, stat.st_gid)
        os.chmod(target, stat.st_mode & 0o7777)

    # --- one sequence ----------------------------------------------------

    def shape(self, links, number, uid=b""):
        """The shape of the message, by its size."""
        if not links[1].selected:
            return "?"
        try:
            answer = links[1].command([uid + b"FETCH %d RFC822.SIZE" % number])
        except (imap_answers.Closed, OSError):
            return "?"
        for items in answer.said.get("fetch", {}).values():
            if "RFC822.SIZE" in items:
                return "/".join(sorted(self.shapes.get(int(items["RFC822.SIZE"]), {"?"})))
        return "?"

    def compare(self, seed, trace=None):
        """Runs one sequence; True when nothing unlisted differed."""
        user = f"u{seed}"
        template = f"m{seed % TEMPLATES}"
        self.copy(self.theirs.home(template), self.theirs.home(user))
        # every second one meets an account that Culver has not seen before
        cold = (seed // TEMPLATES) % 2
        self.copy((self.theirs if cold else self.ours).home(template), self.ours.home(user))
        ports = self.ours.imap_port, self.theirs.imap_port
        pairs = []
        try:
            return self.run(seed, user, ports, pairs, trace)
        finally:
            for pair in pairs:
                for link in pair:
                    link.close()
            shutil.rmtree(self.ours.home(user), ignore_errors=True)
            shutil.rmtree(self.theirs.home(user), ignore_errors=True)
            self.sequences += 1

    def run(self, seed, user, ports, pairs, trace):
        steps = imap_sequences.sequence(seed)
        state = None
        history = []
        while True:
            try:
                at, parts = steps.send(state)
            except StopIteration:
                return True
            while len(pairs) <= at:
                pairs.append([imap_answers.Link(port, user) for port in ports])
            links = pairs[at]
            text = shown(parts)
            history.append(f"{at}: {text}")
            answers = []
            for link in links:
                with contextlib.suppress(OSError):
                    link.send(parts)    # else reading tells it
            for who, link in zip(("Culver", "Dovecot"), links):
                try:
                    answers.append(link.read())
                except (imap_answers.Closed, ValueError, OSError) as e:
                    self.ended += 1
                    return self.find(seed, f"{text} ¦ {who} ¦ {e!r}", history) is not None
            self.commands += 1
            words = text.upper().split()
            self.verbs[" ".join(words[:2]) if words[0] == "UID" else words[0]] += 1
            if trace:
                trace(at, text, answers)
            ends, fine = self.judge(seed, text, links, answers, history)
            if ends:
                self.ended += 1
                return fine
            self.note_modseqs(links, parts, answers)
            state = [(pair[1].exists, pair[1].selected) for pair in pairs]
            if len(state) < 2:
                state.append((0, False))

    @staticmethod
    def note_modseqs(links, parts, answers):
        """Both say where the mailbox is now: ("modseq", k) means these places."""
        if b"CONDSTORE" in b"".join(p for p in parts if isinstance(p, bytes)) or \
                b"QRESYNC" in parts[0]:
            for link in links:
                link.counts = True
        if not links[0].counts or not links[0].selected or not links[1].selected:
            return
        for link in links:
            try:
                answer = link.command([b"STATUS " + link.box + b" (HIGHESTMODSEQ)"])
            except (imap_answers.Closed, OSError):
                continue        # as the next command will see
            if answer.modseqs:
                link.points.setdefault(link.box, []).append(answer.modseqs[-1])

    def find(self, seed, line, history):
        """The row that allows it; None: it is noted as unlisted."""
        for row in self.differences:
            if row.match(line):
                row.used += 1
                return row
        self.unlisted.append((seed, line, list(history)))
        return None

    def judge(self, seed, text, links, answers, history):
        ends, fine = False, True
        shapes = {}
        found = list(imap_answers.differences(answers[0].said, answers[1].said))
        # whether it was done at all comes first: data in the answer depend on it
        for path, ours, theirs in sorted(found, key=lambda row: row[0][0] != "tagged"):
            where = " ".join(str(p) for p in path)
            if path[0] == "fetch" and len(path) > 1 and path[1] not in shapes:
                shapes[path[1]] = self.shape(links, path[1])
            shape = f" [{shapes[path[1]]}]" if path[0] == "fetch" and len(path) > 1 else ""
            if path[-1] in ("search", "sort", "thread", "ALL"):
                uid = b"UID " if text.upper().startswith("UID") else b""
                which = members(ours) ^ members(theirs) or {
                    number for pair in zip(ours or (), theirs or ()) if pair[0] != pair[1]
                    for number in members(pair)}
                shape = " [" + " ".join(
                    self.shape(links, n, uid) for n in sorted(which)[:16]) + "]"
            line = f"{text} ¦ {where}{shape} ¦ {say(ours)} ¦ {say(theirs)}"
            if path[0] == "tagged":
                line += "".join(f"\n    {answer.text[:150]}" for answer in answers)
            row = self.find(seed, line, history)
            if row is None:
                fine = False
            # what follows may be its consequence
            ends = ends or row is None or row.ends
            if ends and path == ("tagged",):
                break
        return ends, fine

    def report(self, out=sys.stdout):
        print(f"{self.sequences} sequences, {self.commands} commands, {self.ended} ended early,"
              f" {len(self.unlisted)} unlisted differences", file=out)
        for row in self.differences:
            print(f"{row.used:6} {row.pattern[:100]}", file=out)


def main():
    args = argparse.ArgumentParser()
    args.add_argument("-v", action="store_true")
    args.add_argument("-n", type=int, default=60)
    args.add_argument("first", type=int)
    args.add_argument("last", type=int)
    args = args.parse_args()

    def trace(at, text, answers):
        print(f"{at}: {text[:300]}")
        for who, answer in zip("CD", answers):
            print(f"   {who} {str(answer.said)[:600]}")

    seeds = range(args.first, args.last + 1)
    start = time.monotonic()
    with Pair(seeds) as pair:
        print(f"templates: {time.monotonic() - start:.1f} s")
        for seed in seeds:
            pair.compare(seed, trace if args.v else None)
        for seed, line, history in pair.unlisted[:args.n]:
            print(f"--- {seed}: {line[:700]}")
        pair.report()
        print(pair.verbs)
        print(f"{time.monotonic() - start:.1f} s")


if __name__ == "__main__":
    main()
