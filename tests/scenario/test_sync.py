"""culveradm sync, backup and import: two stores, and two servers over a pipe."""
import json
import os
import random
import signal
import subprocess
import threading
import time

import pytest

import culver

BODY = "Subject: {subject}\r\nFrom: jane@example.org\r\nTo: alice@example.org\r\n" \
       "Date: Fri, 13 Apr 2007 10:00:00 +0200\r\nMessage-ID: <{n}@example.org>\r\n\r\n{body}\r\n"
FIELDS = "mailbox uid guid flags date.received text"
FLAGS = (r"\Seen", r"\Answered", r"\Flagged", r"\Draft", "work", "$Forwarded")


def message(n, size=0):
    return BODY.format(n=n, subject=f"number {n}", body=f"line {n}\r\n" * (size or n % 50 + 1)).encode()


def imap_date(seconds):
    return time.strftime('"%d-%b-%Y %H:%M:%S +0000"', time.gmtime(seconds))


def fill(server, count=60, user="alice", boxes=("INBOX", "Archive", "Archive/2007", "Grüße")):
    client = server.imap(user)
    names = [imap_utf7(b) for b in boxes]
    for name in names[1:]:
        client.create(f'"{name}"')
    client.subscribe('"Archive"')
    for n in range(count):
        flags = " ".join(f for bit, f in enumerate(FLAGS) if n >> bit & 1)
        typ, data = client.append(f'"{names[n % len(names)]}"', f"({flags})",
                                  imap_date(1176418800 + n * 86400), message(n))
        assert typ == "OK", data
    client.logout()


def imap_utf7(name):
    return name.replace("üß", "&APwA3w-")


def dump(server, location=None, user="alice", fields=FIELDS):
    """Every message as a sorted list of tuples."""
    words = ["-f", "json"]
    if location:
        words += ["-o", f"mail_location={location}"]
    out = server.adm(*words, "fetch", "-u", user, fields, "ALL").stdout
    rows = [tuple(row[f] for f in fields.split()) for row in json.loads(out)]
    return sorted(tuple(" ".join(sorted(set(v.split()) - {r"\Recent"})) if f == "flags" else v
                        for f, v in zip(fields.split(), row)) for row in rows)


def boxes(server, location=None, user="alice"):
    words = ["-o", f"mail_location={location}"] if location else []
    return sorted(server.adm(*words, "mailbox", "list", "-u", user).stdout.splitlines())


def run(server, verb, *words, user="alice", **kw):
    """The report as {"local": {...}, "other": {...}}."""
    done = server.adm("-f", "json", verb, "-u", user, *words, check=False, **kw)
    assert done.returncode == 0, done.stderr
    return {row.pop("store"): row for row in json.loads(done.stdout)}


def nothing(report):
    return all(int(v) == 0 for side in report.values() for v in side.values())


@pytest.fixture
def mail():
    with culver.Server() as server:
        yield server


def other(server, name="copy", driver="maildir"):
    return f"{driver}:{server.home('alice')}/{name}"


# --- one way -----------------------------------------------------------------

@pytest.mark.parametrize("layout", ["", ":LAYOUT=fs"])
def test_a_backup_is_an_exact_mirror(mail, layout):
    fill(mail)
    there = other(mail) + layout
    report = run(mail, "backup", there)
    assert report["other"]["saved"] == "60" and report["other"]["renumbered"] == "0"
    assert dump(mail) == dump(mail, there)
    assert boxes(mail) == boxes(mail, there)
    assert nothing(run(mail, "backup", there))


def test_a_backup_follows_every_change(mail):
    fill(mail)
    there = other(mail)
    run(mail, "backup", there)
    client = mail.imap()
    client.select("INBOX")
    client.store("1:5", "+FLAGS", r"(\Deleted)")
    client.expunge()
    client.store("1:3", "FLAGS", r"(\Seen other)")
    client.append("INBOX", None, None, message(1000))
    client.create("New")
    client.rename("Archive", "Attic")
    client.unsubscribe("Archive")
    client.subscribe("New")
    client.delete(f'"{imap_utf7("Grüße")}"')
    client.logout()
    dry = run(mail, "backup", "--dry-run", there)
    report = run(mail, "backup", there)
    assert dry["other"]["saved"] == report["other"]["saved"] == "1"
    assert report["other"]["expunged"] == "5" and int(report["other"]["renamed"]) == 1
    assert dump(mail) == dump(mail, there)
    assert boxes(mail) == boxes(mail, there)
    assert nothing(run(mail, "backup", there))


