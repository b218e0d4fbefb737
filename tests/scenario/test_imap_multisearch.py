"""MULTISEARCH [RFC7377]: ESEARCH in many mailboxes."""
import re

import pytest

import culver
from test_imap_session import Wire, wire  # noqa: F401
from test_shared import Shared

MAIL = b"From: a@x\r\nSubject: %s\r\n\r\nbody\r\n"


@pytest.fixture(scope="module")
def server():
    with culver.Server() as s:
        w = Wire(s.imap_port).login()
        for name in ("folder1", "folder2", "folder2/banana", "folder2/peach",
                     "folder2/peach/stone", "folder2/salmon", "other"):
            w.do(f"CREATE {name}")
        w.do('CREATE "two words"')
        w.do("SUBSCRIBE folder2/peach")
        for name, subjects in (
                ("folder1", "chad chad x chad"), ("folder2/banana", "x y"),
                ("folder2/peach", "chad"), ("folder2/peach/stone", "chad chad"),
                ("other", "chad"), ('"two words"', "chad"), ("INBOX", "x chad x")):
            for subject in subjects.split():
                w.append(MAIL % subject.encode(), name,
                         "(\\Seen) " if subject == "x" else "")
        s.validity = {}
        for name in ("folder1", "folder2/banana", "folder2/peach", "folder2/peach/stone",
                     "other", '"two words"', "INBOX"):
            line = w.do(f"STATUS {name} (UIDVALIDITY)")[0]
            s.validity[name] = int(re.search(r"UIDVALIDITY (\d+)", line)[1])
        w.close()
        yield s


def search(w, server, rest):
    """{mailbox: what was told}"""
    lines = w.do("ESEARCH " + rest)
    assert " OK " in lines[-1], lines
    found = {}
    for line in lines[:-1]:
        m = re.fullmatch(r'\* ESEARCH \(TAG "t%d" MAILBOX ("[^"]*"|\S+) UIDVALIDITY (\d+)\) UID'
                         r' (.*)' % w.count, line)
        assert m, line
        assert m[1] not in found
        assert int(m[2]) == server.validity[m[1]]
        found[m[1]] = m[3]
    return found


def test_the_examples(server, wire):  # noqa: F811
    w = wire()
    assert " MULTISEARCH" in w.do("CAPABILITY")[0]
    assert search(w, server, 'IN (mailboxes "folder1" subtree "folder2") unseen') == {
        "folder1": "ALL 1:2,4", "folder2/banana": "ALL 2", "folder2/peach": "ALL 1",
        "folder2/peach/stone": "ALL 1:2"}
    assert search(w, server, 'IN (mailboxes "folder1" subtree-one "folder2") subject "chad"') == {
        "folder1": "ALL 1:2,4", "folder2/peach": "ALL 1"}
    # pipelined: the tags tell them apart
    w.send('tag1 ESEARCH IN (mailboxes "folder1") unseen\r\n'
           'tag2 ESEARCH IN (mailboxes "folder1") subject "x"\r\n')
    assert '(TAG "tag1" MAILBOX folder1 ' in w.until("tag1")[0]
    assert '(TAG "tag2" MAILBOX folder1 ' in w.until("tag2")[0]


def test_sources(server, wire):  # noqa: F811
    w = wire()
    everywhere = {"folder1", "folder2/peach", "folder2/peach/stone", "other", '"two words"',
                  "INBOX"}
    for source in ("personal", "inboxes", 'subtree "folder2" personal', "PERSONAL personal"):
        assert set(search(w, server, f"IN ({source}) SUBJECT chad")) == everywhere, source
    assert set(search(w, server, "IN (subscribed) SUBJECT chad")) == {"folder2/peach"}
    assert set(search(w, server, 'IN (mailboxes (other "two words" inbox other)) SUBJECT chad')) \
        == {"other", '"two words"', "INBOX"}
    # no wildcards; and what is not there is passed over
    assert search(w, server, 'IN (mailboxes ("*" none "folder%")) ALL') == {}
    # what has no match answers nothing, whatever was asked for
    assert search(w, server, "IN (personal) RETURN (MIN MAX COUNT) SUBJECT nowhere") == {}


