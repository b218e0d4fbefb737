"""Each field of doveadm-fetch(1), by culveradm and by Debian's doveadm on the same tree.

Dovecot makes a Maildir, gives two messages POP3's UIDLs as a migration from another server does, and
copies it to sdbox and mdbox; Culver reads copies of the three."""
import re
import shutil
import subprocess

import pytest

import culver
import dovecot
from test_search_vs_doveadm import MAILS as ODD_MAILS

pytestmark = pytest.mark.skipif(not dovecot.available(), reason="needs root and Dovecot")

# what doveadm gives up at
MAILS = [mail.replace("x-odd", "8bit") for mail in ODD_MAILS]
KINDS = ["maildir", "sdbox", "mdbox"]
FIELDS = ["user", "mailbox", "mailbox-guid", "seq", "uid", "guid", "flags", "hdr", "body", "text", "text.utf8",
          "size.physical", "size.virtual", "date.received", "date.sent", "date.saved",
          "date.received.unixtime", "date.sent.unixtime", "date.saved.unixtime", "imap.envelope",
          "imap.body", "imap.bodystructure", "pop3.uidl", "pop3.order", "refcount", "hdr.subject",
          "body.preview", "storageid"]
# where the answers differ, and why
NAME = "Dovecot's is the name of the file in the Maildir; ours is 128 bits, as object ids are"
DIFFERENCES = {
    "maildir": {"guid": NAME},
    "sdbox": {"guid": NAME, "storageid": "Dovecot has none"},
    "mdbox": {"guid": NAME, "storageid": "Dovecot has none"},
}
# the copy of a file is younger than it, or of the same second; mdbox has the date in its index
YOUNGER = {kind: ("date.saved", "date.saved.unixtime") for kind in ("maildir", "sdbox")}
LINES = "a line that ends at the boundary is none of the message's lines"
for kind in DIFFERENCES.values():
    kind["text.utf8"] = "white space where a field of a part is folded"
    kind["imap.body"] = kind["imap.bodystructure"] = LINES
    kind["body.preview"] = "[RFC8970 3.1] the text of a message within a digest, not its header"


def doveadm(server, *words, **kw):
    done = subprocess.run(["doveadm", "-c", server.config, *words], capture_output=True, timeout=60, **kw)
    assert done.returncode == 0, done.stderr
    return done.stdout


def give(server):
    for path in [server.home("alice"), *server.home("alice").rglob("*")]:
        shutil.chown(path, culver.MAIL_USER, culver.MAIL_GROUP)


@pytest.fixture(scope="module")
def theirs():
    server = dovecot.Dovecot()
    server.home("alice").mkdir(parents=True)
    give(server)
    server.start()
    for mail in MAILS:
        doveadm(server, "save", "-u", "alice", "-m", "INBOX", input=mail.encode())
    doveadm(server, "mailbox", "create", "-u", "alice", "Other")
    doveadm(server, "copy", "-u", "alice", "Other", "mailbox", "INBOX", "uid", "2,3")
    doveadm(server, "copy", "-u", "alice", "Other", "mailbox", "INBOX", "uid", "2")
    doveadm(server, "flags", "add", "-u", "alice", "\\Seen work", "mailbox", "INBOX", "uid", "2")
    server.stop()
    uidlist = server.home("alice") / "Maildir" / "dovecot-uidlist"
    text = re.sub(r"(?m)^1 :", "1 PUIDL1 O3 :", uidlist.read_text())
    uidlist.write_text(re.sub(r"(?m)^3 :", "3 PUIDL:3 :", text))
    for index in uidlist.parent.glob("dovecot.index*"):
        index.unlink()
    server.start()
    for kind in KINDS[1:]:
        doveadm(server, "backup", "-u", "alice", f"{kind}:~/{kind}")
        doveadm(server, "-o", f"mail_location={kind}:~/{kind}", "copy", "-u", "alice", "Other", "mailbox",
                "INBOX", "uid", "2")
    yield server
    server.stop()
    server.remove()