def modseqs(server, location=None, user="alice"):
    """{mailbox: (HIGHESTMODSEQ, {uid: modseq})}"""
    words = ["-o", f"mail_location={location}"] if location else []
    rows = dump(server, location, user, "mailbox uid modseq")
    status = json.loads(server.adm("-f", "json", *words, "mailbox", "status", "-u", user,
                                   "highestmodseq", "*").stdout)
    return {row["mailbox"]: (int(row["highestmodseq"]),
                             {uid: int(m) for box, uid, m in rows if box == row["mailbox"]})
            for row in status}


@pytest.mark.parametrize("way", ["location", "pipe"])
def test_modseqs_come_along(mail, way):
    fill(mail)
    client = mail.imap()
    client.select("INBOX")
    client.store("3", "+FLAGS", r"(\Flagged)")
    client.store("1", "-FLAGS", r"(\Seen)")
    client.store("1", "+FLAGS", r"(\Draft)")
    there = other(mail)
    if way == "pipe":
        there = None
        run(mail, "backup", *pipe(mail))
        before, after = modseqs(mail), modseqs(mail, user="bob")
    else:
        run(mail, "backup", there)
        before, after = modseqs(mail), modseqs(mail, there)
    assert before.keys() == after.keys()
    for box, (highest, messages) in before.items():
        assert after[box][1] == messages, box
        assert len(set(messages.values())) > 10 or not messages
        assert after[box][0] >= highest
    # what clients of the target know already they learn anew: a higher one
    if way == "location":
        client.store("2", "+FLAGS", "(changed)")
        client.append("INBOX", None, None, message(1000))
        run(mail, "backup", there)
        again = modseqs(mail, there)["INBOX"]
        changed = {u for u, m in again[1].items() if after["INBOX"][1].get(u) != m}
        assert len(changed) == 2
        assert all(again[1][u] > after["INBOX"][0] for u in changed)
        assert again[0] > modseqs(mail)["INBOX"][0]
    client.logout()


def test_a_target_whose_numbers_are_behind_is_raised(mail):
    """An older account as target: HIGHESTMODSEQ is not below the source's."""
    there = other(mail)
    mail.adm("-o", f"mail_location={there}", "mailbox", "create", "-u", "alice", "Old")
    fill(mail)
    copy = other(mail, "third")
    run(mail, "backup", there)
    far = modseqs(mail)["INBOX"][0]
    assert modseqs(mail, there)["INBOX"][0] >= far
    run(mail, "backup", copy)
    client = mail.imap()
    client.select("INBOX")
    for n in range(60):
        client.store("1", "+FLAGS" if n % 2 else "-FLAGS", r"(\Flagged)")
    client.logout()
    run(mail, "backup", there)
    for box, (highest, _) in modseqs(mail).items():
        assert modseqs(mail, there)[box][0] >= highest, box
    assert nothing(run(mail, "backup", there))


def test_a_target_with_other_messages_becomes_a_mirror(mail):
    fill(mail)
    there = other(mail)
    for n in range(30):
        subprocess.run([culver.PREFIX / "bin" / "culveradm", "-c", mail.config, "-o",
                        f"mail_location={there}", "save", "-u", "alice"], input=message(n),
                       check=True)
    run(mail, "backup", there)
    assert dump(mail) == dump(mail, there)


def test_backup_r_goes_the_other_way(mail):
    fill(mail)
    there = other(mail)
    run(mail, "backup", there)
    before = dump(mail)
    client = mail.imap()
    client.select("INBOX")
    client.store("1:*", "+FLAGS", r"(\Deleted)")
    client.expunge()
    client.logout()
    run(mail, "backup", "-R", there)
    assert dump(mail) == before


def test_a_source_that_is_not_there_empties_nothing(mail):
    fill(mail, 6)
    before = dump(mail)
    missing = mail.home("alice") / "tyop"
    for words in (["backup", "-R", "-u", "alice", f"maildir:{missing}"],
                  ["import", "-u", "alice", f"maildir:{missing}", "Old", "ALL"]):
        done = mail.adm(*words, check=False)
        assert done.returncode == 68 and "there is no mail in" in done.stderr, done
        assert not missing.exists() and dump(mail) == before