def test_results(server, wire):  # noqa: F811
    w = wire()
    assert search(w, server, "IN (mailboxes folder1) RETURN () SUBJECT chad") == {
        "folder1": "ALL 1:2,4"}
    assert search(w, server, "IN (mailboxes folder1) RETURN (MIN MAX COUNT) SUBJECT chad") == {
        "folder1": "MIN 1 MAX 4 COUNT 3"}
    assert search(w, server, "IN (subtree folder2) RETURN (PARTIAL 1:1 CONTEXT) SUBJECT chad") == {
        "folder2/peach": "PARTIAL (1:1 1)", "folder2/peach/stone": "PARTIAL (1:1 1)"}
    # numbers are those of each mailbox, and may be higher than there are
    assert search(w, server, "IN (mailboxes (folder1 other)) 2:100") == {"folder1": "ALL 2:4"}
    assert search(w, server, "IN (mailboxes (folder1 other)) *") == {
        "folder1": "ALL 4", "other": "ALL 1"}
    assert search(w, server, "IN (mailboxes (folder1 other)) UID 2:*") == {
        "folder1": "ALL 2:4", "other": "ALL 1"}
    assert search(w, server, "IN (mailboxes (folder1 other)) CHARSET UTF-8 NOT SEEN 1") == {
        "folder1": "ALL 1", "other": "ALL 1"}
    assert all(re.fullmatch(r"ALL \S+ MODSEQ \d+", told) for told in search(
        w, server, "IN (mailboxes (folder1 other)) MODSEQ 1").values())


def test_the_selected_one(server, wire):  # noqa: F811
    w = wire()
    for command in ("ESEARCH ALL", "ESEARCH IN (selected) ALL", "ESEARCH RETURN (COUNT) ALL",
                    "ESEARCH IN (selected personal) ALL",
                    "ESEARCH IN (personal) RETURN (UPDATE) ALL"):
        assert f"t{w.count + 1} BAD " in w.do(command)[-1], command
    w.do("SELECT folder1")
    assert search(w, server, "SUBJECT chad") == {"folder1": "ALL 1:2,4"}
    assert search(w, server, "IN (selected mailboxes (folder1 other)) SUBJECT chad") == {
        "folder1": "ALL 1:2,4", "other": "ALL 1"}
    assert search(w, server, 'FROM "a@x" 101:200') == {}
    # with UID before it, as one of the examples has it
    assert " UID ALL 1:2,4" in w.do("UID ESEARCH SUBJECT chad")[0]
    # what is selected stays, and nothing of the others is heard
    assert w.do("FETCH 4 (UID)")[0] == "* 4 FETCH (UID 4)"
    lines = w.do("ESEARCH IN (personal) UNSEEN")
    assert all(line.startswith("* ESEARCH (") for line in lines[:-1])
    assert w.do("SEARCH ALL")[0] == "* SEARCH 1 2 3 4"


def test_save(server, wire):  # noqa: F811
    w = wire()
    w.do("SELECT folder1")
    assert w.do("ESEARCH IN (selected) RETURN (SAVE) SUBJECT chad") == [
        f"t{w.count} OK Search completed."]
    assert w.do("SEARCH $")[0] == "* SEARCH 1 2 4"
    assert search(w, server, "$ NOT 1") == {"folder1": "ALL 2,4"}
    # it is of the selected mailbox
    assert search(w, server, "IN (mailboxes (folder1 other)) $") == {"folder1": "ALL 1:2,4"}
    for source in ("mailboxes other", "selected mailboxes other", "personal"):
        assert f"t{w.count + 1} BAD " in w.do(f"ESEARCH IN ({source}) RETURN (SAVE) ALL")[-1]
    assert w.do("SEARCH $")[0] == "* SEARCH 1 2 4"


def test_update(server, wire):  # noqa: F811
    w = wire()
    w.do("SELECT other")
    w.send("u ESEARCH IN (selected mailboxes folder1) RETURN (UPDATE COUNT) FLAGGED\r\n")
    assert w.until("u") == ["u OK Search completed."]
    validity = server.validity["other"]
    assert f'* ESEARCH (TAG "u" MAILBOX other UIDVALIDITY {validity}) UID ADDTO (0 1)' \
        in w.do("STORE 1 +FLAGS (\\Flagged)")
    assert f'* ESEARCH (TAG "u" MAILBOX other UIDVALIDITY {validity}) UID REMOVEFROM (0 1)' \
        in w.do("STORE 1 -FLAGS (\\Flagged)")
    w.send("u ESEARCH RETURN (UPDATE) ALL\r\n")
    assert w.until("u") == ["u BAD Tag reuse"]
    w.send("v ESEARCH IN (mailboxes folder1) RETURN (UPDATE COUNT) SUBJECT chad\r\n")
    lines = w.until("v")
    assert lines[0].endswith(" UID COUNT 3")
    assert lines[1] == '* NO [NOUPDATE "v"] The selected mailbox is not searched'


