"""What each reader has seen of a public mailbox, as Dovecot has kept it below
INDEXPVT=, is taken over; and what one session of a reader marks, the others of
his hear of."""
import os
import pathlib
import re
import shutil
import subprocess
import time

import pytest

import culver
import dovecot
from test_namespaces import config
from test_private_seen import NEEDS_DOVECOT, of_flags, users
from test_shared import SHARED, UIDS, Shared

SPACES = """\
namespace inbox {{
  inbox = yes
  separator = /
}}
namespace pub {{
  type = public
  separator = /
  prefix = Public/
  location = {location}:INDEXPVT=~/seen
  subscriptions = no
}}
"""
LOCATIONS = {
    "maildir": "maildir:{dir}/public",
    "fs": "maildir:{dir}/public:LAYOUT=fs",
    "utf8": "maildir:{dir}/public:UTF-8",
    "sdbox": "sdbox:{dir}/public",
    "mdbox": "mdbox:{dir}/public",
    "mbox": "mbox:{dir}/public",
}
MAIL = b"From: <a@example.org>\r\nSubject: %d\r\n\r\nbody %d\r\n"
BOXES = ["Public/news", "Public/dir/B&AOQ-r"]


def spaces(location):
    return SPACES.replace("{location}", LOCATIONS[location]).replace("{{", "{").replace("}}", "}")


def login(server, who):
    raw = server.raw()
    raw.line()
    assert b" OK " in raw.command(f"login {who} secret")[-1]
    return raw


def prepare(server):
    public = server.dir / "public"
    public.mkdir()
    if culver.IS_ROOT:
        shutil.chown(public, culver.MAIL_USER, culver.MAIL_GROUP)


def work(server):
    """Something to take over: flags set, unset, by COPY and by APPEND."""
    alice, bob = login(server, "alice"), login(server, "bob")
    for box in BOXES:
        assert b" OK " in alice.command(f"CREATE {box}")[-1]
        for i in range(12):
            flags = b"(\\Seen)" if i == 7 else b"(\\Flagged)" if i == 8 else b"()"
            alice.send(b"a APPEND %s %s {%d}\r\n" % (box.encode(), flags, len(MAIL % (i, i))))
            alice.line()
            alice.send(MAIL % (i, i) + b"\r\n")
            alice.until("a")
        for raw, steps in ((alice, ["STORE 1:2 +FLAGS (\\Seen)", "STORE 2 -FLAGS (\\Seen)",
                                    "STORE 4 +FLAGS (\\Seen)"]),
                           (bob, ["STORE 3:6 +FLAGS (\\Seen)", "FETCH 9 BODY[]",
                                  "STORE 1 +FLAGS (\\Deleted \\Seen)", "EXPUNGE",
                                  "STORE 1 +FLAGS (\\Answered)"])):
            for step in [f"SELECT {box}"] + steps + ["CLOSE"]:
                assert b" OK " in raw.command(step)[-1], step
    for raw in (alice, bob):
        raw.command("LOGOUT")


def view(server):
    said = {}
    for who in ("alice", "bob"):
        raw = login(server, who)
        for box in BOXES:
            lines = [raw.command(f"STATUS {box} (MESSAGES UNSEEN)")[0]]
            assert b" OK " in raw.command(f"SELECT {box}")[-1]
            lines += raw.command("FETCH 1:* (UID FLAGS)")[:-1]
            lines += raw.command("SEARCH UNSEEN")[:-1]
            said[who, box] = [of_flags(line.decode()) for line in lines]
        raw.command("LOGOUT")
    return said


@pytest.fixture(scope="module")
def left():
    """What Dovecot has left, and what it showed; by location."""
    made = {}

    def get(location):
        if location not in made:
            with dovecot.Dovecot(config=config(dovecot.CONFIG, spaces(location)),
                                 users=users()) as server:
                prepare(server)
                work(server)
                shown = view(server)
                server.stop()
                keep = pathlib.Path(f"{server.dir}.kept")
                subprocess.run(["cp", "-a", str(server.dir), keep], check=True)
            made[location] = (keep, shown)
        return made[location]

    yield get
    for keep, _ in made.values():
        shutil.rmtree(keep)


def put(server, kept):
    """The mail and what is private, in the place of this server's."""
    for found in [kept / "public", *kept.rglob("*/seen")]:
        to = server.dir / "public" if found.name == "public" else (
            server.home(found.parent.name) / "seen")
        os.makedirs(to.parent, exist_ok=True)
        subprocess.run(["cp", "-a", str(found), str(to)], check=True)
        if culver.IS_ROOT:
            for path in [to, to.parent, *to.rglob("*")]:
                if path != server.dir:
                    shutil.chown(path, culver.MAIL_USER, culver.MAIL_GROUP)


@NEEDS_DOVECOT
@pytest.mark.parametrize("location", LOCATIONS)
def test_what_dovecot_has_kept_is_taken_over(left, location):
    keep, theirs = left(location)
    with culver.Server(config=config(culver.CONFIG, spaces(location)), users=users()) as server:
        put(server, keep)
        ours = view(server)
        assert ours == theirs
        # once: what is unmarked here stays so, whatever lies there
        raw = login(server, "bob")
        raw.command(f"SELECT {BOXES[0]}")
        raw.command("STORE 1:* -FLAGS (\\Seen)")
        raw.command("LOGOUT")
        server.stop()
        server.start()
        raw = login(server, "bob")
        assert b"UNSEEN 11" in raw.command(f"STATUS {BOXES[0]} (UNSEEN)")[0]
        raw.command("LOGOUT")


