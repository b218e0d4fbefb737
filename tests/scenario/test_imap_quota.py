"""QUOTA [RFC9208, RFC2087], STATUS DELETED and DELETED-STORAGE, APPENDLIMIT
[RFC7889]: what clients see; test_quota.py has what is enforced."""
import pytest

import culver
import dovecot
from test_shared import SHARED, Shared

CONFIG = """
mail_plugins = $mail_plugins quota
plugin {
  quota = count:User quota
  quota_rule = *:storage=512K:messages=1000
  quota_rule2 = Trash:messages=+2
  quota_mailbox_count = 4
}
"""
MAIL = b"Subject: x\r\n\r\n" + b"0123456789abcdef\r\n" * 100


def login(server, user="alice"):
    raw = server.raw()
    raw.line()
    assert b"OK" in raw.command(f"LOGIN {user} secret")[-1]
    return raw


@pytest.fixture(scope="module")
def server():
    with culver.Server(extra=CONFIG) as server:
        yield server


@pytest.fixture(scope="module")
def raw(server):
    client = server.imap()
    for _ in range(3):
        assert client.append("INBOX", None, None, MAIL)[0] == "OK"
    client.logout()
    with login(server) as raw:
        yield raw


def said(raw, command):
    return [line.decode().rstrip() for line in raw.command(command)]


def test_capability(raw):
    words = said(raw, "CAPABILITY")[0].split()
    assert {"QUOTA", "QUOTA=RES-STORAGE", "QUOTA=RES-MESSAGE", "QUOTA=RES-MAILBOX"} <= set(words)
    assert "QUOTASET" not in words          # no provider takes new limits
    assert "APPENDLIMIT=1073741824" in words


def test_getquotaroot_and_getquota(raw):
    quota = '* QUOTA "User quota" (STORAGE 6 512 MESSAGE 3 1000 MAILBOX 1 4)'
    assert said(raw, "GETQUOTAROOT INBOX") == [
        '* QUOTAROOT INBOX "User quota"', quota, "x OK Getquotaroot completed."]
    assert said(raw, 'GETQUOTA "User quota"') == [quota, "x OK Getquota completed."]
    # it need not exist [RFC9208 4.1.2]
    assert said(raw, "GETQUOTAROOT not/there")[0] == '* QUOTAROOT not/there "User quota"'
    # rules of one mailbox
    assert "MESSAGE 3 1002" in said(raw, "GETQUOTAROOT Trash")[1]
    for root in ('"no such root"', '""', '"User quota (none)"', '"()"'):
        assert said(raw, f"GETQUOTA {root}") == ["x NO [NONEXISTENT] No such quota root."]


@pytest.mark.parametrize("command", [
    "GETQUOTA", "GETQUOTA a b", "GETQUOTA (a)", "GETQUOTAROOT", "GETQUOTAROOT INBOX x", "SETQUOTA",
    'SETQUOTA "User quota"', 'SETQUOTA "User quota" STORAGE', 'SETQUOTA "User quota" (STORAGE)',
    'SETQUOTA "User quota" (STORAGE x)', 'SETQUOTA "User quota" (STORAGE 99999999999999999999)',
    'SETQUOTA "User quota" (STORAGE 1) x'])
def test_bad(raw, command):
    assert said(raw, command)[-1].startswith("x BAD "), command
    said(raw, "NOOP")


def test_limits_are_the_administrators(raw):
    assert said(raw, 'SETQUOTA "User quota" (STORAGE 510)') == [
        "x NO [NOPERM] Limits are set by the administrator."]
    assert said(raw, 'SETQUOTA "User quota" ()')[0].startswith("x NO [NOPERM]")
    assert said(raw, 'SETQUOTA "User quota" (BOXES 1)')[0].startswith("x NO [CANNOT]")
    assert said(raw, 'SETQUOTA none (STORAGE 1)')[0].startswith("x NO [NONEXISTENT]")


def test_too_many_mailboxes(raw):
    for box in ("one", "two", "three"):
        assert said(raw, f"CREATE {box}")[-1].startswith("x OK")
    assert said(raw, "CREATE four") == ["x NO [OVERQUOTA] Too many mailboxes."]
    assert "MAILBOX 4 4" in said(raw, "GETQUOTAROOT INBOX")[1]
    assert said(raw, "DELETE one")[-1].startswith("x OK")
    assert said(raw, "CREATE four")[-1].startswith("x OK")


