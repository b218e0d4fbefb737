"""sdbox and mdbox: our own, and trees that Debian's Dovecot has written."""
import base64
import json
import os
import re
import shutil
import subprocess

import pytest

import culver
import dovecot

KINDS = ["sdbox", "mdbox"]
MAIL = b"From: <a@example.org>\r\nSubject: %d\r\n\r\nbody %d\r\n.dots\r\n"


def config(text, kind, more=""):
    return text.replace("maildir:~/Maildir", f"{kind}:~/box{more}")


@pytest.fixture(params=KINDS)
def box(request):
    with culver.Server(config=config(culver.CONFIG, request.param)) as server:
        server.kind = request.param
        yield server


def snapshot(server, user="alice", modseq=False):
    """Everything that IMAP says of a user's mail."""
    client = server.imap(user)
    result = {}
    try:
        names = [line.decode().rpartition(' "/" ')[2].strip('"')
                 for line in client.list()[1] if b"\\Noselect" not in line]
        for name in names:
            kind, data = client.select(f'"{name}"', readonly=True)
            assert kind == "OK", (name, data)
            state = {
                "validity": client.response("UIDVALIDITY")[1][0],
                "next": int(client.response("UIDNEXT")[1][0]),
            }
            client.response("HIGHESTMODSEQ")
            for item in client.fetch("1:*", "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])")[1] \
                    if data != [b"0"] else []:
                if not isinstance(item, tuple):
                    continue
                head = item[0].decode()
                uid = int(re.search(r"UID (\d+)", head)[1])
                flags = set(re.search(r"FLAGS \(([^)]*)\)", head)[1].split())
                state[uid] = (flags - {"\\Recent"}, re.search(r'INTERNALDATE "([^"]*)"', head)[1],
                              re.search(r"RFC822.SIZE (\d+)", head)[1], item[1])
            result[name] = state
        result["subscribed"] = sorted(line.decode().rpartition(' ')[2].strip('"')
                                      for line in client.lsub()[1] if line)
    finally:
        client.logout()
    return result


def ok(answer):
    assert answer[0] == "OK", answer
    return answer[1]


def fill(server):
    """Mail as a user leaves it: flags, keywords, gaps, copies, folders."""
    client = server.imap()
    ok(client.create("Work/&AMQ-rger"))
    ok(client.create("Archive"))
    ok(client.subscribe("Work/&AMQ-rger"))
    ok(client.subscribe("Archive"))
    for i in range(12):
        ok(client.append("INBOX", "(\\Seen)" if i % 3 == 0 else None,
                         f'"{i + 1:02d}-Jan-2020 10:00:00 +0000"', MAIL % (i, i)))
    ok(client.append("Work/&AMQ-rger", "(\\Draft $Label1)", None, b"Subject: big\r\n\r\n"
                     + b"filling it\r\n" * 30000))
    ok(client.select("INBOX"))
    ok(client.uid("store", "2:4", "+FLAGS", "(\\Flagged $Forwarded custom)"))
    ok(client.uid("store", "3", "-FLAGS", "($Forwarded)"))
    ok(client.uid("copy", "1:6", "Archive"))
    ok(client.uid("store", "5,7,12", "+FLAGS", "(\\Deleted)"))
    ok(client.expunge())
    ok(client.uid("store", "8", "FLAGS", "(\\Answered another)"))
    ok(client.select("Archive"))
    ok(client.uid("store", "1:2", "+FLAGS", "(\\Deleted)"))
    ok(client.expunge())
    ok(client.uid("copy", "3", "Archive"))
    client.logout()


def test_delivered_mail_is_read_moved_and_expunged(box):
    for i in range(5):
        assert box.deliver(MAIL % (i, i)) == {}
    fill(box)
    before = snapshot(box)
    assert [u for u in before["INBOX"] if isinstance(u, int)] == [
        1, 2, 3, 4, 6, 8, 9, 10, 11, 13, 14, 15, 16, 17]
    box.stop()
    box.start()
    assert snapshot(box) == before
    client = box.imap()
    client.select("INBOX")
    assert client.uid("move", "1:3", "Archive")[0] == "OK"
    client.logout()
    after = snapshot(box)
    assert len(after["INBOX"]) == len(before["INBOX"]) - 3
    assert len(after["Archive"]) == len(before["Archive"]) + 3


