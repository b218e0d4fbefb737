"""Maildirs that Dovecot has made are opened by Culver, and the other way
round: the same messages, flags, keywords, folders and subscriptions."""
import os
import shutil
import subprocess

import pytest

import culver
import mailbox_tool

pytestmark = pytest.mark.skipif(
    shutil.which("doveadm") is None or os.geteuid() != 0,
    reason="needs root and Debian's dovecot")

CONFIG = """\
base_dir = {home}/run
log_path = {home}/dovecot.log
mail_location = maildir:~/Maildir
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
ssl = no
"""
BODY = "From: a@example.org\r\nSubject: {}\r\n\r\nbody {}\r\n"


class Doveadm:
    """doveadm without a server, as the user that owns the mail."""

    def __init__(self, home):
        self.home = home
        (home / "dovecot.conf").write_text(CONFIG.format(home=home))
        self.give()

    def give(self):
        shutil.chown(self.home, "nobody", "nogroup")
        for path in self.home.rglob("*"):
            shutil.chown(path, "nobody", "nogroup")

    def __call__(self, *words, stdin=""):
        self.give()
        env = dict(os.environ, HOME=str(self.home), USER="nobody")
        done = subprocess.run(
            ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
             "doveadm", "-c", str(self.home / "dovecot.conf"), *words],
            input=stdin, capture_output=True, text=True, env=env, timeout=60)
        assert done.returncode in (0, 68), done.stderr
        return done.stdout

    def messages(self, box):
        """[(uid, flags, {keywords}, body)] in order."""
        out = self("-f", "pager", "fetch", "uid flags text", "mailbox", box,
                   "all")
        found = []
        for page in out.split("\f"):
            if not page.strip():
                continue
            head, _, rest = page.partition("\ntext:\n")
            fields = dict(line.partition(":")[::2]
                          for line in head.strip().splitlines())
            words = fields["flags"].split()
            flags = "".join(sorted(
                {"\\Draft": "D", "\\Flagged": "F", "\\Answered": "R",
                 "\\Seen": "S", "\\Deleted": "T"}.get(w, "")
                for w in words if w.startswith("\\")))
            found.append((int(fields["uid"]), flags,
                          frozenset(w for w in words
                                    if not w.startswith("\\")), rest))
        return found


@pytest.fixture
def home(tmp_path):
    culver.open_to_all(tmp_path)
    path = tmp_path / "home"
    path.mkdir()
    return path


def test_dovecot_reads_what_culver_wrote(home):
    tool = mailbox_tool.Tool(home)
    for n, (flags, keywords) in enumerate([
            ("-", "-"), ("S", "-"), ("FRS", "-"), ("DT", "$Label1"),
            ("-", "$Label1,work"), ("S", "work")]):
        tool.save("INBOX", BODY.format(n, n), flags, keywords)
    tool("create", "Börk.under")
    tool.save("Börk.under", BODY.format("x", "x"), "F")
    tool("copy", "INBOX", "2:3", "Börk.under")
    tool("subscribe", "Börk.under")
    ours = tool.messages("INBOX")
    assert tool.close() == 0

    doveadm = Doveadm(home)
    theirs = doveadm.messages("INBOX")
    assert len(theirs) == 6
    for (uid, flags, keywords, body), mine in zip(theirs, ours.values()):
        assert flags == mine[0]
        assert keywords == mine[1]
        assert body.replace("\r", "").startswith("From: a@example.org\n")
    # a message that two have delivered is found by its text, whatever its UID
    assert [m[1] for m in doveadm.messages("Börk.under")] == ["F", "S", "FRS"]
    assert doveadm("mailbox", "list").split() == ["Börk.under", "Börk",
                                                  "INBOX"] or \
        set(doveadm("mailbox", "list").split()) >= {"Börk.under", "INBOX"}
    assert doveadm("mailbox", "list", "-s").split() == ["Börk.under"]


def test_culver_keeps_uids_of_dovecot(home):
    doveadm = Doveadm(home)
    for n in range(8):
        doveadm("save", "-m", "INBOX", stdin=BODY.format(n, n))
    doveadm("flags", "add", r"\Seen \Flagged", "mailbox", "INBOX", "uid", "2")
    doveadm("flags", "add", r"$Work \Answered", "mailbox", "INBOX", "uid",
            "3,5")
    doveadm("expunge", "mailbox", "INBOX", "uid", "1,4")
    doveadm("mailbox", "create", "-s", "Ümläut.sub")
    doveadm("save", "-m", "Ümläut.sub", stdin=BODY.format("y", "y"))
    theirs = doveadm.messages("INBOX")
    validity = int(doveadm("-f", "flow", "mailbox", "status", "uidvalidity",
                           "INBOX").split("=")[1])

    tool = mailbox_tool.Tool(home)
    ours = tool.messages("INBOX")
    assert tool.uidvalidity("INBOX") == validity
    assert list(ours) == [m[0] for m in theirs] == [2, 3, 5, 6, 7, 8]
    for uid, flags, keywords, _ in theirs:
        assert ours[uid][0] == flags
        assert ours[uid][1] == keywords
    assert tool.save("INBOX", BODY.format("new", "new")) == 9
    assert "Ümläut.sub*" in tool("folders")
    assert len(tool.messages("Ümläut.sub")) == 1
    assert tool.close() == 0


def test_both_change_it_in_turn(home):
    """Dovecot sees the changes of Culver, and Culver those of Dovecot."""
    tool = mailbox_tool.Tool(home)
    for n in range(5):
        tool.save("INBOX", BODY.format(n, n))
    tool("list", "INBOX")
    doveadm = Doveadm(home)
    assert len(doveadm.messages("INBOX")) == 5
    doveadm("flags", "add", r"\Flagged $Theirs", "mailbox", "INBOX", "2")
    doveadm("expunge", "mailbox", "INBOX", "4")
    doveadm("save", "-m", "INBOX", stdin=BODY.format("d", "d"))
    ours = tool.messages("INBOX")
    assert list(ours) == [1, 2, 3, 5, 6]
    assert ours[2][:2] == ("F", frozenset(["$Theirs"]))
    tool("store", "INBOX", "3", "add", "S", "$Ours")
    tool("store", "INBOX", "2", "remove", "F", "-")
    tool("store", "INBOX", "1", "add", "T", "-")
    tool("expunge", "INBOX")
    theirs = doveadm.messages("INBOX")
    assert [(m[1], m[2]) for m in theirs] == [
        ("", frozenset(["$Theirs"])), ("S", frozenset(["$Ours"])),
        ("", frozenset()), ("", frozenset())]
    assert tool.close() == 0
