"""Other programs work in the Maildir as procmail, mutt, rsync and rm do, while
sessions do the same over IMAP and mail comes in over LMTP: no UIDVALIDITY
changes, no mail is lost or doubled, and flags are what the file names say."""
import imaplib
import os
import random
import re
import shutil
import threading
import time

import culver

LETTERS = {"D": "\\Draft", "F": "\\Flagged", "R": "\\Answered", "S": "\\Seen", "T": "\\Deleted"}
SECONDS = float(os.environ.get("CHAOS_SECONDS", "12"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))
SESSIONS = 5


class Ledger:
    """What must be true in the end."""

    def __init__(self):
        self.lock = threading.Lock()
        self.number = 0
        self.present = {}       # number: True, or None when it may be there
        self.keywords = {}      # (session, number): True, False, or None: not known
        self.validities = set()
        self.failures = []
        self.stop = threading.Event()

    def new(self):
        with self.lock:
            self.number += 1
            return self.number

    def set(self, number, present):
        with self.lock:
            if self.present.get(number, True) is not False:
                self.present[number] = present

    def run(self, work, *args):
        """In a thread of its own, again and again."""
        try:
            while not self.stop.is_set():
                work(self, *args)
        except Exception as e:  # pylint: disable=broad-except
            self.failures.append(f"{work.__name__}: {e!r}")
            self.stop.set()


def message(number):
    return (b"From: a@example.org\r\nSubject: chaos\r\nX-Number: %d\r\n\r\n" % number
            + b"body\r\n" * (number % 50))


# --- other programs ------------------------------------------------------------------

class Foreign:
    def __init__(self, box, seed):
        self.box, self.rng = box, random.Random(seed)
        self.seed, self.count = seed, 0

    def names(self, folder):
        return [n for n in os.listdir(self.box / folder) if not n.startswith(".")]

    def pick(self, folder):
        names = self.names(folder)
        return self.rng.choice(names) if names else None

    def write(self, path, number):
        path.write_bytes(message(number).replace(b"\r\n", b"\n"))
        if culver.IS_ROOT:
            shutil.chown(path, culver.MAIL_USER, culver.MAIL_GROUP)

    def base(self):
        self.count += 1
        return f"{int(time.time())}.{self.seed}_{self.count}.other"

    def procmail(self, ledger):
        number, base = ledger.new(), self.base()
        self.write(self.box / "tmp" / base, number)
        os.rename(self.box / "tmp" / base, self.box / "new" / base)
        ledger.set(number, True)

    def rsync(self, ledger):
        """A file with a name of its own beside its place, then renamed."""
        number, base = ledger.new(), self.base()
        temp = self.box / "cur" / f".{base}:2,S.x7Qz"
        self.write(temp, number)
        os.utime(temp, (1600000000, 1600000000))
        os.rename(temp, self.box / "cur" / f"{base}:2,S")
        ledger.set(number, True)

    def mutt_moves(self, _):
        name = self.pick("new")
        if name is not None:
            to = name.split(":")[0] + ":2," + self.rng.choice(["", "S"])
            rename(self.box / "new" / name, self.box / "cur" / to)

    def mutt_flags(self, _):
        name = self.pick("cur")
        if name is None or ":2," not in name:
            return
        base, flags = name.split(":2,")
        flags = "".join(sorted(set(flags) ^ set(self.rng.sample("SRFD", self.rng.randint(1, 2)))))
        rename(self.box / "cur" / name, self.box / "cur" / f"{base}:2,{flags}")

    def rm(self, ledger):
        folder = self.rng.choice(["cur", "new"])
        name = self.pick(folder)
        if name is None:
            return
        path = self.box / folder / name
        try:
            number = int(re.search(rb"X-Number: (\d+)", path.read_bytes())[1])
            ledger.set(number, None)
            path.unlink()
        except FileNotFoundError:
            return
        with ledger.lock:
            ledger.present[number] = False

    def work(self, ledger):
        work = self.rng.choices(
            [self.procmail, self.rsync, self.mutt_moves, self.mutt_flags, self.rm],
            [4, 2, 4, 12, 3])[0]
        work(ledger)
        time.sleep(self.rng.random() * 0.02)


def rename(path, to):
    try:
        os.rename(path, to)
    except FileNotFoundError:
        pass


# --- sessions --------------------------------------------------------------------------