def test_the_journal_can_be_lost(box):
    fill(box)
    before = snapshot(box)
    box.stop()
    shutil.rmtree(box.home("alice") / "box" / "culver")
    box.start()
    after = snapshot(box)
    assert after["INBOX"]["validity"] == before["INBOX"]["validity"]
    # mails that were never copied keep their UIDs and bytes
    for uid in (1, 2, 3, 4, 6, 8, 9, 10, 11):
        assert after["INBOX"][uid][3] == before["INBOX"][uid][3]


@pytest.mark.parametrize("strangers", [0, 1, 40])
def test_the_uidvalidity_survives_the_journal_beside_files_of_others(make_server, strangers):
    """Forty files, and some that an admin has moved in: what STATUS says before
    anything is opened is what SELECT says."""
    server = make_server(config=culver.CONFIG.replace("maildir:~/Maildir", "sdbox:~/box"))
    client = server.imap()
    ok(client.create("Other"))
    for name, count in ("INBOX", 40), ("Other", strangers):
        for i in range(count):
            ok(client.append(name, None, None, MAIL % (i, i)))
    before = client.status("INBOX", "(UIDVALIDITY)")[1]
    other = client.status("Other", "(UIDVALIDITY)")[1]
    assert before[0].split()[-1] != other[0].split()[-1]
    client.logout()
    server.stop()
    boxes = server.home("alice") / "box" / "mailboxes"
    for path in sorted((boxes / "Other" / "dbox-Mails").glob("c.*")):
        path.rename(boxes / "INBOX" / "dbox-Mails" / path.name)
    shutil.rmtree(server.home("alice") / "box" / "culver")
    server.start()
    client = server.imap()
    status = client.status("INBOX", "(UIDVALIDITY)")[1]
    if strangers == 0:
        assert status == before
    ok(client.select("INBOX"))
    assert client.response("UIDVALIDITY")[1][0] in status[0]
    assert client.status("INBOX", "(MESSAGES)")[1] == [b"INBOX (MESSAGES %d)" % (40 + strangers)]
    client.logout()


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("strace") is None,
                    reason="needs root and strace")
def test_a_delete_that_was_killed_is_ended(box):
    """What it left is no mailbox, and goes with the next list."""
    save = ("save", "-u", "alice", "-m")
    for name in ("Work", "Other"):
        box.adm("mailbox", "create", "-u", "alice", name)
        box.adm(*save, name, input="Subject: x\n\nx\n")
    root = box.home("alice") / "box"
    trace = subprocess.run(
        ["strace", "-f", "-qq", "-e", "trace=rmdir,unlinkat", "-e",
         "inject=rmdir,unlinkat:signal=SIGKILL:when=2+", "-o", os.devnull,
         str(culver.PREFIX / "bin/culveradm"), "-c", str(box.config), "mailbox", "delete",
         "-u", "alice", "Work"], capture_output=True, text=True, timeout=60)
    left = [p.name for p in root.iterdir() if "trash" in p.name] + \
           [p.name for p in (root / "mailboxes").iterdir() if p.name.startswith(".")]
    assert left and all(name.startswith(".culver-trashed-") for name in left), (left, trace)
    names = box.adm("mailbox", "list", "-u", "alice").stdout.split()
    assert "Other" in names and not [name for name in names if "trash" in name.lower()
                                     and name != "Trash"]
    assert not [p for p in root.iterdir() if "trash" in p.name]
    assert "messages=1" in box.adm("mailbox", "status", "-u", "alice", "messages", "Other").stdout


# --- trees of Dovecot ----------------------------------------------------------

needs_dovecot = pytest.mark.skipif(not dovecot.available(),
                                   reason="needs root and Debian's Dovecot")


