"""Quota: what does not fit is refused, everywhere the same, exactly."""
import smtplib
import subprocess
import threading

import pytest

import culver

CONFIG = """
mail_plugins = $mail_plugins quota
{more}
plugin {{
  quota = count:User quota
  quota_rule = {rule}
  quota_rule2 = Trash:messages=+2
  quota_max_mail_size = 600k
}}
"""
MAIL = b"Subject: x\r\n\r\n" + b"0123456789abcdef\r\n" * 10


def config(rule, more=""):
    return CONFIG.format(rule=rule, more=more)


@pytest.fixture
def full():
    with culver.Server(extra=config("*:storage=1M:messages=3")) as server:
        client = server.imap()
        for _ in range(3):
            assert client.append("INBOX", None, None, MAIL)[0] == "OK"
        yield server, client
        client.logout()


def test_append_copy_and_move(full):
    server, client = full
    kind, text = client.append("INBOX", None, None, MAIL)
    assert kind == "NO" and b"[OVERQUOTA]" in text[0] and b"Quota exceeded" in text[0]
    # a rule of its own
    assert client.append("Trash", None, None, MAIL)[0] == "OK"
    client.select("INBOX")
    kind, text = client.copy("1", "INBOX")
    assert kind == "NO" and b"[OVERQUOTA]" in text[0]
    assert client._simple_command("MOVE", "1", "Trash")[0] == "OK"
    assert server.adm("-f", "tab", "quota", "get", "-u", "alice").stdout.splitlines()[1:] in (
        ["User quota\tSTORAGE\t1\t1024\t0", "User quota\tMESSAGE\t4\t3\t133"],)
    # a message that is too large for anybody is not even read; nothing is full
    kind, text = client.append("Trash", None, None, b"x" * 700000)
    assert kind == "NO" and b"[LIMIT] Message is too large" in text[0]
    # doveadm's exit status for a full mailbox
    done = server.adm("copy", "-u", "alice", "Trash", "mailbox", "INBOX", "all", check=False)
    assert done.returncode == 73, done.stderr


def test_expunging_makes_room(full):
    _, client = full
    client.select("INBOX")
    client.store("1", "+FLAGS", "\\Deleted")
    client.expunge()
    assert client.append("INBOX", None, None, MAIL)[0] == "OK"
    assert client.append("INBOX", None, None, MAIL)[0] == "NO"


def test_bytes_count_with_crlf():
    with culver.Server(extra=config("*:bytes=%d" % (2 * len(MAIL)))) as server:
        client = server.imap()
        assert client.append("INBOX", None, None, MAIL)[0] == "OK"
        assert client.append("INBOX", None, None, MAIL)[0] == "OK"
        assert client.append("INBOX", None, None, b"a")[0] == "NO"
        client.logout()


@pytest.mark.parametrize("more, code", [("", 552), ("quota_full_tempfail = yes", 452)])
def test_lmtp_says_that_it_is_full(more, code):
    with culver.Server(extra=config("*:messages=1", more)) as server:
        assert server.deliver(MAIL) == {}
        with pytest.raises(smtplib.SMTPDataError) as failed:
            server.deliver(MAIL)
        assert failed.value.smtp_code == code
        assert b"Quota exceeded" in failed.value.smtp_error
        assert server.deliver(MAIL, user="bob") == {}


def test_other_limits_are_no_quota():
    """[RFC5530 3] LIMIT, and OVERQUOTA for the quota alone."""
    with culver.Server(extra=config("*:messages=30", "mail_max_keyword_length = 10")) as server:
        # the last UID is given away [RFC9051 2.3.1.1]
        server.adm("mailbox", "update", "-u", "alice", "--min-next-uid=4294967294", "INBOX")
        assert server.deliver(MAIL) == {}
        with pytest.raises(smtplib.SMTPDataError) as failed:
            server.deliver(MAIL)
        assert failed.value.smtp_code == 552
        assert failed.value.smtp_error.startswith(b"5.2.0 ")
        client = server.imap()
        client.create("Work")
        for kind, text in (client.append("INBOX", None, None, MAIL),
                           client.append("Work", "(a2345678901)", None, MAIL)):
            assert kind == "NO" and b"[LIMIT]" in text[0], text
        assert client.append("Work", "(a234567890)", None, MAIL)[0] == "OK"
        client.select("Work")
        for kind, text in (client.copy("1", "INBOX"),
                           client._simple_command("MOVE", "1", "INBOX"),
                           client.store("1", "+FLAGS", "(a2345678901)")):
            assert kind == "NO" and b"[LIMIT]" in text[0], text
        assert client.noop()[0] == "OK" and client.select("Work")[1] == [b"1"]
        client.logout()


def test_racing_sessions_fill_it_exactly():
    with culver.Server(extra=config("*:messages=30")) as server:
        results = []

        def fill():
            client = server.imap()
            for _ in range(15):
                results.append(client.append("INBOX", None, None, MAIL)[0])
            client.logout()

        threads = [threading.Thread(target=fill) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results.count("OK") == 30 and results.count("NO") == 30
        client = server.imap()
        assert client.select("INBOX")[1] == [b"30"]
        client.logout()


def test_mail_that_nobody_has_opened_counts():
    """A Maildir that another program has filled, before any of its folders was
    selected."""
    with culver.Server(extra=config("*:messages=30")) as server:
        for folder, count in (("cur", 2), (".work/cur", 3), (".old.er/new", 4)):
            place = server.home("alice") / "Maildir" / folder
            for name in ("cur", "new", "tmp"):
                (place.parent / name).mkdir(parents=True, exist_ok=True)
            for i in range(count):
                (place / f"1700000000.{i}.{count}").write_bytes(MAIL)
        if culver.IS_ROOT:
            subprocess.run(["chown", "-R", f"{culver.MAIL_USER}:{culver.MAIL_GROUP}",
                            server.home("alice")], check=True)
        client = server.imap()
        assert b"MESSAGE 9 30" in client.getquota('"User quota"')[1][0]
        assert client.append("INBOX", None, None, MAIL)[0] == "OK"
        assert b"MESSAGE 10 30" in client.getquota('"User quota"')[1][0]
        client.logout()