@pytest.mark.parametrize("command", [
    "ESEARCH", "ESEARCH IN", "ESEARCH IN () ALL", "ESEARCH IN (personal)", "ESEARCH IN ALL",
    "ESEARCH IN (selected-delayed) ALL", "ESEARCH IN (mailboxes) ALL",
    "ESEARCH IN (mailboxes ()) ALL", "ESEARCH IN (nonsense) ALL",
    "ESEARCH IN (personal (x y)) ALL", "ESEARCH IN (personal) NONSENSE",
    "ESEARCH IN (personal) RETURN (NONSENSE) ALL", "ESEARCH IN (personal) OR 1",
    "ESEARCH RETURN (COUNT) IN (personal) ALL"])
def test_wrong(wire, command):  # noqa: F811
    w = wire()
    w.do("SELECT folder1")
    lines = w.do(command)
    assert lines == [lines[-1]] and f"t{w.count} BAD " in lines[-1]


def test_no(wire):  # noqa: F811
    w = wire()
    assert f"t{w.count + 1} NO [BADCHARSET " in w.do("ESEARCH IN (personal) CHARSET X-N ALL")[-1]
    assert "NO [UNDEFINED-FILTER x] " in w.do("ESEARCH IN (personal) FILTER x")[-1]
    many = " ".join(f"x{i}" for i in range(1001))
    assert " NO [LIMIT] " in w.do(f"ESEARCH IN (mailboxes ({many})) ALL")[-1]
    many = " ".join(["personal"] * 101)
    assert " NO [LIMIT] " in w.do(f"ESEARCH IN ({many}) ALL")[-1]


def test_recent_stays(server, wire):  # noqa: F811
    w = wire()
    w.append(MAIL % b"chad", "folder2/salmon")
    server.validity["folder2/salmon"] = int(re.search(
        r"UIDVALIDITY (\d+)", w.do("STATUS folder2/salmon (UIDVALIDITY)")[0])[1])
    assert "folder2/salmon" in search(w, server, "IN (subtree folder2) RECENT")
    assert "* 1 RECENT" in w.do("SELECT folder2/salmon")


def test_uidonly(wire):  # noqa: F811
    w = wire()
    w.do("ENABLE UIDONLY")
    w.do("SELECT folder1")
    assert w.do("ESEARCH SUBJECT chad")[0].endswith(" UID ALL 1:2,4")
    assert "BAD [UIDREQUIRED]" in w.do("ESEARCH 1:2")[-1]


@pytest.mark.skipif(not culver.IS_ROOT, reason="users of different uids need root")
def test_rights():
    """Without r nothing, and without l only what is named."""
    with Shared() as s:
        alice, bob = (Wire(s.imap_port).login(user) for user in ("alice", "bob"))
        for name in ("open", "named", "closed"):
            bob.do(f"CREATE {name}")
            bob.append(MAIL % b"chad", name)
        s.grant("bob", "open", "user=alice", "lookup", "read")
        s.grant("bob", "named", "user=alice", "read")
        s.grant("bob", "closed", "user=alice", "lookup")
        prefix = "shared/bob/"

        def seen(source):
            lines = alice.do(f"ESEARCH IN ({source}) SUBJECT chad")
            assert " OK " in lines[-1], lines
            return {re.search(r"MAILBOX (\S+)", line)[1][len(prefix):] for line in lines[:-1]}

        names = " ".join(prefix + n for n in ("open", "named", "closed", "none"))
        assert seen(f"mailboxes ({names})") == {"open", "named"}
        assert seen(f"subtree {prefix[:-1]}") == {"open"}
        # it is no personal one
        assert seen("personal") == set()
        # UIDs are those of the other one's mailbox
        alice.do(f"SELECT {prefix}open")
        assert alice.do("ESEARCH SUBJECT chad")[0].endswith(" UID ALL 1")
        for w in (alice, bob):
            w.close()