def files_of(server):
    root = server.home("alice") / "box"
    folder = root / ("storage" if server.kind == "mdbox" else "mailboxes/INBOX/dbox-Mails")
    return [path for path in folder.iterdir() if re.fullmatch(r"c\.[0-9a-f]+", path.name)]


@pytest.mark.parametrize("damage", ["removed", "emptied"])
def test_force_resync_brings_back_what_the_journal_has(box, damage):
    for number in range(3):
        assert box.adm("save", "-u", "alice", input=(MAIL % (number, number)).decode()
                       ).returncode == 0
    before = box.adm("fetch", "-u", "alice", "uid text", "all").stdout
    assert files_of(box)
    for path in files_of(box):
        if damage == "removed":
            path.unlink()
        else:
            os.truncate(path, 0)
    assert "gone=0" in box.adm("force-resync", "-u", "alice", "INBOX").stdout
    assert box.adm("fetch", "-u", "alice", "uid text", "all").stdout == before


def test_the_other_kind_of_tree_is_refused(box):
    other = "sdbox" if box.kind == "mdbox" else "mdbox"
    assert box.adm("save", "-u", "alice", input=(MAIL % (1, 1)).decode()).returncode == 0
    answer = box.adm("-o", f"mail_location={other}:~/box", "force-resync", "-u", "alice", "INBOX",
                     check=False)
    assert answer.returncode != 0 and f"mail_location = {box.kind}:" in answer.stderr
    assert "messages=1" in box.adm("mailbox", "status", "-u", "alice", "messages", "INBOX").stdout


@pytest.fixture(params=KINDS)
def theirs(request):
    """A Dovecot that has filled a tree."""
    with dovecot.Dovecot(config=config(dovecot.CONFIG, request.param)) as server:
        server.kind = request.param
        yield server


def doveadm(server, *args):
    return subprocess.run(["doveadm", "-c", server.config, *args], check=True, text=True,
                          capture_output=True).stdout


def take_over(server, more="", location=None):
    """Culver on a copy of the tree, started."""
    server.stop()
    text = config(culver.CONFIG, server.kind, more)
    if location is not None:
        text = text.replace(f"{server.kind}:~/box", location)
    ours = culver.Server(config=text)
    shutil.rmtree(ours.dir / "home", ignore_errors=True)
    subprocess.run(["cp", "-a", server.dir / "home", ours.dir / "home"], check=True)
    ours.kind = server.kind
    return ours


@needs_dovecot
def test_a_tree_of_dovecot_is_taken_over(theirs):
    fill(theirs)
    before = snapshot(theirs)
    guids = doveadm(theirs, "fetch", "-u", "alice", "mailbox uid guid", "mailbox", "*", "all")
    assert len(guids.split("guid:")) > 15
    with take_over(theirs) as ours:
        assert snapshot(ours) == before
        # new mail goes beside the old
        assert ours.deliver(MAIL % (99, 99)) == {}
        client = ours.imap()
        client.select("INBOX")
        assert client.uid("move", "2", "Archive")[0] == "OK"
        ok(client.uid("store", "3", "+FLAGS", "(\\Deleted)"))
        ok(client.expunge())
        client.logout()
        after = snapshot(ours)
        assert after["INBOX"]["validity"] == before["INBOX"]["validity"]
        assert 2 not in after["INBOX"] and 3 not in after["INBOX"]
        assert before["INBOX"]["next"] in after["INBOX"]
        ours.stop()
        ours.start()
        assert snapshot(ours) == after


@needs_dovecot
def test_an_index_file_with_its_log_is_taken_over(theirs):
    fill(theirs)
    # makes Dovecot write dovecot.index and begin a new log
    doveadm(theirs, "index", "-u", "alice", "*")
    doveadm(theirs, "flags", "add", "-u", "alice", "$Round", "mailbox", "INBOX", "uid", "1:9")
    client = theirs.imap()
    client.select("INBOX")
    for i in range(400):
        ok(client.uid("store", "1:11", "+FLAGS" if i % 2 else "-FLAGS", "(\\Answered one two)"))
    client.logout()
    client = theirs.imap()
    client.select("INBOX")
    ok(client.uid("store", "10", "+FLAGS", "(last)"))
    client.logout()
    tree = theirs.home("alice") / "box" / "mailboxes" / "INBOX" / "dbox-Mails"
    assert (tree / "dovecot.index").exists(), os.listdir(tree)
    before = snapshot(theirs)
    with take_over(theirs) as ours:
        assert snapshot(ours) == before


