"""ACL and RIGHTS= [RFC4314], LIST-MYRIGHTS [RFC8440]: the examples of the
RFCs and what goes wrong."""
import pytest

import culver
import dovecot
from test_shared import Shared

ALL = "lrwstipekxancd"


@pytest.fixture(scope="module")
def raw():
    with culver.Server() as server, server.raw() as raw:
        raw.line()
        assert b"OK" in raw.command("LOGIN alice secret")[-1]
        raw.command("CREATE Drafts")
        yield raw


# who has all rights, though no list says so
OWNER = "alice lrwstipekxancd"


def said(raw, command):
    return [line.decode().rstrip() for line in raw.command(command)]


def test_capability(raw):
    words = said(raw, "CAPABILITY")[0].split()
    assert {"ACL", "RIGHTS=texkn", "LIST-MYRIGHTS"} <= set(words)


def test_setacl_getacl_deleteacl(raw):
    assert said(raw, "GETACL INBOX")[-1] == "x OK Getacl completed."
    assert said(raw, "SETACL Drafts Chris lrswi") == ["x OK Setacl completed."]
    assert said(raw, "GETACL Drafts")[0] == f"* ACL Drafts {OWNER} Chris lrwsin"
    # [RFC4314 2.1.1] "c" is k, "d" is x, t and e
    assert said(raw, "SETACL Drafts Chris +cda") == ["x OK Setacl completed."]
    assert said(raw, "GETACL Drafts")[0] == f"* ACL Drafts {OWNER} Chris lrwstiekxancd"
    assert said(raw, "SETACL Drafts Chris -rwa")[-1].startswith("x OK")
    assert said(raw, "GETACL Drafts")[0] == f"* ACL Drafts {OWNER} Chris lstiekxcd"
    assert said(raw, "SETACL Drafts -Chris we")[-1].startswith("x OK")
    assert said(raw, "SETACL Drafts $team w")[-1].startswith("x OK")
    row = said(raw, "GETACL Drafts")[0].split()[3:]
    assert dict(zip(row[::2], row[1::2])) == {"alice": OWNER.split()[1], "Chris": "lstiekxcd", "-Chris": "wend", "$team": "wn"}
    assert said(raw, "DELETEACL Drafts Chris") == ["x OK Deleteacl completed."]
    assert "Chris" not in said(raw, "GETACL Drafts")[0].split()
    assert said(raw, "DELETEACL Drafts Chris")[-1].startswith("x OK")
    # nothing at all
    assert said(raw, 'SETACL Drafts anyone ""')[-1].startswith("x OK")
    assert 'anyone ""' in said(raw, "GETACL Drafts")[0]
    assert said(raw, 'SETACL Drafts "two words" lr')[-1].startswith("x OK")
    assert '"two words" lr' in said(raw, "GETACL Drafts")[0]


@pytest.mark.parametrize("command", [
    "SETACL Drafts John lrQswicda", "SETACL Drafts John lrqswicda", "SETACL Drafts John +?",
    'SETACL Drafts "" lr', "SETACL Drafts John", "SETACL Drafts", "SETACL Drafts John lr x",
    "SETACL Drafts (John) lr", "SETACL Drafts John (lr)", "GETACL", "GETACL Drafts x",
    'DELETEACL Drafts ""', "DELETEACL Drafts", "LISTRIGHTS Drafts", 'LISTRIGHTS Drafts ""',
    "MYRIGHTS", "MYRIGHTS Drafts x", 'SETACL Drafts "a\tb" lr'])
def test_bad(raw, command):
    before = said(raw, "GETACL Drafts")
    assert said(raw, command)[-1].startswith("x BAD "), command
    assert said(raw, "GETACL Drafts") == before


@pytest.mark.parametrize("command", [
    "SETACL none John lr", "GETACL none", "DELETEACL none John", "LISTRIGHTS none John",
    "MYRIGHTS none"])
def test_no_such_mailbox(raw, command):
    assert said(raw, command) == ["x NO [NONEXISTENT] Mailbox doesn't exist."]


def test_listrights(raw):
    assert said(raw, "LISTRIGHTS Drafts smith") == [
        "* LISTRIGHTS Drafts smith \"\" l r wn s t i p e k x a c d", "x OK Listrights completed."]
    # [RFC4314 3.4] the identifier as it was sent
    assert said(raw, 'LISTRIGHTS Drafts "user=smith"')[0].startswith(
        '* LISTRIGHTS Drafts user=smith "" l')
    # an owner cannot shut himself out
    assert said(raw, "LISTRIGHTS Drafts owner")[0] == \
        "* LISTRIGHTS Drafts owner la r wn s t i p e k x c d"