def test_status(raw):
    said(raw, "SELECT INBOX")
    said(raw, "STORE 1:2 +FLAGS.SILENT (\\Deleted)")
    said(raw, "UNSELECT")
    size = len(MAIL)
    assert said(raw, "STATUS INBOX (MESSAGES DELETED DELETED-STORAGE)") == [
        f"* STATUS INBOX (MESSAGES 3 DELETED 2 DELETED-STORAGE {2 * size})", "x OK Status completed."]
    assert said(raw, "STATUS INBOX (APPENDLIMIT)")[0] == "* STATUS INBOX (APPENDLIMIT 1073741824)"
    rows = said(raw, 'LIST "" INBOX RETURN (STATUS (APPENDLIMIT DELETED))')
    assert rows[1] == "* STATUS INBOX (DELETED 2 APPENDLIMIT 1073741824)"


def test_append_limit():
    with culver.Server(extra="protocol imap {\n  imap_max_append_size = 1000\n}\n") as server, \
            login(server) as raw:
        assert "APPENDLIMIT=1000" in said(raw, "CAPABILITY")[0].split()
        raw.send(b"x APPEND INBOX {1001}\r\n")
        assert raw.line().startswith(b"x NO [TOOBIG]")
        assert "QUOTA" not in said(raw, "CAPABILITY")[0]
        assert said(raw, "GETQUOTAROOT INBOX") == ["* QUOTAROOT INBOX", "x OK Getquotaroot completed."]
    with culver.Server(extra="protocol imap {\n  imap_max_append_size = 0\n}\n") as server, \
            login(server) as raw:
        assert "APPENDLIMIT" in said(raw, "CAPABILITY")[0].split()
        assert said(raw, "STATUS INBOX (APPENDLIMIT)")[0] == "* STATUS INBOX (APPENDLIMIT NIL)"


@pytest.mark.skipif(not culver.IS_ROOT, reason="users of different uids need root")
def test_the_owners_root_of_a_shared_mailbox():
    with Shared(SHARED + CONFIG) as server, login(server, "alice") as alice, login(server, "bob") as bob:
        said(alice, "CREATE Team")
        theirs = "shared/alice/Team"
        assert said(bob, f"GETQUOTAROOT {theirs}")[-1].startswith("x NO [NONEXISTENT]")
        assert said(bob, f'GETQUOTA "User quota ({theirs})"')[-1].startswith("x NO [NONEXISTENT]")
        said(alice, "SETACL Team bob lri")
        bob.send(f"x APPEND {theirs} {{{len(MAIL)}+}}\r\n".encode() + MAIL + b"\r\n")
        assert bob.until("x")[-1].startswith(b"x OK")
        rows = said(bob, f"GETQUOTAROOT {theirs}")
        assert rows[0] == f'* QUOTAROOT {theirs} "User quota ({theirs})"'
        assert rows[1] == f'* QUOTA "User quota ({theirs})" (STORAGE 2 512 MESSAGE 1 1000 MAILBOX 2 4)'
        assert said(bob, f'GETQUOTA "User quota ({theirs})"')[0] == rows[1]
        assert "MESSAGE 0 1000" in said(bob, 'GETQUOTA "User quota"')[0]


@pytest.mark.skipif(not dovecot.available(), reason="needs Debian's Dovecot and root")
def test_the_same_words_as_dovecot():
    rows = []
    text = CONFIG.replace("  quota_mailbox_count = 4\n", "")
    theirs = text.replace("plugin {\n", "plugin {\n  quota_vsizes = yes\n") + "protocol imap {\n  mail_plugins = $mail_plugins quota imap_quota\n}\n"
    for server in (dovecot.Dovecot(theirs), culver.Server(extra=text)):
        with server, login(server) as raw:
            raw.send(f"x APPEND INBOX {{{len(MAIL)}+}}\r\n".encode() + MAIL + b"\r\n")
            assert b"OK" in raw.until("x")[-1]
            rows.append([said(raw, c)[:-1] for c in ("GETQUOTAROOT INBOX", 'GETQUOTA "User quota"')])
    assert rows[0] == rows[1]