def modseqs(adm):
    """HIGHESTMODSEQ of the mailboxes, MODSEQ of the messages."""
    # Trash is made by whoever looks
    return (sorted(line for line in adm("-f", "tab", "mailbox", "status", "-u", "alice",
                                        "highestmodseq", "*").splitlines()
                   if not line.startswith("Trash")),
            sorted(adm("-f", "tab", "fetch", "-u", "alice", "mailbox uid modseq", "mailbox", "*",
                       "all").splitlines()))


def ask_for_modseqs(server):
    client = server.imap()
    for name in ("INBOX", "Archive", '"Work/&AMQ-rger"'):
        client._simple_command("SELECT", name, "(CONDSTORE)")
    client.logout()


@needs_dovecot
@pytest.mark.parametrize("how", ["never", "before", "between", "index", "rotated"])
def test_modseqs_are_those_of_dovecot(theirs, how):
    if how == "before":
        ask_for_modseqs(theirs)
    fill(theirs)
    if how in ("between", "rotated"):
        ask_for_modseqs(theirs)
    if how in ("index", "rotated"):
        more = ["-o", "mail_index_rewrite_min_log_bytes=1"]
        if how == "rotated":
            more += ["-o", "mail_index_log_rotate_min_size=1",
                     "-o", "mail_index_log_rotate_min_age=0"]
        for word in ("add", "remove", "add"):
            doveadm(theirs, *more, "flags", word, "-u", "alice", "\\Answered one", "uid", "3:8")
            doveadm(theirs, *more, "index", "-u", "alice", "*")
    client = theirs.imap()
    ok(client.select("INBOX"))
    ok(client.uid("store", "2:4", "+FLAGS", "(\\Answered $Late)"))
    ok(client.uid("store", "6", "FLAGS", "()"))
    ok(client.append("INBOX", "(\\Seen)", None, MAIL % (20, 20)))
    ok(client.uid("store", "9", "+FLAGS", "(\\Deleted)"))
    ok(client.expunge())
    ok(client.append("INBOX", None, None, MAIL % (21, 21)))
    client.logout()
    with take_over(theirs) as ours:
        got = modseqs(lambda *args: ours.adm(*args).stdout)
        theirs.start()
        assert got == modseqs(lambda *args: doveadm(theirs, *args))
        # what comes now is above all that was, and stays when Culver starts again
        client = ours.imap()
        ok(client.select("INBOX"))
        ok(client.uid("store", "3", "+FLAGS", "(new)"))
        client.logout()
        later = modseqs(lambda *args: ours.adm(*args).stdout)
        changed = sorted(set(later[1]) - set(got[1]))
        assert [line.split("\t")[:2] for line in changed] == [["INBOX", "3"]]
        highest = max(int(line.split("\t")[2]) for line in got[1][:-1])
        assert int(changed[0].split("\t")[2]) > highest
        ours.stop()
        ours.start()
        assert modseqs(lambda *args: ours.adm(*args).stdout) == later


@needs_dovecot
@pytest.mark.parametrize("index", [False, True], ids=["log", "index"])
def test_mailboxes_keep_their_guids(theirs, index):
    fill(theirs)
    if index:
        doveadm(theirs, "-o", "mail_index_rewrite_min_log_bytes=1", "index", "-u", "alice", "*")
    status = ["-f", "tab", "mailbox", "status", "-u", "alice", "guid", "*"]

    def guids(adm):
        # Trash is made by whoever looks
        return sorted(line for line in adm(*status).splitlines() if not line.startswith("Trash"))
    theirs_are = guids(lambda *args: doveadm(theirs, *args))
    assert len(theirs_are) >= 4
    with take_over(theirs) as ours:
        assert guids(lambda *args: ours.adm(*args).stdout) == theirs_are
        # one that is removed and made again is another one
        client = ours.imap()
        ok(client.delete("Archive"))
        ok(client.create("Archive"))
        client.logout()
        now = guids(lambda *args: ours.adm(*args).stdout)
        assert len(now) == len(theirs_are) and len(set(now) - set(theirs_are)) == 1