@pytest.fixture(scope="module", params=KINDS)
def both(request, theirs):
    path = "Maildir" if request.param == "maildir" else request.param
    config = culver.CONFIG.replace("maildir:~/Maildir", f"{request.param}:~/{path}")
    with culver.Server(config=config) as ours:
        ours.kind, ours.location = request.param, f"mail_location={request.param}:~/{path}"
        ours.home("alice").mkdir(parents=True, exist_ok=True)
        give(ours)
        subprocess.run(["cp", "-a", theirs.home("alice") / path, ours.home("alice")], check=True)
        yield ours, theirs


def ask(program, server, more, field):
    """{(mailbox, uid): value}"""
    done = subprocess.run([program, "-c", server.config, *more, "-f", "pager", "fetch", "-u", "alice",
                           f"mailbox uid {field}", "mailbox", "*", "all"], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found = {}
    for page in done.stdout.split(b"\f"):
        match = re.match(rb"\n?mailbox: ([^\n]*)\nuid: ([^\n]*)\n[^:]*:(.*)", page.replace(b"\r", b""), re.S)
        if match:
            found[match[1], match[2]] = match[3].strip()
    assert len(found) > 5, done.stdout + done.stderr
    return found


def normal(field, found):
    if field == "text.utf8":  # empty lines between parts are each one's own
        return {key: re.sub(rb"\n+", b"\n", value) for key, value in found.items()}
    if not field.startswith("imap."):
        return found
    # [RFC3501 9] names of parameters, types and encodings have no case
    return {key: value.lower() for key, value in found.items()}


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_is_shown_as_doveadm_shows_it(both, field):
    ours, theirs = both
    mine = normal(field, ask(culver.PREFIX / "bin" / "culveradm", ours, [], field))
    other = normal(field, ask("doveadm", theirs, ["-o", ours.location], field))
    if field in YOUNGER.get(ours.kind, ()):
        assert mine.keys() == other.keys() and all(mine[key] >= other[key] for key in mine)
    elif field in DIFFERENCES[ours.kind]:
        assert mine.keys() == other.keys() and mine != other
    else:
        assert mine == other, [(mine[key], other.get(key)) for key in mine if mine[key] != other.get(key)]


def test_copies_are_counted_and_what_pop3_knows_is_shown(both):
    ours, _ = both
    program = culver.PREFIX / "bin" / "culveradm"
    counts = ask(program, ours, [], "refcount")
    assert counts[b"INBOX", b"1"] == b"1" and int(counts[b"INBOX", b"2"]) >= 2
    uidls, orders = (ask(program, ours, [], f"pop3.{what}") for what in ("uidl", "order"))
    assert uidls[b"INBOX", b"1"] == b"UIDL1" and orders[b"INBOX", b"1"] == b"3"
    assert uidls[b"INBOX", b"3"] == b"UIDL:3" and orders[b"INBOX", b"3"] == b""
    assert uidls[b"INBOX", b"2"] == orders[b"INBOX", b"2"] == b""
    # of ours, too
    ours.adm("save", "-u", "alice", "-m", "INBOX", input="Subject: x\n\nx\n")
    ours.adm("mailbox", "create", "-u", "alice", "More")
    ours.adm("copy", "-u", "alice", "More", "mailbox", "INBOX", "uid", "*")
    ours.adm("copy", "-u", "alice", "More", "mailbox", "More", "all")
    assert set(ask_in(ours, "More")) == {"3"}
    ours.adm("expunge", "-u", "alice", "mailbox", "More", "uid", "1")
    assert set(ask_in(ours, "More")) == {"2"}


def ask_in(server, box):
    return server.adm("-f", "tab", "fetch", "-u", "alice", "refcount", "mailbox", box,
                      "all").stdout.split()[1:]
