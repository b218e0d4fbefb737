"""INDEXPVT: what each reader of a public mailbox has seen is his own, the same
as with Debian's Dovecot."""
import re
import shutil

import pytest

import culver
import dovecot
from test_namespaces import config

NEEDS_DOVECOT = pytest.mark.skipif(not dovecot.available(), reason="needs Debian's Dovecot and root")

SPACES = """\
namespace inbox {
  inbox = yes
  separator = /
}
namespace pub {
  type = public
  separator = /
  prefix = Public/
  location = maildir:{dir}/public:INDEXPVT=~/seen
  subscriptions = no
}
"""
MAIL = b"From: <a@example.org>\r\nSubject: %d\r\n\r\nbody %d\r\n"

# who, and what; "APPEND name flags" sends a message
SCRIPT = [
    ("alice", "CREATE Public/news"),
    ("alice", "APPEND Public/news ()"), ("alice", "APPEND Public/news (\\Seen)"),
    ("alice", "APPEND Public/news (\\Flagged)"),
    ("alice", "STATUS Public/news (MESSAGES UNSEEN)"),
    ("bob", "STATUS Public/news (MESSAGES UNSEEN)"),
    ("bob", "SELECT Public/news"), ("bob", "FETCH 1:* FLAGS"),
    ("alice", "SELECT Public/news"), ("alice", "FETCH 1:* FLAGS"),
    ("alice", "STORE 1 +FLAGS (\\Seen \\Answered)"), ("bob", "NOOP"),
    ("bob", "FETCH 1:* FLAGS"), ("bob", "STORE 3 +FLAGS.SILENT (\\Seen)"),
    ("bob", "FETCH 2 BODY[TEXT]"), ("bob", "FETCH 1:* FLAGS"),
    ("alice", "NOOP"), ("alice", "FETCH 1:* FLAGS"),
    ("alice", "SEARCH UNSEEN"), ("bob", "SEARCH UNSEEN"),
    ("alice", "SEARCH SEEN FLAGGED"), ("bob", "SEARCH SEEN FLAGGED"),
    ("bob", "SEARCH NOT SEEN"), ("bob", "SEARCH OR SEEN ANSWERED"),
    ("alice", "STORE 2 -FLAGS (\\Seen)"), ("alice", "STORE 3 FLAGS (\\Draft)"),
    ("alice", "FETCH 1:* FLAGS"), ("bob", "NOOP"), ("bob", "FETCH 1:* FLAGS"),
    ("bob", "STATUS Public/news (UNSEEN)"), ("alice", "STATUS Public/news (UNSEEN)"),
    # out of it, within it, and into it
    ("bob", "COPY 1:3 INBOX"), ("bob", "STATUS INBOX (MESSAGES UNSEEN)"),
    ("alice", "CREATE Public/other"), ("bob", "COPY 1:3 Public/other"),
    ("alice", "STATUS Public/other (MESSAGES UNSEEN)"),
    ("bob", "SELECT INBOX"), ("bob", "FETCH 1:* FLAGS"), ("bob", "COPY 2:3 Public/other"),
    ("bob", "SELECT Public/other"), ("bob", "FETCH 1:* FLAGS"),
    ("bob", "MOVE 5 INBOX"), ("bob", "SELECT INBOX"), ("bob", "FETCH 1:* FLAGS"),
    ("alice", "SELECT Public/other"), ("alice", "FETCH 1:* FLAGS"),
    ("alice", "STORE 1:2 +FLAGS (\\Deleted \\Seen)"), ("alice", "EXPUNGE"),
    ("alice", "FETCH 1:* FLAGS"), ("bob", "SELECT Public/other"), ("bob", "FETCH 1:* FLAGS"),
]


def of_flags(line):
    """What is compared: flags and numbers, without \\Recent."""
    line = re.sub(r"\(([^()]*)\)",
                  lambda m: "(" + " ".join(sorted(set(m[1].split()) - {"\\Recent"})) + ")", line)
    return line.replace('"', "").rstrip()


def append(raw, line):
    _, name, flags = line.split(" ", 2)
    raw.send(b"a APPEND %s %s {%d}\r\n" % (name.encode(), flags.encode(), len(MAIL % (1, 1))))
    raw.line()
    raw.send(MAIL % (1, 1) + b"\r\n")
    return [line for line in raw.until("a") if b" EXISTS" not in line and b" RECENT" not in line]


def play(server):
    public = server.dir / "public"
    public.mkdir()
    if culver.IS_ROOT:
        shutil.chown(public, culver.MAIL_USER, culver.MAIL_GROUP)
    raws = {who: server.raw() for who in ("alice", "bob")}
    said = []
    for who, raw in raws.items():
        raw.line()
        assert b" OK " in raw.command(f"login {who} secret")[-1]
    for who, what in SCRIPT:
        raw = raws[who]
        *untagged, tagged = (append(raw, what) if what.startswith("APPEND ")
                             else raw.command(what))
        lines = [of_flags(line.decode()) for line in untagged
                 if re.search(rb"FETCH|SEARCH|STATUS|EXPUNGE", line)]
        # changes of \Seen by others, which both tell needlessly, come when they will
        if what in ("NOOP", "EXPUNGE", "SELECT INBOX"):
            lines = [line for line in lines if "FETCH" not in line]
        said.append((who, what, lines, tagged.split()[1].decode()))
    for raw in raws.values():
        raw.close()
    return said


def users():
    return {"alice": "secret", "bob": "secret"}


@NEEDS_DOVECOT
def test_it_is_as_with_dovecot():
    with dovecot.Dovecot(config=config(dovecot.CONFIG, SPACES), users=users()) as server:
        theirs = play(server)
    with culver.Server(config=config(culver.CONFIG, SPACES), users=users()) as server:
        ours = play(server)
    for their, our in zip(theirs, ours):
        assert our == their


def test_it_lasts_and_shows_no_file_flag():
    with culver.Server(config=config(culver.CONFIG, SPACES), users=users()) as server:
        play(server)
        names = [p.name for p in (server.dir / "public").rglob("*:2,*")]
        assert names and not [n for n in names if "S" in n.split(":2,")[1]]
        server.stop()
        server.start()
        for who, unseen in (("alice", b"2"), ("bob", b"1")):
            client = server.imap(who)
            status = client.status("Public/news", "(UNSEEN)")[1][0]
            assert status.endswith(b"(UNSEEN " + unseen + b")"), (who, status)
            client.logout()