class Session:
    def __init__(self, server, index):
        self.server, self.index = server, index
        self.rng = random.Random(SEED * 1000 + index)
        self.client = None
        self.known = {}         # UID: number

    def open(self, ledger):
        self.client = self.server.imap()
        kind, _ = self.client.select("INBOX")
        assert kind == "OK"
        with ledger.lock:
            ledger.validities.add(self.client.response("UIDVALIDITY")[1][0])

    def learn(self, _):
        self.known = numbers(self.client)

    def pick(self):
        uids = sorted(self.known)
        return self.rng.sample(uids, min(len(uids), self.rng.randint(1, 8)))

    def store(self, ledger):
        uids = self.pick()
        if not uids:
            return
        sign, own = self.rng.choice("+-"), self.rng.random() < 0.6
        flags = f"$Own{self.index}" if own else self.rng.choice(["\\Seen", "\\Flagged"])
        mine = [(self.index, self.known[u]) for u in uids]
        if own:
            with ledger.lock:
                ledger.keywords.update(dict.fromkeys(mine))
        kind, _ = self.client.uid("STORE", ",".join(map(str, uids)), f"{sign}FLAGS", f"({flags})")
        if kind == "OK" and own:
            with ledger.lock:
                ledger.keywords.update(dict.fromkeys(mine, sign == "+"))

    def append(self, ledger):
        number = ledger.new()
        flags = self.rng.choice([None, "(\\Seen)", "(\\Flagged $Common)"])
        kind, _ = self.client.append("INBOX", flags, None, message(number))
        assert kind == "OK"
        ledger.set(number, True)

    def expunge(self, ledger):
        uids = self.pick()[:2]
        for uid in uids:
            ledger.set(self.known[uid], None)
            self.client.uid("STORE", str(uid), "+FLAGS.SILENT", "(\\Deleted)")
            kind, _ = self.client.uid("EXPUNGE", str(uid))
            if kind == "OK":
                with ledger.lock:
                    ledger.present[self.known[uid]] = False

    def copy(self, _):
        uids = self.pick()
        if uids:
            self.client.uid("COPY", ",".join(map(str, uids)), "Other")

    def again(self, ledger):
        self.client.logout()
        self.open(ledger)

    def work(self, ledger):
        if self.client is None:
            self.open(ledger)
        work = self.rng.choices(
            [self.learn, self.store, self.append, self.expunge, self.copy, self.again],
            [4, 16, 3, 2, 1, 1])[0]
        work(ledger)


def numbers(client):
    found = {}
    for part in client.uid("FETCH", "1:*", "(BODY.PEEK[HEADER.FIELDS (X-Number)])")[1]:
        if isinstance(part, tuple) and part[1]:
            uid = int(re.search(rb"UID (\d+)", part[0])[1])
            found[uid] = int(part[1].split(b":")[1])
    return found


def incoming(ledger, server):
    number = ledger.new()
    assert server.deliver(message(number)) == {}
    ledger.set(number, True)
    time.sleep(0.05)


# --- the end ------------------------------------------------------------------------------

def on_disk(box):
    """number: flags, of each file."""
    letters = dict(LETTERS)
    path = box / "dovecot-keywords"
    if path.exists():
        for line in path.read_text().splitlines():
            index, name = line.split(" ", 1)
            letters[chr(ord("a") + int(index))] = name
    files = []
    for folder in ("new", "cur"):
        for path in (box / folder).iterdir():
            number = int(re.search(rb"X-Number: (\d+)", path.read_bytes())[1])
            flags = path.name.partition(":2,")[2] if folder == "cur" else ""
            files.append((number, frozenset(letters[c] for c in flags)))
    return sorted(files, key=lambda f: f[0])


def over_imap(server, ledger):
    client = server.imap()
    client.select("INBOX")
    ledger.validities.add(client.response("UIDVALIDITY")[1][0])
    by_uid = numbers(client)
    shown = []
    for line in client.uid("FETCH", "1:*", "(FLAGS)")[1]:
        if line is None:
            continue
        uid = int(re.search(rb"UID (\d+)", line)[1])
        flags = re.search(rb"FLAGS \(([^)]*)\)", line)[1].decode().split()
        shown.append((by_uid[uid], frozenset(flags) - {"\\Recent"}))
    client.logout()
    return sorted(shown, key=lambda f: f[0])


def check(server, ledger, box):
    deadline = time.monotonic() + 15
    while True:     # a change within a clock tick is found after some seconds
        shown, files = over_imap(server, ledger), on_disk(box)
        if shown == files or time.monotonic() > deadline:
            break
        time.sleep(1)
    assert shown == files
    found = [number for number, _ in shown]
    assert len(found) == len(set(found)), "doubled"
    for number, present in ledger.present.items():
        if present is not None:
            assert (number in found) == present, f"{number}: {present}"
    flags = dict(shown)
    for (session, number), is_set in ledger.keywords.items():
        if number in flags and is_set is not None:
            assert (f"$Own{session}" in flags[number]) == is_set, (session, number, is_set)
    assert len(ledger.validities) == 1
    return len(found)


def test_other_programs_and_sessions_at_once(make_server):
    server = make_server(extra="mail_max_userip_connections = 100\n")
    box = server.home("alice") / "Maildir"
    client = server.imap()
    assert client.create("Other")[0] == "OK"
    client.logout()
    ledger = Ledger()
    sessions = [Session(server, n) for n in range(SESSIONS)]
    others = [Foreign(box, SEED * 100 + n) for n in range(3)]
    threads = [threading.Thread(target=ledger.run, args=(w.work,)) for w in sessions + others]
    threads.append(threading.Thread(target=ledger.run, args=(incoming, server)))
    for t in threads:
        t.start()
    ledger.stop.wait(SECONDS)
    ledger.stop.set()
    for t in threads:
        t.join(60)
    assert ledger.failures == []
    for s in sessions:
        try:
            s.client.logout()
        except imaplib.IMAP4.error:
            pass
    assert check(server, ledger, box) > 10
    errors = [line for line in server.log.splitlines() if "Error:" in line or "Panic:" in line]
    assert errors == []