def test_a_source_that_was_made_just_now_empties_nothing(mail):
    fill(mail, 6)
    run(mail, "backup", other(mail))
    before = dump(mail, other(mail))
    # where the mail of all is, nothing is mounted
    home = mail.home("alice")
    (home / "Maildir").rename(home / "elsewhere")
    for words in ([other(mail)],
                  [culver.PREFIX / "bin" / "culveradm", "-c", mail.config,
                   "-o", f"mail_location={other(mail)}", "sync-server", "-u", "alice"]):
        done = mail.adm("backup", "-u", "alice", *words, check=False)
        assert done.returncode == 1 and "never been a message" in done.stderr
        assert dump(mail, other(mail)) == before
    assert mail.adm("backup", "-f", "-u", "alice", other(mail)).returncode == 0
    assert dump(mail, other(mail)) == []


def test_the_same_store_twice_is_refused(mail):
    fill(mail, 4)
    done = mail.adm("backup", "-u", "alice", other(mail, "Maildir"), check=False)
    assert done.returncode != 0 and "is the user's mail itself" in done.stderr


# --- both ways ------------------------------------------------------------------

def edit(server, location, *words):
    return server.adm("-o", f"mail_location={location}", words[0], "-u", "alice", *words[1:])


def save(server, location, n, box="INBOX"):
    subprocess.run([culver.PREFIX / "bin" / "culveradm", "-c", server.config, "-o",
                    f"mail_location={location}", "save", "-u", "alice", "-m", box],
                   input=message(n), check=True)


CONTENT = "mailbox guid flags date.received text"


def test_changes_of_both_sides_are_merged(mail):
    fill(mail)
    here, there = other(mail, "Maildir"), other(mail)
    run(mail, "sync", there)
    assert dump(mail, here) == dump(mail, there)
    assert nothing(run(mail, "sync", there))
    edit(mail, here, "flags", "add", r"\Flagged mine", "mailbox", "INBOX", "UID", "1:4")
    edit(mail, there, "flags", "remove", r"\Seen work", "mailbox", "INBOX", "UID", "1:8")
    edit(mail, here, "expunge", "mailbox", "Archive", "UID", "1:3")
    edit(mail, there, "expunge", "mailbox", "Archive", "UID", "5:6")
    save(mail, here, 500)
    save(mail, there, 501)
    save(mail, there, 502, "Archive/2007")
    report = run(mail, "sync", there)
    assert dump(mail, here, fields=CONTENT) == dump(mail, there, fields=CONTENT)
    texts = [row[4] for row in dump(mail, here, fields=CONTENT)]
    assert sum("number 50" in t and "<50" in t for t in texts) == 4  # 50, 500, 501, 502
    assert len(texts) == 60 - 5 + 3
    assert report["local"]["expunged"] == "2" and report["other"]["expunged"] == "3"
    assert report["local"]["saved"] == "2" and report["other"]["saved"] == "1"
    inbox = {row[1]: row[3] for row in dump(mail, here) if row[0] == "INBOX"}
    assert "mine" in inbox["1"] and "work" not in inbox["1"]
    assert nothing(run(mail, "sync", there))


def status(server, location, *names):
    rows = json.loads(server.adm("-f", "json", "-o", f"mail_location={location}", "mailbox", "status",
                                 "-u", "alice", "uidvalidity guid", *names).stdout)
    return {row["mailbox"]: (row["uidvalidity"], row["guid"]) for row in rows}


def test_what_was_never_used_becomes_the_other(mail):
    """Also INBOX, which is there before: clients that know one know the other."""
    fill(mail)
    here, there = other(mail, "Maildir"), other(mail)
    assert status(mail, here, "INBOX") != status(mail, there, "INBOX")
    run(mail, "sync", there)
    names = ("INBOX", "Archive", "Archive/2007")
    assert status(mail, here, *names) == status(mail, there, *names)
    assert dump(mail, here) == dump(mail, there)
    assert nothing(run(mail, "sync", there))


