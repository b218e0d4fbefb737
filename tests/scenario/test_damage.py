"""Damaged messages: named and left out by every transfer, never copied wrong, and
found by culveradm verify, which changes nothing."""
import gzip
import json
import os
import pathlib
import re
import shutil
import subprocess
import time

import pytest

import culver
import dovecot

DATA_ERROR = 65     # EX_DATAERR
COUNT = 7


def config(kind, more=""):
    # what is in the journal is read there
    return culver.CONFIG.replace("maildir:~/Maildir", f"{kind}:~/box{more}") + \
        "\nmail_journal_body_max = 0\n"


def message(n, size=0):
    return (f"From: jane@example.org\r\nSubject: number {n}\r\n\r\n"
            + f"line {n}\r\n" * (size or 40)).encode()


def own(path):
    if culver.IS_ROOT:
        for p in [path, *path.rglob("*")]:
            shutil.chown(p, culver.MAIL_USER, culver.MAIL_GROUP)


def fill(server, sizes=()):
    client = server.imap()
    client.create("Work")
    for n in range(1, COUNT + 1):
        for box in ("INBOX", "Work"):
            typ, data = client.append(box, None, None, message(n, dict(sizes).get(n, 0)))
            assert typ == "OK", data
    client.logout()


def words(server, location):
    return ["-o", f"mail_location={location}"] if location else []


def fetch(server, fields="mailbox uid guid text", location=None, query=("ALL",), check=True):
    done = server.adm("-f", "json", *words(server, location), "fetch", "-u", "alice", fields, *query,
                      check=check)
    return [tuple(row.values()) for row in json.loads(done.stdout)]


def transfer(server, verb, *args):
    done = server.adm("-f", "json", verb, "-u", "alice", *args, check=False, timeout=120)
    rows = json.loads(done.stdout)
    return done, rows[0] if verb == "import" else {r.pop("store"): r for r in rows}


def file_of(server, kind, uid, box="INBOX"):
    """The file with a message, and where its body begins."""
    text = b"Subject: number %d\n" % uid
    top = server.home("alice") / "box"
    if kind == "maildir":
        top = top if box == "INBOX" else top / f".{box}"
        found = [*top.glob("cur/*"), *top.glob("new/*")]
    elif kind == "sdbox":
        found = [p for p in (top / "mailboxes" / box).glob("dbox-Mails/*") if "." in p.name]
    else:
        found = list((top / "storage").glob("[cm].[0-9]*"))
    for path in found:
        data = path.read_bytes()
        places = [m.start() for m in re.finditer(re.escape(text), data)]
        if places:
            return path, places[0] if box == "INBOX" or len(places) == 1 else places[1]
    raise AssertionError((kind, uid, found))


def flip(path, at):
    with open(path, "r+b") as f:
        f.seek(at + 30)
        byte = f.read(1)
        f.seek(at + 30)
        f.write(bytes([byte[0] ^ 1]))


HOW = {
    ("sdbox", "flipped"): lambda p, at: flip(p, at),
    ("sdbox", "cut off"): lambda p, at: os.truncate(p, at + 50),
    ("sdbox", "gone"): lambda p, at: os.unlink(p),
    ("sdbox", "empty"): lambda p, at: os.truncate(p, 0),
    ("mdbox", "flipped"): lambda p, at: flip(p, at),
    ("maildir", "cut off"): lambda p, at: os.truncate(p, at + 50),
    ("maildir", "empty"): lambda p, at: os.truncate(p, 0),
}


@pytest.fixture(params=sorted(HOW), ids="-".join)
def damaged(request):
    """UID 5 of INBOX is damaged; Server.mend() brings it back."""
    kind, how = request.param
    with culver.Server(config=config(kind)) as server:
        fill(server)
        server.kind, server.good = kind, fetch(server)
        path, at = file_of(server, kind, 5)
        kept, stat = path.read_bytes(), path.stat()

        def mend():
            path.write_bytes(kept)
            own(path)
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        HOW[request.param](path, at)
        server.mend, server.path = mend, path
        server.guid = next(g for b, u, g, _ in server.good if (b, u) == ("INBOX", "5"))
        yield server


def names(server, text):
    """The message is named: mailbox, UID, GUID, file."""
    lines = [line for line in text.splitlines() if "UID 5" in line]
    assert len(lines) == 1, text
    assert "INBOX" in lines[0] and f"GUID {server.guid}" in lines[0]
    assert f"file '{server.path}'" in lines[0], lines
    return lines[0]