@needs_dovecot
@pytest.mark.parametrize("theirs", ["mdbox"], indirect=True)
def test_a_purge_frees_and_converts(theirs):
    fill(theirs)
    with take_over(theirs) as ours:
        before = snapshot(ours)
        storage = ours.home("alice") / "box" / "storage"
        size = sum(f.stat().st_size for f in storage.glob("m.*"))
        ours.adm("purge", "-u", "alice", "-c")
        assert not list(storage.glob("m.*"))
        assert snapshot(ours) == before
        client = ours.imap()
        client.select("INBOX")
        ok(client.uid("store", "1:*", "+FLAGS", "(\\Deleted)"))
        ok(client.expunge())
        ok(client.select("Archive"))
        ok(client.uid("store", "1:*", "+FLAGS", "(\\Deleted)"))
        ok(client.expunge())
        client.logout()
        left = snapshot(ours)
        ours.adm("purge", "-u", "alice")
        assert snapshot(ours) == left
        ours.adm("force-resync", "-u", "alice", "*")
        assert snapshot(ours) == left
        assert sum(f.stat().st_size for f in storage.glob("c.*")) < size


@needs_dovecot
@pytest.mark.parametrize("theirs", KINDS, indirect=True)
def test_the_kind_of_a_tree_is_found_out(theirs):
    fill(theirs)
    before = snapshot(theirs)
    with take_over(theirs, location="~/box") as ours:
        assert snapshot(ours) == before


@pytest.mark.parametrize("kind", KINDS)
@needs_dovecot
def test_mail_in_the_alternative_place_is_found(kind):
    text = config(dovecot.CONFIG, kind, ":ALT=~/alt")
    with dovecot.Dovecot(config=text) as theirs:
        theirs.kind = kind
        fill(theirs)
        doveadm(theirs, "altmove", "-u", "alice", "mailbox", "INBOX", "uid", "1:6")
        assert any((theirs.home("alice") / "alt").rglob("[um].*"))
        before = snapshot(theirs)
        with take_over(theirs, ":ALT=~/alt") as ours:
            assert snapshot(ours) == before


# --- the alternative place -----------------------------------------------------------

def message_bytes(folder):
    """Of the files with messages below it."""
    return sum(p.stat().st_size for p in folder.rglob("*")
               if p.is_file() and re.match(r"[cmu]\.", p.name)) if folder.exists() else 0


@pytest.fixture(params=KINDS)
def two_places(request):
    with culver.Server(config=config(culver.CONFIG, request.param, ":ALT=~/slow")) as server:
        yield server


def test_altmove_moves_messages_away_and_back_and_clients_see_nothing(two_places):
    server = two_places
    fill(server)
    before = snapshot(server, modseq=True)
    here, slow = server.home("alice") / "box", server.home("alice") / "slow"
    assert message_bytes(here) > 300_000 and message_bytes(slow) == 0
    waiting = server.imap()         # has the mailbox open all the time
    waiting.select("INBOX")

    rows = json.loads(server.adm("-f", "json", "altmove", "-u", "alice", "mailbox",
                                 "Work/*", "LARGER", "100000").stdout)
    assert rows == [{"mailbox": "Work/Ärger", "messages": "1"}]
    assert message_bytes(slow) > 300_000 > message_bytes(here)
    assert snapshot(server, modseq=True) == before

    # again: nothing to do; the others come after it
    server.adm("altmove", "-u", "alice", "mailbox", "Work/*", "LARGER", "100000")
    server.adm("altmove", "-u", "alice", "ALL")
    assert message_bytes(here) < 2000 and message_bytes(slow) > 300_000
    assert snapshot(server, modseq=True) == before
    assert ok(waiting.fetch("1", "(BODY.PEEK[])"))[0][1]

    # what is at the other place can be expunged, copied and added to
    waiting.copy("2", "Archive")
    waiting.append("INBOX", None, None, MAIL % (99, 99))
    waiting.noop()
    after = snapshot(server, modseq=True)
    server.adm("force-resync", "-u", "alice", "*")
    assert snapshot(server, modseq=True) == after

    server.adm("altmove", "-u", "alice", "-r", "ALL")
    assert message_bytes(slow) == 0 and message_bytes(here) > 300_000
    assert snapshot(server, modseq=True) == after
    waiting.logout()


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("strace") is None,
                    reason="needs root and strace")