def test_a_mask_is_for_subscriptions_too(mail):
    fill(mail)
    there = other(mail)
    mail.adm("mailbox", "subscribe", "-u", "alice", "Archive/2007", "Never")
    subscribed = lambda: mail.adm("-o", f"mail_location={there}", "mailbox", "list", "-s", "-u",
                                  "alice").stdout.split()
    run(mail, "sync", "-m", "Archive/2007", there)
    assert "Archive/2007" in subscribed() and not {"Archive", "Never"} & set(subscribed())
    run(mail, "sync", "-x", "Never", there)
    assert "Archive" in subscribed() and "Never" not in subscribed()
    run(mail, "sync", there)
    assert {"Archive", "Archive/2007", "Never"} <= set(subscribed())
    assert nothing(run(mail, "sync", there))


def test_mailboxes_are_made_renamed_and_removed_both_ways(mail):
    fill(mail)
    here, there = other(mail, "Maildir"), other(mail)
    run(mail, "sync", there)
    adm = lambda loc, *w: mail.adm("-o", f"mail_location={loc}", "mailbox", w[0], "-u", "alice",
                                   *w[1:])
    adm(here, "create", "Only here")
    adm(there, "create", "Only there")
    adm(here, "rename", "Archive/2007", "Archive/Old")
    adm(there, "delete", "Grüße")
    adm(there, "subscribe", "Only there")
    adm(here, "unsubscribe", "Archive")
    adm(here, "metadata", "set", "Archive", "/private/comment", "kept")
    run(mail, "sync", there)
    assert boxes(mail, here) == boxes(mail, there)
    assert "Grüße" not in boxes(mail, here) and "Archive/Old" in boxes(mail, there)
    assert {"Only here", "Only there"} <= set(boxes(mail, here))
    subs = [mail.adm("-o", f"mail_location={loc}", "mailbox", "list", "-s", "-u", "alice").stdout
            for loc in (here, there)]
    assert subs[0] == subs[1] and "Only there" in subs[0] and "Archive" not in subs[0]
    assert "kept" in adm(there, "metadata", "get", "Archive", "/private/comment").stdout
    adm(there, "metadata", "unset", "Archive", "/private/comment")
    run(mail, "sync", there)
    assert "kept" not in adm(here, "metadata", "get", "Archive", "/private/comment").stdout \
        if mail.adm("-o", f"mail_location={here}", "mailbox", "metadata", "get", "-u", "alice",
                    "Archive", "/private/comment", check=False).returncode == 0 else True
    assert dump(mail, here) == dump(mail, there)
    assert nothing(run(mail, "sync", there))


def test_a_deleted_mailbox_with_new_mail_comes_back(mail):
    fill(mail)
    here, there = other(mail, "Maildir"), other(mail)
    run(mail, "sync", there)
    mail.adm("-o", f"mail_location={there}", "mailbox", "delete", "-u", "alice", "Archive/2007")
    save(mail, here, 700, "Archive/2007")
    run(mail, "sync", there)
    assert "Archive/2007" in boxes(mail, there)
    assert dump(mail, here, fields=CONTENT) == dump(mail, there, fields=CONTENT)


def test_without_the_state_nothing_is_lost(mail):
    fill(mail)
    here, there = other(mail, "Maildir"), other(mail)
    run(mail, "sync", there)
    edit(mail, here, "expunge", "mailbox", "INBOX", "UID", "1:3")
    for path in (mail.home("alice") / ".culver-sync").iterdir():
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    run(mail, "sync", there)
    assert len(dump(mail, here)) == len(dump(mail, there)) == 60


# --- over a pipe ------------------------------------------------------------------

def pipe(server, user="bob"):
    return [str(culver.PREFIX / "bin" / "culveradm"), "-c", str(server.config), "sync-server",
            "-u", user]


def test_two_servers_over_a_pipe(mail):
    with culver.Server() as second:
        fill(mail)
        run(mail, "sync", *pipe(second, "%n"))
        assert dump(mail) == dump(second)
        fill(second, 8, boxes=("INBOX", "Second"))
        run(mail, "sync", *pipe(second, "alice"))
        assert dump(mail, fields=CONTENT) == dump(second, fields=CONTENT)
        assert nothing(run(mail, "sync", *pipe(second, "alice")))
        run(mail, "backup", *pipe(second))
        assert dump(mail) == dump(second, user="bob")
        run(mail, "backup", "-R", *pipe(second), user="bob")
        assert dump(mail) == dump(mail, user="bob")