def without(rows, box="INBOX", uid="5"):
    return [r for r in rows if (r[0], r[1]) != (box, uid)]


def nothing_else(row):
    return all(int(v) == 0 for k, v in row.items() if k != "damaged")


def snapshot(server):
    """Every file of the user, with its times."""
    return {str(p): (p.stat().st_mtime_ns, p.stat().st_size, p.is_file() and p.read_bytes())
            for p in sorted(server.home("alice").rglob("*"))}


def verify(server, *query, location=None):
    done = server.adm("-f", "json", *words(server, location), "verify", "-u", "alice", *query,
                      check=False)
    rows = json.loads(done.stdout)
    return done.returncode, [r for r in rows if r["problem"]], \
        {r["mailbox"]: (int(r["messages"]), int(r["damaged"])) for r in rows if not r["problem"]}


def test_one_damaged_message_stops_nothing(damaged):
    for verb in ("backup", "sync"):
        copy = f"sdbox:{damaged.home('alice')}/{verb}"
        for turn in range(2):
            done, report = transfer(damaged, verb, copy)
            assert done.returncode == DATA_ERROR, done.stderr
            names(damaged, done.stderr)
            assert report["local"]["damaged"] == "1" and report["other"]["damaged"] == "0"
            if turn == 0:
                assert report["other"]["saved"] == str(2 * COUNT - 1)
            else:
                assert nothing_else(report["local"]) and nothing_else(report["other"])
        assert fetch(damaged, location=copy) == without(damaged.good)
    # shown by fetch, which gives the others
    done = damaged.adm("-f", "json", "fetch", "-u", "alice", "mailbox uid guid text", "ALL",
                       check=False)
    assert done.returncode == DATA_ERROR
    names(damaged, done.stderr)
    assert [tuple(r.values()) for r in json.loads(done.stdout)] == without(damaged.good)
    # and by verify, which changes nothing
    before = snapshot(damaged)
    status, problems, boxes = verify(damaged)
    assert status == DATA_ERROR and boxes == {"INBOX": (COUNT, 1), "Work": (COUNT, 0)}
    assert [(p["mailbox"], p["uid"], p["guid"], p["file"]) for p in problems] == \
        [("INBOX", "5", damaged.guid, str(damaged.path))]
    assert verify(damaged, "mailbox", "Work") == (0, [], {"Work": (COUNT, 0)})
    assert snapshot(damaged) == before
    # what can be read again comes along by itself
    damaged.mend()
    assert verify(damaged) == (0, [], {"INBOX": (COUNT, 0), "Work": (COUNT, 0)})
    for verb in ("backup", "sync"):
        copy = f"sdbox:{damaged.home('alice')}/{verb}"
        done, report = transfer(damaged, verb, copy)
        assert done.returncode == 0, done.stderr
        assert report["local"]["damaged"] == "0"
        fields = slice(0, 4) if verb == "backup" else slice(2, 4)
        assert sorted(r[fields] for r in fetch(damaged, location=copy)) == \
            sorted(r[fields] for r in damaged.good)
        done, report = transfer(damaged, verb, copy)
        assert done.returncode == 0 and nothing_else(report["other"])


def pipe(server, user="bob"):
    return [str(culver.PREFIX / "bin" / "culveradm"), "-c", str(server.config), "sync-server",
            "-u", user]


def break_many(server):
    """UID 2 flipped, UID 3 cut off, UID 4 gone, UID 6 (too large to be looked at when it is
    opened) flipped near its end."""
    good = fetch(server)
    for uid, how in ((2, "flipped"), (3, "cut off"), (4, "gone")):
        HOW["sdbox", how](*file_of(server, "sdbox", uid))
    path, at = file_of(server, "sdbox", 6)
    flip(path, at + 100000)
    left = {("INBOX", "2"), ("INBOX", "3"), ("INBOX", "4"), ("INBOX", "6")}
    return [r for r in good if (r[0], r[1]) not in left]


def named(text, *uids):
    assert [int(n) for n in re.findall(r"INBOX'?: UID (\d+), GUID [0-9a-f]{32}, file '/", text)] \
        == list(uids), text