@NEEDS_DOVECOT
def test_of_another_mailbox_of_that_name_nothing_is_taken(left):
    keep, _ = left("maildir")
    with culver.Server(config=config(culver.CONFIG, spaces("maildir")), users=users()) as server:
        put(server, keep)
        for path in (server.dir / "public").rglob("dovecot-uidlist"):
            text = path.read_text()
            path.write_text(re.sub(r" V\d+ ", " V77 ", text, count=1))
        said = view(server)
        assert not [line for lines in said.values() for line in lines if "\\Seen" in line]


@NEEDS_DOVECOT
def test_damage_there_is_logged_and_costs_nothing_else(left):
    keep, theirs = left("sdbox")
    with culver.Server(config=config(culver.CONFIG, spaces("sdbox")), users=users()) as server:
        put(server, keep)
        for path in (server.home("bob") / "seen").rglob("dovecot.index.pvt*"):
            path.write_bytes(os.urandom(300))
        said = view(server)
        for box in BOXES:
            assert said["alice", box] == theirs["alice", box]
            assert not [line for line in said["bob", box] if "\\Seen" in line]


def wait_line(raw, word):
    raw.sock.settimeout(15)
    line = raw.line()
    while word not in line:
        line = raw.line()
    return line


def test_another_session_of_the_reader_hears_of_it_at_once():
    with culver.Server(config=config(culver.CONFIG, spaces("maildir")), users=users()) as server:
        prepare(server)
        one, two, other = login(server, "bob"), login(server, "bob"), login(server, "alice")
        assert b" OK " in one.command("CREATE Public/news")[-1]
        for i in range(3):
            one.send(b"a APPEND Public/news {%d}\r\n" % len(MAIL % (i, i)))
            one.line()
            one.send(MAIL % (i, i) + b"\r\n")
            one.until("a")
        for raw in (one, two, other):
            assert b" OK " in raw.command("SELECT Public/news")[-1]
        two.send(b"i IDLE\r\n")
        assert two.line().startswith(b"+")
        time.sleep(0.3)
        begin = time.monotonic()
        one.command("STORE 2 +FLAGS (\\Seen)")
        assert b"* 2 FETCH" in (line := wait_line(two, b"FETCH")) and b"\\Seen" in line
        one.command("STORE 2 -FLAGS (\\Seen)")
        assert b"* 2 FETCH" in (line := wait_line(two, b"FETCH")) and b"\\Seen" not in line
        # what others do in the mailbox is heard as before
        other.command("STORE 3 +FLAGS (\\Flagged \\Seen)")
        assert b"* 3 FETCH" in (line := wait_line(two, b"FETCH"))
        assert b"\\Flagged" in line and b"\\Seen" not in line
        assert time.monotonic() - begin < 5
        two.send(b"DONE\r\n")
        two.until("i")
        one.command("STORE 1 +FLAGS.SILENT (\\Seen)")
        assert any(b"* 1 FETCH" in line and b"\\Seen" in line for line in two.command("NOOP"))
        assert not any(b"Seen" in line for line in other.command("NOOP"))
        for raw in (one, two, other):
            raw.command("LOGOUT")


@NEEDS_DOVECOT
def test_of_mail_that_single_users_share_too(left):
    """The owner's mail is behind a broker; what is private is the reader's."""
    keep, _ = left("maildir")
    found = next(path for path in keep.rglob("bob/seen/.news"))
    extra = SHARED.replace("%%h/Maildir", "%%h/Maildir:INDEXPVT=~/private/%%u")
    with Shared(extra) as server:
        alice = server.imap("alice")
        alice.create("news")
        for i in range(11):
            alice.append("news", "", None, MAIL % (i, i))
        server.grant("alice", "news", "user=bob", "lrs")
        new = int(re.search(rb"UIDVALIDITY (\d+)", alice.status("news", "(UIDVALIDITY)")[1][0])[1])
        uidlist = next(keep.glob("public/.news/dovecot-uidlist")).read_text()
        old = int(re.search(r"V(\d+)", uidlist)[1])
        place = server.home("bob") / "private" / "alice" / ".news"
        place.mkdir(parents=True)
        for path in found.iterdir():
            data = path.read_bytes()
            assert old.to_bytes(4, "little") in data
            (place / path.name).write_bytes(data.replace(old.to_bytes(4, "little"),
                                                         new.to_bytes(4, "little")))
        for path in [server.home("bob") / "private", place.parent, place, *place.iterdir()]:
            os.chown(path, UIDS["bob"], UIDS["bob"])
        bob = server.imap("bob")
        # 3 to 6, and 9, of which one was the eighth
        assert b"UNSEEN 6" in bob.status("shared/alice/news", "(UNSEEN)")[1][0]
        assert bob.select("shared/alice/news")[0] == "OK"
        assert bob.search(None, "SEEN")[1] == [b"3 4 5 6 9"]
        bob.store("3", "-FLAGS", "\\Seen")
        bob.logout()
        bob = server.imap("bob")
        bob.select("shared/alice/news")
        assert bob.search(None, "SEEN")[1] == [b"4 5 6 9"]
        bob.logout()
        alice.logout()