@pytest.mark.parametrize("words", [
    ["cat"], ["true"], ["false"], ["head", "-c", "100", "/dev/urandom"],
    ["sh", "-c", r"printf '\377\377\377\177\001'; cat >/dev/null"],
    ["/nonexistent/command"]])
def test_nonsense_from_the_other_end_ends_the_run(mail, words):
    fill(mail, 4)
    before = dump(mail)
    done = mail.adm("sync", "-u", "alice", *words, check=False)
    assert done.returncode not in (0, -signal.SIGSEGV, -signal.SIGABRT)
    assert "killed by signal" not in done.stderr and done.stderr
    assert dump(mail) == before


def test_a_server_survives_nonsense(mail):
    fill(mail, 4)
    rng = random.Random(7)
    hello = frame(1, string(b"culver-sync") + u32(2) + u32(2))
    for n in range(150):
        kind = rng.randrange(0, 30)
        body = bytes(rng.randrange(256) for _ in range(rng.randrange(60)))
        if n % 3 == 0:
            body = string(b"INBOX") + body
        done = subprocess.run(pipe(mail, "bob"), input=hello + frame(kind, body) +
                              frame(kind, body[::-1]), capture_output=True, timeout=30)
        assert b"killed by signal" not in done.stderr, (kind, body)
        assert done.stdout[4:5] == b"\x01"


def u32(n):
    return n.to_bytes(4, "little")


def string(s):
    return u32(len(s)) + s


def frame(kind, body=b""):
    return u32(len(body) + 1) + bytes([kind]) + body


# --- kills, load -------------------------------------------------------------------

def start(server, *words):
    return subprocess.Popen([culver.PREFIX / "bin" / "culveradm", "-c", server.config, *words],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            start_new_session=True)