@pytest.mark.parametrize("way", ["there", "back"])
def test_both_ends_of_a_pipe(way):
    with culver.Server(config=config("sdbox")) as server:
        fill(server, [(6, 20000)])
        good = break_many(server)
        # the damaged mail is alice's, here or at the other end
        if way == "there":
            verb = ["backup", "-u", "alice", *pipe(server)]
        else:
            verb = ["backup", "-u", "bob", "-R", *pipe(server, "alice")]
        for turn in range(2):
            done = server.adm("-f", "json", *verb, check=False)
            assert done.returncode == DATA_ERROR, done.stderr
            named(done.stderr, 2, 3, 4, 6)
            report = {r.pop("store"): r for r in json.loads(done.stdout)}
            source = "local" if way == "there" else "other"
            target = "other" if way == "there" else "local"
            assert (report[source]["damaged"], report[target]["damaged"]) == ("4", "0")
            assert report[target]["saved"] == (str(len(good)) if turn == 0 else "0")
            assert report[target]["expunged"] == "0"
        copy = server.adm("-f", "json", "fetch", "-u", "bob", "mailbox uid guid text", "ALL")
        assert [tuple(r.values()) for r in json.loads(copy.stdout)] == good


def test_what_only_the_copy_has_whole_stays_there():
    """A message of the source is damaged after the backup, and the copy would have to be made
    anew."""
    with culver.Server(config=config("sdbox")) as server:
        fill(server)
        copy = f"maildir:{server.home('alice')}/copy"
        assert transfer(server, "backup", copy)[0].returncode == 0
        good = fetch(server, location=copy)
        flip(*file_of(server, "sdbox", 3))
        assert transfer(server, "backup", copy)[0].returncode == 0
        # somebody has saved into the copy: its UIDs are taken
        subprocess.run([culver.PREFIX / "bin" / "culveradm", "-c", server.config, "-o",
                        f"mail_location={copy}", "save", "-u", "alice"], input=message(99), check=True)
        client = server.imap()
        client.append("INBOX", None, None, message(COUNT + 1))
        client.logout()
        done, report = transfer(server, "backup", copy)
        assert done.returncode not in (0, 1) and "would be lost" in done.stderr
        named(done.stderr, 3)
        assert [r for r in fetch(server, location=copy) if r in good] == good
        done, report = transfer(server, "backup", "-f", copy)
        assert done.returncode == DATA_ERROR
        assert len(fetch(server, location=copy)) == 2 * COUNT


def test_import_goes_on_behind_damage():
    with culver.Server(config=config("sdbox")) as server:
        fill(server, [(6, 20000)])
        good = break_many(server)
        source = f"sdbox:{server.home('alice')}/box"
        there = ["-o", f"mail_location=maildir:{server.home('alice')}/new"]
        for turn in range(2):
            done = server.adm("-f", "json", *there, "import", "-u", "alice", source, "", "ALL",
                              check=False)
            assert done.returncode == DATA_ERROR
            named(done.stderr, 2, 3, 4, 6)
            row = json.loads(done.stdout)[0]
            assert row["damaged"] == "4" and row["saved"] == (str(len(good)) if turn == 0 else "0")
        assert sorted(r[2:] for r in fetch(server, location=there[1][14:])) == \
            sorted(r[2:] for r in good)


def test_force_resync_says_what_it_found():
    with culver.Server(config=config("sdbox")) as server:
        fill(server)
        HOW["sdbox", "flipped"](*file_of(server, "sdbox", 2))
        HOW["sdbox", "cut off"](*file_of(server, "sdbox", 3))
        HOW["sdbox", "gone"](*file_of(server, "sdbox", 4))
        done = server.adm("-f", "json", "force-resync", "-u", "alice", "*", check=False)
        assert done.returncode == DATA_ERROR
        assert {r["mailbox"]: (r["gone"], r["damaged"], r["index"]) for r in json.loads(done.stdout)
                if r["mailbox"] != "Trash"} == {"INBOX": ("1", "2", "ok"), "Work": ("0", "0", "ok")}
        named(done.stderr, 2, 3)
        done = server.adm("force-resync", "-u", "alice", "Work")
        assert done.stdout == "Work found=0 gone=0 damaged=0 index=ok\n"