def test_myrights(raw):
    assert said(raw, "MYRIGHTS INBOX") == [
        f"* MYRIGHTS INBOX {ALL}", "x OK Myrights completed."]
    said(raw, "CREATE Few")
    assert said(raw, "SETACL Few owner lrs")[-1].startswith("x OK")
    assert said(raw, "MYRIGHTS Few")[0] == "* MYRIGHTS Few lrsa"
    assert said(raw, "DELETE Few")[-1] == "x NO [NOPERM] Permission denied."
    said(raw, "SETACL Few owner +x")
    assert said(raw, "DELETE Few")[-1].startswith("x OK")


def test_list_myrights(raw):
    for box in ("foo", "foo/sub", "bar/sub"):
        said(raw, f"CREATE {box}")
    said(raw, "SUBSCRIBE foo/sub")
    said(raw, "SETACL foo owner lrs")
    rows = said(raw, 'LIST "" % RETURN (MYRIGHTS)')
    assert f"* MYRIGHTS INBOX {ALL}" in rows
    assert "* MYRIGHTS foo lrsa" in rows
    assert rows.index('* LIST () "/" foo') < rows.index("* MYRIGHTS foo lrsa")
    assert any("NonExistent" in r and r.endswith(" bar") for r in rows)
    assert not any(r.startswith("* MYRIGHTS bar") for r in rows)
    # listed only for what is below it
    rows = said(raw, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" % RETURN (MYRIGHTS)')
    assert any('foo ("CHILDINFO" ("SUBSCRIBED"))' in r for r in rows)
    assert not any(r.startswith("* MYRIGHTS foo") for r in rows)
    rows = said(raw, 'LIST "" foo RETURN (MYRIGHTS STATUS (MESSAGES))')
    assert rows[1:] == ["* MYRIGHTS foo lrsa", "* STATUS foo (MESSAGES 0)",
                        "x OK LIST completed."]
    assert said(raw, 'LIST "" % RETURN (MYRIGHTS x)')[-1].startswith("x BAD")


@pytest.mark.skipif(not culver.IS_ROOT, reason="users of different uids need root")
def test_rights_of_another_user_count_and_can_be_given():
    with Shared() as server, server.raw() as alice, server.raw() as bob:
        for raw, name in ((alice, "alice"), (bob, "bob")):
            raw.line()
            assert b"OK" in raw.command(f"LOGIN {name} secret")[-1]
        said(alice, "CREATE Team")
        theirs = "shared/alice/Team"
        assert said(bob, f"MYRIGHTS {theirs}") == ["x NO [NONEXISTENT] Mailbox doesn't exist."]
        said(alice, "SETACL Team bob lr")
        assert said(bob, f"MYRIGHTS {theirs}")[0] == f"* MYRIGHTS {theirs} lr"
        for command in (f"GETACL {theirs}", f"SETACL {theirs} bob +a", f"LISTRIGHTS {theirs} bob",
                        f"DELETEACL {theirs} bob"):
            assert said(bob, command) == ["x NO [NOPERM] Permission denied."]
        said(alice, "SETACL Team bob +a")
        assert said(bob, f"SETACL {theirs} carol lr")[-1].startswith("x OK")
        row = said(alice, "GETACL Team")[0].split()[3:]
        assert dict(zip(row[::2], row[1::2])) == {"alice": OWNER.split()[1], "bob": "lra", "carol": "lr"}
        # one who may ask sees the owner too
        assert dict(zip(*[iter(said(bob, f"GETACL {theirs}")[0].split()[3:])] * 2)) == \
            dict(zip(row[::2], row[1::2]))
        assert said(bob, 'LIST "" shared/alice/% RETURN (MYRIGHTS)')[-2] == \
            f"* MYRIGHTS {theirs} lra"


@pytest.mark.skipif(not dovecot.available(), reason="needs Debian's Dovecot and root")
def test_the_same_words_as_dovecot():
    acl = "mail_plugins = acl\nprotocol imap {\n  mail_plugins = acl imap_acl\n}\n" \
        "plugin {\n  acl = vfile\n  acl_anyone = allow\n}\n"
    said_by = []
    for server in (dovecot.Dovecot(acl), culver.Server()):
        with server, server.raw() as raw:
            raw.line()
            raw.command("LOGIN alice secret")
            raw.command("CREATE Work")
            rows = [said(raw, c) for c in (
                "SETACL Work jane lrs", "SETACL Work $team lrwst", "SETACL Work jane +i",
                "SETACL Work -jane s", "SETACL Work anyone l", "DELETEACL Work anyone",
                "GETACL Work")]
            row = rows[6][0].split()[3:]
            # [RFC5257 3.4] "n" goes along with "w" here
            rows[6] = {k: "".join(sorted(v)).replace("n", "") for k, v in zip(row[::2], row[1::2])
                       if k not in ("alice", "owner")}
            said_by.append([r if isinstance(r, dict) else r[-1].split()[1] for r in rows])
    assert said_by[0] == said_by[1]