@pytest.mark.parametrize("when", range(1, 9))
def test_a_removal_that_was_killed_leaves_nothing_at_the_other_place(when):
    """Its files would be messages of the next folder of that name."""
    with culver.Server(config=config(culver.CONFIG, "sdbox", ":ALT=~/slow")) as server:
        client = server.imap()
        assert client.create("Work")[0] == "OK"
        for n in range(3):
            assert client.append("Work", None, None, MAIL % (n, n))[0] == "OK"
        client.logout()
        slow = server.home("alice") / "slow"
        server.adm("altmove", "-u", "alice", "mailbox", "Work", "ALL")
        assert len(list((slow / "mailboxes/Work").rglob("*"))) > 3
        killed = subprocess.run(
            ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=unlinkat,unlink",
             "-e", f"inject=unlinkat,unlink:signal=KILL:when={when}",
             culver.PREFIX / "bin/culveradm", "-c", server.config, "mailbox", "delete", "-u", "alice", "Work"],
            capture_output=True, text=True, timeout=60)
        assert "killed by signal 9" in killed.stderr
        client = server.imap()
        client.list()
        gone = client.create("Work")[0] == "OK"
        if gone:
            assert client.select("Work")[1] == [b"0"]
        else:                           # it was killed before it began
            assert client.select("Work")[1] == [b"3"] and client.close()[0] == client.delete("Work")[0] == "OK"
        client.list()
        client.logout()
        files = [p for p in [*slow.rglob("*"), *(server.home("alice") / "box").rglob(".culver-trashed*")]
                 if p.is_file() or "trashed" in p.name]
        assert files == []


def test_an_alternative_place_that_is_not_mounted_costs_no_message(two_places):
    fill(two_places)
    before = two_places.adm("fetch", "-u", "alice", "uid text", "mailbox", "INBOX").stdout
    two_places.adm("altmove", "-u", "alice", "mailbox", "INBOX")
    alt = two_places.home("alice") / "slow"
    alt.rename(alt.with_name("away"))
    answer = two_places.adm("backup", "-u", "alice", "maildir:~/copy", check=False)
    assert answer.returncode == 75 and "is not there" in answer.stderr
    for call in (["fetch", "-u", "alice", "text", "mailbox", "INBOX"], ["verify", "-u", "alice"]):
        answer = two_places.adm(*call, check=False)
        assert answer.returncode == 75 and "is not there" in answer.stdout + answer.stderr
    # it says that it cannot read them, and gives none up
    answer = two_places.adm("force-resync", "-u", "alice", "INBOX", check=False)
    assert answer.returncode == 75 and "gone=0" in answer.stdout
    two_places.adm("purge", "-u", "alice")
    alt.with_name("away").rename(alt)
    assert two_places.adm("fetch", "-u", "alice", "uid text", "mailbox", "INBOX").stdout == before


def test_altmove_without_another_place_says_so(box):
    fill(box)
    done = box.adm("altmove", "-u", "alice", "mailbox", "INBOX", "ALL", check=False)
    assert done.returncode != 0 and "ALT=" in done.stderr and done.stdout == ""


def test_altmove_of_a_store_that_knows_of_none_says_so(make_server):
    server = make_server()
    server.deliver(b"Subject: x\r\n\r\nx\r\n")
    done = server.adm("altmove", "-u", "alice", "ALL", check=False)
    assert done.returncode != 0 and "no alternative place" in done.stderr


