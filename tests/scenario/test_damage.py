"""Damaged messages: named and left out by every transfer, never copied wrong, and
found by culveradm verify, which changes nothing."""
import gzip
import json
import os
import re
import shutil
import subprocess
import time

import pytest

import culver

DATA_ERROR = 65     # EX_DATAERR
COUNT = 7


def config(kind, more=""):
    # what is in the journal is read there
    return culver.CONFIG.replace("maildir:~/Maildir", f"{kind}:~/box{more}") + \
        "\nmail_journal_body_max = 0\n"


def message(n, size=0):
    return (f"From: jane@example.org\r\nSubject: number {n}\r\n\r\n"
            + f"line {n}\r\n" * (size or 40)).encode()


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
            os.chown(path, stat.st_uid, stat.st_gid)
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