def test_imap_gives_no_empty_text_for_what_is_gone():
    text = config("sdbox") + "imap_fetch_failure = no-after\n"
    with culver.Server(config=text) as server:
        fill(server)
        HOW["sdbox", "gone"](*file_of(server, "sdbox", 4))
        with server.raw() as raw:
            raw.line()
            raw.command("login alice secret")
            raw.command("select INBOX")
            raw.send(b"x fetch 3:5 (UID BODY.PEEK[])\r\n")
            lines = raw.until("x")
            text = b"".join(lines) if isinstance(lines, list) else lines
            assert b"x NO [SERVERBUG]" in text and b"UID 4" not in text
            assert b"Subject: number 3" in text and b"Subject: number 5" in text
        # the default of Dovecot's: the connection ends, so that no client believes it
        assert "UID 4 is gone" in server.log


# --- verify -------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["maildir", "mbox", "sdbox", "mdbox"])
def test_verify_finds_nothing_where_nothing_is_wrong(kind):
    more = "mail_plugins = $mail_plugins compress\nplugin {{\n  zlib_save = gz\n}}\n" \
        if kind == "sdbox" else ""
    with culver.Server(config=config(kind) + more) as server:
        fill(server, [(3, 20000)])
        client = server.imap()      # fills the catalogue
        client.select("INBOX")
        client.fetch("1:*", "(ENVELOPE BODYSTRUCTURE)")
        client.logout()
        before = snapshot(server)
        assert verify(server) == (0, [], {"INBOX": (COUNT, 0), "Work": (COUNT, 0)})
        assert verify(server, "mailbox", "INBOX", "uid", "2:4") == (0, [], {"INBOX": (3, 0)})
        assert snapshot(server) == before
        text = server.adm("verify", "-u", "alice", "mailbox", "Work").stdout
        assert f"mailbox=Work uid= guid= file= problem= messages={COUNT} damaged=0" in text
        if kind not in ("maildir", "sdbox"):
            return
        # a tree that was never opened here: the same mail, known from itself alone
        other = server.home("alice") / "other"
        shutil.copytree(server.home("alice") / "box", other,
                        ignore=shutil.ignore_patterns("culver"))
        own(other)
        before = snapshot(server)
        status, problems, boxes = verify(server, location=f"{kind}:{other}")
        assert (status, problems) == (0, []) and boxes["INBOX"] == (COUNT, 0)
        assert snapshot(server) == before