def test_altmove_wants_a_query(box):
    done = box.adm("altmove", "-u", "alice", "-r", check=False)
    assert done.returncode == 64 and done.stderr.endswith("[-r] QUERY\n")


# --- attachments in files of their own ------------------------------------------------

def attached(number, line, crlf=True):
    """A mail with two binary attachments and one of text."""
    parts = [b"hello"]
    for which in (1, 2):
        data = bytes((i * i * number + which * i) % 251 for i in range(3000 * which + number))
        coded = base64.b64encode(data)
        parts.append(b"Content-Type: application/octet-stream\r\n"
                     b"Content-Disposition: attachment; filename=x.bin\r\n"
                     b"Content-Transfer-Encoding: base64\r\n\r\n"
                     + b"\r\n".join(coded[i:i + line] for i in range(0, len(coded), line)))
    parts[0] = b"Content-Type: text/plain\r\n\r\nhello\r\n"
    parts.append(b"Content-Type: text/plain\r\nContent-Disposition: attachment; filename=t\r\n\r\n"
                 + b"some text of this part\r\n" * 200)
    return (b"From: <a@example.org>\r\nMIME-Version: 1.0\r\n"
            b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
            + b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + b"--b--\r\n")


@needs_dovecot
@pytest.mark.parametrize("packed", [
    "", "mail_plugins = zlib\nplugin {{\n  zlib_save = gz\n}}\n",
    "mail_plugins = zlib\nplugin {{\n  zlib_save = bz2\n}}\n"], ids=["plain", "gz", "bz2"])
@pytest.mark.parametrize("kind", KINDS)
def test_attachments_in_files_of_their_own_are_put_in_again(kind, packed):
    text = config(dovecot.CONFIG, kind) + packed + (
        "mail_attachment_dir = {dir}/home/parts/%n\nmail_attachment_min_size = 1000\n")
    with dovecot.Dovecot(config=text) as theirs:
        theirs.kind = kind
        client = theirs.imap()
        mails = [attached(number, line) for number, line in
                 ((1, 76), (2, 72), (3, 60), (4, 76), (5, 4))]
        for mail in mails:
            ok(client.append("INBOX", None, None, mail))
        client.logout()
        files = [p for p in (theirs.home("parts") / "alice").rglob("*-*") if p.is_file()]
        assert len(files) >= 8
        before = snapshot(theirs)
        with take_over(theirs) as ours:
            # without the directory: an error, and not half a mail
            client = ours.imap()
            client.select("INBOX")
            with pytest.raises(Exception):
                ok(client.fetch("1", "(BODY.PEEK[])"))
            ours.stop()
            ours.config.write_text(ours.config.read_text() + (
                f"mail_attachment_dir = {ours.dir}/home/parts/%n\n"))
            if packed:
                ours.start()
                damaged = ours.adm("verify", "-u", "alice", check=False)
                assert damaged.returncode != 0 and "mail_plugins compress" in damaged.stdout
                ours.stop()
                ours.config.write_text(ours.config.read_text() + "mail_plugins = compress\n")
            ours.start()
            assert snapshot(ours) == before
            client = ours.imap()
            client.select("INBOX")
            assert [ok(client.fetch(str(i + 1), "(BODY.PEEK[])"))[0][1]
                    for i in range(5)] == mails
            assert ok(client.fetch("2", "(BODY.PEEK[]<5000.3000>)"))[0][1] == mails[1][5000:8000]
            client.copy("2", "Trash")
            client.logout()
            if kind == "mdbox":
                # ours has all in one: the files are not wanted any more
                ours.adm("purge", "-u", "alice", "-c")
                shutil.rmtree(ours.home("parts"))
                assert {k: v for k, v in snapshot(ours)["INBOX"].items()} == before["INBOX"]
            else:
                victim = next((ours.home("parts") / "alice").rglob("*-1"))
                victim.write_bytes(victim.read_bytes()[:-1])
                client = ours.imap()
                client.select("INBOX")
                failed = 0
                for i in range(5):
                    try:
                        assert ok(client.fetch(str(i + 1), "(BODY.PEEK[])"))[0][1] == mails[i]
                    except Exception:
                        failed += 1
                        client = ours.imap()
                        client.select("INBOX")
                assert failed >= 1