@pytest.mark.parametrize("verb", ["sync", "backup"])
def test_killed_at_any_point_it_ends_the_same(mail, verb):
    fill(mail, 400)
    there = other(mail)
    if verb == "sync":
        save(mail, there, 900)
        save(mail, there, 901, "INBOX")
    rng = random.Random(3)
    for n in range(25):
        process = start(mail, verb, "-u", "alice", there)
        time.sleep(0.02 + n * 0.012 + rng.random() * 0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    run(mail, verb, there)
    here = dump(mail, fields=CONTENT)
    assert here == dump(mail, there, fields=CONTENT)
    assert len(here) == 400 + (2 if verb == "sync" else 0)
    assert len(set(row[4] for row in here)) == len(here)
    run(mail, verb, there)
    assert nothing(run(mail, verb, there))


def test_a_hot_backup_is_consistent(mail):
    fill(mail, 100)
    there = other(mail)
    stop = threading.Event()
    delivered = []

    def deliver():
        n = 5000
        while not stop.is_set():
            mail.deliver(message(n))
            delivered.append(n)
            n += 1

    def use():
        client = mail.imap()
        client.select("INBOX")
        n = 6000
        while not stop.is_set():
            client.store("1:3", "+FLAGS" if n % 2 else "-FLAGS", r"(\Flagged)")
            client.append("INBOX", None, None, message(n))
            client.store("2", "+FLAGS", r"(\Deleted)")
            client.expunge()
            n += 1
        client.logout()

    threads = [threading.Thread(target=f) for f in (deliver, use)]
    for t in threads:
        t.start()
    try:
        for _ in range(6):
            run(mail, "backup", there)
            rows = dump(mail, there)
            uids = [row[1] for row in rows if row[0] == "INBOX"]
            assert len(uids) == len(set(uids))
            assert all(row[5].startswith("Subject: number") or "Subject: number" in row[5]
                       for row in rows)
    finally:
        stop.set()
        for t in threads:
            t.join()
    assert len(delivered) > 5
    run(mail, "backup", there)
    assert dump(mail) == dump(mail, there)


# --- import ------------------------------------------------------------------------

def test_import_adds_below_a_mailbox_and_never_twice(mail):
    fill(mail)
    source = other(mail, "Maildir")
    words = ["-f", "json", "import", "-u", "bob", "-s", source, "Old", "SEEN"]
    report = json.loads(mail.adm(*words).stdout)[0]
    seen = [row for row in dump(mail) if r"\Seen" in row[3]]
    got = dump(mail, user="bob")
    assert len(got) == len(seen) == int(report["saved"])
    assert {row[0] for row in got} == {"Old/" + row[0] for row in seen}
    assert sorted(row[2:] for row in got) == sorted(row[2:] for row in seen)
    assert "Old/Archive" in mail.adm("mailbox", "list", "-s", "-u", "bob").stdout
    assert json.loads(mail.adm(*words).stdout)[0]["saved"] == "0"


def test_an_import_of_the_same_store_is_refused(mail):
    """It would double the user's mail."""
    fill(mail, 4)
    before = dump(mail)
    done = mail.adm("import", "-u", "alice", other(mail, "Maildir"), "Old", "ALL", check=False)
    assert done.returncode != 0 and "is the user's mail itself" in done.stderr
    assert dump(mail) == before


# --- around through all stores ----------------------------------------------------------

def drivers():
    have = {p.stem for p in (culver.PREFIX / "lib" / "culver" / "plugins").glob("*.so")} \
        if (culver.PREFIX / "lib" / "culver" / "plugins").is_dir() else \
        {p.stem for p in culver.PREFIX.rglob("storage-*.so")}
    way = []
    if "storage-mbox" in have:
        way.append("mbox:{}/mbox")
    way.append("maildir:{}/m1")
    if "storage-dbox" in have:
        way += ["sdbox:{}/sd", "mdbox:{}/md"]
    way += ["maildir:{}/m2:LAYOUT=fs"]
    return way + ([way[0].replace("/mbox", "/mbox2")] if way[0].startswith("mbox") else [])


@pytest.mark.parametrize("count", [500, pytest.param(10000, marks=pytest.mark.slow)])
def test_around_through_all_stores_nothing_changes(mail, count):
    """mbox, Maildir, sdbox, mdbox, Maildir and mbox again: each has every byte, flag and date."""
    fill(mail, count, boxes=("INBOX", "Archive", "Sent"))
    client = mail.imap()
    for body in (b"From me\r\n>From you\r\n>>From them\r\n\r\nFrom all\r\n", b"no end of line",
                 b"\xff\xfe 8 bits \x80\r\n", b"", b"\r\n\r\n\r\n", b"." * 2000 + b"\r\n.\r\n"):
        assert client.append("Sent", r"(\Seen $Odd)", imap_date(1176418800),
                             message(0).replace(b"line 0\r\n", b"") + body)[0] == "OK"
    client.logout()
    before = dump(mail)
    assert len(before) == count + 6
    at = other(mail, "Maildir")
    for location in drivers():
        location = location.format(mail.home("alice"))
        mail.adm("-o", f"mail_location={at}", "backup", "-u", "alice", location, timeout=600)
        assert dump(mail, location) == before, location
        at = location


# --- one mailbox, one identity -----------------------------------------------------------

def ids(server, user="alice", location=None):
    words = ["-o", f"mail_location={location}"] if location else []
    out = server.adm(*words, "-f", "json", "mailbox", "status", "-u", user, "guid", "*").stdout
    return {row["mailbox"]: row["guid"] for row in json.loads(out)}


@pytest.mark.parametrize("verb", ["sync", "backup"])
@pytest.mark.parametrize("end", ["location", "pipe"])
def test_object_ids_are_the_same_at_both_ends(mail, verb, end):
    fill(mail, 8)
    with culver.Server() as second:
        words = [other(mail)] if end == "location" else pipe(second, "%n")
        if end == "pipe":       # they exist, and were never used
            client = second.imap()
            client.create("Archive")
            client.logout()
        there = {"server": second} if end == "pipe" else {"server": mail, "location": words[0]}
        before = ids(mail)
        run(mail, verb, *words)
        assert ids(mail) == before
        theirs = ids(**there)
        assert {k: v for k, v in theirs.items() if k in before} == before
        assert nothing(run(mail, verb, *words))


def test_an_inbox_in_use_keeps_its_id_and_that_is_said(mail):
    fill(mail, 4)
    with culver.Server() as second:
        client = second.imap()
        client.append("INBOX", None, None, message(77))
        client.logout()
        here, there = ids(mail), ids(second)
        done = mail.adm("sync", "-u", "alice", *pipe(second, "%n"))
        assert "INBOX keeps its own object id" in done.stderr
        assert ids(mail)["INBOX"] == here["INBOX"] and ids(second)["INBOX"] == there["INBOX"]
        assert ids(second)["Archive"] == here["Archive"]
        assert nothing(run(mail, "sync", *pipe(second, "%n")))