@pytest.mark.parametrize("what", ["journal", "catalogue"])
def test_verify_reads_what_is_known_of_the_mail(what):
    with culver.Server(config=config("maildir")) as server:
        fill(server)
        if what == "catalogue":     # of what other programs delivered
            box = server.home("alice") / "box"
            for n in range(50):
                path = box / "new" / f"{n}.M1P1.other"
                path.write_bytes(message(n))
                own(path)
            server.adm("index", "-u", "alice", "INBOX")
        account = server.home("alice") / "box" / "culver"
        pattern = {"journal": "journal.*", "catalogue": "*.cat"}[what]
        path = max((p for p in account.rglob(pattern)), key=lambda p: p.stat().st_size)
        with open(path, "r+b") as f:
            f.seek(path.stat().st_size // 2)
            f.write(b"\xff" * 16)
        before = snapshot(server)
        status, problems, _ = verify(server)
        assert status == DATA_ERROR
        assert str(path) in [p["file"] for p in problems]
        assert snapshot(server) == before
        # and mended: what was known is computed anew, nothing of the mail is lost
        mail = fetch(server)
        done = server.adm("-f", "json", "force-resync", "-u", "alice", "*", check=False)
        rows = {row["mailbox"]: row for row in json.loads(done.stdout)}
        assert "mended" in [row["index"] for row in rows.values()], rows
        assert "damaged" in done.stderr
        status, problems, _ = verify(server)
        assert (status, [p for p in problems if "kept" not in p["file"]]) == (0, [])
        assert fetch(server) == mail
        done = server.adm("-f", "json", "force-resync", "-u", "alice", "*")
        assert {row["index"] for row in json.loads(done.stdout)} == {"ok"}


def other_names(account):
    """Two snapshots that the journal needs, the journal, a catalogue."""
    return ([str(p) for p in sorted(account.glob("*.snap"))[:2]]
            + [str(next(account.glob("journal.*"))), str(max(account.glob("*.cat")))])


def exchange(a, b):
    os.rename(a, a + ".x")
    os.rename(b, a)
    os.rename(a + ".x", b)


LOST = {
    "a snapshot gone": lambda one, two, journal, cat: os.unlink(one),
    "the journal gone": lambda one, two, journal, cat: os.unlink(journal),
    "snapshots exchanged": lambda one, two, journal, cat: exchange(one, two),
    "journal and snapshot exchanged": lambda one, two, journal, cat: exchange(one, journal),
    "journal and catalogue exchanged": lambda one, two, journal, cat: exchange(cat, journal),
    "catalogue and snapshot exchanged": lambda one, two, journal, cat: exchange(cat, two),
    "a snapshot flipped": lambda one, two, journal, cat: flip(pathlib.Path(one), 600),
}


def rotate(server):
    """The journal that there is becomes snapshots."""
    server.adm("mailbox", "create", "-u", "alice", "Empty", check=False)
    value = int(re.search(r"uidvalidity=(\d+)", server.adm(
        "mailbox", "status", "-u", "alice", "uidvalidity", "Empty").stdout)[1])
    server.adm("mailbox", "update", "-u", "alice", "--uid-validity", str(value + 1), "Empty")


@pytest.mark.parametrize("kind", ["maildir", "sdbox", "mdbox"])
@pytest.mark.parametrize("what", sorted(LOST))
def test_verify_names_what_is_lost_and_force_resync_mends_it(kind, what):
    with culver.Server(config=culver.CONFIG.replace("maildir:~/Maildir", f"{kind}:~/box")) as server:
        fill(server)
        rotate(server)
        mail = sorted(r[3] for r in fetch(server))
        assert verify(server)[:2] == (0, [])
        LOST[what](*other_names(server.home("alice") / "box" / "culver"))
        before = snapshot(server)
        status, problems, _ = verify(server)
        assert (status, bool(problems)) == (DATA_ERROR, True)
        assert snapshot(server) == before
        server.adm("force-resync", "-u", "alice", "*", check=False)
        status, problems, _ = verify(server)
        assert (status, problems) == (0, [])
        assert sorted(r[3] for r in fetch(server)) == mail


def garble(path, share):
    at = int(path.stat().st_size * share)
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(b"\xff" * 8192)


HARMED = {
    "a snapshot": lambda account, box: flip(next(account.glob(f"{box}.*.snap")), 600),
    "the journal's middle": lambda account, box: garble(journal(account), 0.5),
}


def journal(account):
    return next(account.glob("journal.*"))


@pytest.mark.parametrize("kind", ["maildir", "sdbox", "mdbox"])
@pytest.mark.parametrize("what", sorted(HARMED))
def test_no_uid_means_another_message_after_damage(kind, what):
    """Of what a client may have seen, that is, expunged messages included."""
    with culver.Server(config=culver.CONFIG.replace("maildir:~/Maildir", f"{kind}:~/box")) as server:
        client = server.imap()
        for n in range(8):
            client.append("INBOX", "kw1", None, message(n))
        rotate(server)
        for n in range(8, 28):
            client.append("INBOX", "kw1" if n % 2 else None, None, message(n))
        client.select("INBOX")
        known = {uid: text for _, uid, _, text in fetch(server)}
        client.store("10:24", "+FLAGS", "(\\Deleted)")
        client.expunge()
        account = server.home("alice") / "box" / "culver"
        inbox = json.loads(server.adm("-f", "json", "mailbox", "status", "-u", "alice",
                                      "guid uidvalidity", "INBOX").stdout)[0]
        client.logout()
        HARMED[what](account, inbox["guid"])
        client = server.imap()
        client.select("INBOX")
        client.append("INBOX", None, None, message(99))
        client.logout()
        after = {uid: text for _, uid, _, text in fetch(server)}
        now = json.loads(server.adm("-f", "json", "mailbox", "status", "-u", "alice",
                                    "uidvalidity", "INBOX").stdout)[0]
        assert now["uidvalidity"] == inbox["uidvalidity"]
        assert message(99).decode() in {t.replace("\n", "\r\n").replace("\r\r", "\r")
                                        for t in after.values()}
        assert [u for u in after if u in known and after[u] != known[u]] == []


def test_a_snapshot_that_is_not_used_any_more_is_mended_too():
    with culver.Server(config=config("maildir")) as server:
        fill(server)
        rotate(server)
        account = server.home("alice") / "box" / "culver"
        old = set(account.glob("*.snap"))
        server.adm("flags", "-u", "alice", "add", "\\Flagged", "MAILBOX", "Work", "ALL")
        rotate(server)      # what Work had is kept for slow readers
        work, = {p.name[:32] for p in account.glob("*.snap") if p not in old}
        kept, = (p for p in old if p.name.startswith(work))
        flip(kept, 600)
        mail = fetch(server)
        status, problems, _ = verify(server)
        assert (status, [p["file"] for p in problems]) == (DATA_ERROR, [str(kept)])
        done = server.adm("force-resync", "-u", "alice", "*", check=False)
        assert "not used any more" in done.stderr
        assert verify(server)[:2] == (0, []) and not kept.exists()
        assert fetch(server) == mail


def test_verify_reads_past_a_torn_end_of_the_catalogue():
    with culver.Server(config=config("maildir")) as server:
        fill(server)
        box = server.home("alice") / "box"
        for n in range(50):
            path = box / "new" / f"{n}.M1P1.other"
            path.write_bytes(message(n))
            own(path)
        server.adm("index", "-u", "alice", "INBOX")
        path = max((box / "culver").rglob("*.cat"), key=lambda p: p.stat().st_size)
        size = path.stat().st_size
        for at in range(size - 1, size - 800, -57):     # as a full disk leaves it
            os.truncate(path, at)
            status, problems, boxes = verify(server)
            assert status in (0, DATA_ERROR) and boxes["INBOX"] == (COUNT + 50, 0)


@pytest.mark.parametrize("links", ["yes", "no"])
def test_copies_of_mail_that_another_server_compressed_keep_its_size(links):
    more = f"mail_plugins = $mail_plugins compress\nmaildir_copy_with_hardlinks = {links}\n"
    with culver.Server(config=config("maildir") + more) as server:
        fill(server)
        cur = server.home("alice") / "box" / "cur"
        for n in range(3):      # short: the compressed form is larger, or smaller
            text = b"Subject: x\n\n" + b"body %d\n" % n * (1 + n * 50)
            path = cur / f"{n}.M1P1.other,S={len(text)}:2,S"
            path.write_bytes(gzip.compress(text))
            own(path)
        uids = f"{COUNT + 1}:{COUNT + 3}"
        # when each has been looked at, the journal knows the files' sizes
        was = fetch(server, "text size.virtual", query=("mailbox", "INBOX", "uid", uids))
        server.adm("copy", "-u", "alice", "Work", "mailbox", "INBOX", "uid", uids)
        server.adm("move", "-u", "alice", "Work", "mailbox", "INBOX", "uid", uids)
        now = fetch(server, "text size.virtual", query=("mailbox", "Work", "uid", f"{COUNT + 1}:*"))
        assert now == was + was and len(was) == 3
        for path in (server.home("alice") / "box" / ".Work").glob("[cn]*/*"):
            data = path.read_bytes()
            if data[:2] == b"\x1f\x8b":
                data = gzip.decompress(data)
            assert f",S={len(data)}" in path.name
        assert verify(server)[0] == 0


def test_verify_reads_compressed_mail():
    more = "mail_plugins = $mail_plugins compress\nplugin {{\n  zlib_save = gz\n}}\n"
    with culver.Server(config=config("maildir") + more) as server:
        fill(server)
        good = fetch(server)
        files = sorted((server.home("alice") / "box").glob("*/*,S=*"))
        path = next(p for p in files if b"number 5\n" in gzip.decompress(p.read_bytes()))
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0x55
        path.write_bytes(data)
        status, problems, boxes = verify(server)
        assert status == DATA_ERROR and boxes["INBOX"] == (COUNT, 1)
        assert [(p["uid"], p["file"]) for p in problems] == [("5", str(path))]
        done, report = transfer(server, "backup", f"sdbox:{server.home('alice')}/copy")
        assert done.returncode == DATA_ERROR and report["local"]["damaged"] == "1"
        named(done.stderr, 5)
        assert fetch(server, location=f"sdbox:{server.home('alice')}/copy") == without(good)


@pytest.mark.skipif(not dovecot.available(), reason="no Dovecot")
@pytest.mark.parametrize("kind", ["sdbox", "mdbox"])
def test_verify_reads_trees_of_dovecot(kind):
    """Before Culver has ever opened them, and after."""
    with culver.Server(config=config(kind)) as server:
        with dovecot.Dovecot(config=dovecot.CONFIG.replace("maildir:~/Maildir",
                                                           f"{kind}:~/box")) as theirs:
            fill(theirs)
            shutil.copytree(theirs.home("alice") / "box", server.home("alice") / "box")
        own(server.home("alice"))
        before = snapshot(server)
        status, problems, boxes = verify(server)
        assert (status, problems) == (0, []) and boxes == {"INBOX": (COUNT, 0), "Work": (COUNT, 0)}
        assert snapshot(server) == before
        server.adm("mailbox", "status", "-u", "alice", "messages", "*")
        path, at = file_of(server, kind, 5) if kind == "mdbox" else \
            next((p, 0) for p in (server.home("alice") / "box").rglob("INBOX/dbox-Mails/u.*")
                 if b"number 5" in p.read_bytes())
        if kind == "sdbox":
            os.truncate(path, 250)
        else:   # its head says that it is longer than the file
            data = path.read_bytes()
            head = data.rindex(b"\x01\x02N", 0, at)
            path.write_bytes(data[:head + 14] + b"00FFFFFF" + data[head + 22:])
        status, problems, boxes = verify(server)
        assert status == DATA_ERROR and boxes["INBOX"] == (COUNT, 1), problems
        assert [(p["uid"], p["file"]) for p in problems] == [("5", str(path))]
        done, report = transfer(server, "backup", f"maildir:{server.home('alice')}/copy")
        assert done.returncode == DATA_ERROR and report["local"]["damaged"] == "1"
        named(done.stderr, 5)


# --- byte for byte --------------------------------------------------------------

def test_nul_stays_nul_from_store_to_store():
    """Only in a literal it becomes 0x80 [RFC9051 4.3]."""
    with culver.Server(config=config("maildir")) as server:
        fill(server)
        box = server.home("alice") / "box"
        odd = b"Subject: nul\n\nbefore\0after\n\0\0\n\x80 stays\n"
        path = box / "cur" / f"{int(time.time())}.M1P1.nul:2,S"
        path.write_bytes(odd)
        own(path)
        # as a program writes that knows of nothing but files
        uid = str(COUNT + 1)
        client = server.imap()
        client.select("INBOX")
        wire = client.uid("fetch", uid, "(BODY.PEEK[])")[1][0][1]
        assert wire == odd.replace(b"\0", b"\x80").replace(b"\n", b"\r\n")
        # a copy, a move and a new message from a part are no literals either
        assert client.create("Copies")[0] == "OK"
        assert client.uid("copy", uid, "Copies")[0] == "OK"
        client.logout()
        home, last = server.home("alice"), f"maildir:{box}"
        for kind in ("mbox", "sdbox", "mdbox", "maildir"):
            here = f"{kind}:{home}/{kind}-nul"
            done = server.adm("-o", f"mail_location={here}", "backup", "-u", "alice", "-R", last,
                              check=False)
            assert done.returncode == 0, done.stderr
            raw = subprocess.run([culver.PREFIX / "bin" / "culveradm", "-c", server.config, "-o",
                                  f"mail_location={here}", "fetch", "-u", "alice", "text",
                                  "mailbox", "INBOX", "subject", "nul"], stdout=subprocess.PIPE,
                                 check=True).stdout
            assert raw == b"text:\n" + odd, kind
            last = here
        ends = [p.read_bytes() for p in (home / "maildir-nul").rglob("*,S=*")
                if b"Subject: nul" in p.read_bytes()]
        assert ends == [odd, odd]


@pytest.mark.parametrize("kind", ["maildir", "sdbox", "mdbox"])
def test_a_mailbox_made_again_does_not_get_the_mail_of_the_removed_one(kind):
    with culver.Server(config=config(kind)) as server:
        client = server.imap()
        client.create("again")
        for n in range(3):
            client.append("again", None, None, message(n))
        client.delete("again")
        client.create("again")
        client.append("again", None, None, message(9))
        client.logout()
        assert server.adm("verify", "-u", "alice", check=False).returncode == 0
        server.adm("force-resync", "-u", "alice", "*")
        client = server.imap()
        client.select("again")
        assert len(fetch_all(client)) == 1


def fetch_all(client):
    return [x for x in client.fetch("1:*", "(UID)")[1] if x]