# --- places and forms that Dovecot's trees may have ---------------------------------------

@needs_dovecot
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("more, extra", [
    (":INDEX=~/index", ""), (":CONTROL=~/control", ""), (":UTF-8", ""),
    (":DIRNAME=msgs", ""), (":LAYOUT=fs", ""),
    ("", "mail_plugins = zlib\nplugin {{\n  zlib_save = gz\n}}\n"),
], ids=["index", "control", "utf8", "dirname", "layout", "gz"])
def test_what_else_a_tree_may_have(kind, more, extra):
    with dovecot.Dovecot(config=config(dovecot.CONFIG, kind, more) + extra) as theirs:
        theirs.kind = kind
        fill(theirs)
        before = snapshot(theirs)
        theirs.stop()
        with take_over(theirs, more) as ours:
            if extra:
                ours.stop()
                ours.config.write_text(ours.config.read_text() + "mail_plugins = compress\n")
                ours.start()
            assert snapshot(ours) == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_tree_whose_names_are_in_an_index_is_refused_with_a_way_out(kind):
    with culver.Server() as server:
        location = f"mail_location={kind}:~/box:LAYOUT=index"
        done = server.adm("-o", location, "mailbox", "list", "-u", "alice", check=False)
        assert done.returncode != 0
        assert f"'doveadm backup -u USER {kind}:/new/place'" in done.stderr
        assert not (server.home("alice") / "box").exists()
    text = config(culver.CONFIG, kind, ":LAYOUT=index")
    with pytest.raises(Exception, match="doveadm backup -u USER"):
        culver.Server(config=text).__enter__()


@needs_dovecot
@pytest.mark.parametrize("theirs", ["sdbox"], indirect=True)
def test_without_an_index_uids_come_from_names(theirs):
    fill(theirs)
    before = snapshot(theirs)
    theirs.stop()
    for path in (theirs.home("alice") / "box").rglob("dovecot.index*"):
        path.unlink()
    with take_over(theirs) as ours:
        after = snapshot(ours)
        for name in ("INBOX", "Archive", "Work/&AMQ-rger"):
            assert {uid: mail[1:] for uid, mail in after[name].items() if isinstance(uid, int)} == \
                {uid: mail[1:] for uid, mail in before[name].items() if isinstance(uid, int)}


@needs_dovecot
@pytest.mark.parametrize("theirs", ["mdbox"], indirect=True)
def test_a_purge_leaves_what_nothing_speaks_of(theirs):
    fill(theirs)
    theirs.stop()
    with take_over(theirs) as ours:
        box = ours.home("alice") / "box"
        for path in box.rglob("dovecot.map.index*"):
            path.unlink()
        # whatever this was: there may be messages behind it
        for path in box.rglob("storage/m.*"):
            with path.open("ab") as file:
                file.write(b"\1\2N no head of a message")
        client = ours.imap()
        client.select("INBOX")
        client.logout()
        size = message_bytes(box)
        assert size > 300_000
        ours.adm("purge", "-u", "alice")
        ours.adm("purge", "-u", "alice", "-c")
        assert message_bytes(box) == size


@needs_dovecot
@pytest.mark.parametrize("kind", KINDS)
def test_the_way_out_of_a_tree_whose_names_are_in_an_index(kind):
    with dovecot.Dovecot(config=config(dovecot.CONFIG, kind, ":LAYOUT=index")) as theirs:
        theirs.kind = kind
        fill(theirs)
        before = snapshot(theirs)
        doveadm(theirs, "backup", "-u", "alice", f"{kind}:{theirs.home('alice')}/new")
        theirs.stop()
        shutil.rmtree(theirs.home("alice") / "box")
        (theirs.home("alice") / "new").rename(theirs.home("alice") / "box")
        with take_over(theirs) as ours:
            assert snapshot(ours) == before
