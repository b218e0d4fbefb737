"""Postfix delivers to two virtual users through LMTP, over a UNIX socket, TCP,
and TCP with TLS; the mail arrives whole and once."""
import email
import smtplib
import time

import pytest

import postfix

pytestmark = pytest.mark.skipif(not postfix.available(), reason="needs root and Postfix")


def message(n):
    return (f"From: sender@example.com\r\nTo: alice@example.org\r\n"
            f"Subject: through Postfix {n}\r\nMessage-ID: <{n}@example.com>\r\n"
            f"\r\nline one\r\n.leading dot\r\nlast line {n}\r\n")


def wait_for(server, user, count, mta, secs=30):
    client = server.imap(user)
    deadline = time.monotonic() + secs
    while True:
        client.select("INBOX")
        uids = client.uid("search", None, "ALL")[1][0].split()
        if len(uids) >= count:
            break
        assert time.monotonic() < deadline, mta.log + server.log
        time.sleep(0.1)
    found = [client.uid("fetch", uid, "(BODY.PEEK[])")[1][0][1] for uid in uids]
    client.logout()
    return found


@pytest.mark.parametrize("way", ["unix", "tcp", "tls"])
def test_postfix_delivers(make_server, way):
    server = make_server()
    transport = {
        "unix": f"lmtp:unix:{server.lmtp_socket}",
    }.get(way, f"lmtp:inet:127.0.0.1:{server.lmtp_port}")
    cafile = str(server.dir / "cert.pem") if way == "tls" else ""
    with postfix.Postfix(transport, cafile) as mta:
        with smtplib.SMTP("127.0.0.1", mta.port) as client:
            for n in range(5):
                client.sendmail("sender@example.com",
                                ["alice@example.org", "bob@example.org"], message(n))
            client.sendmail("sender@example.com", ["alice+lists@example.org"], message(5))
        alice = wait_for(server, "alice", 6, mta)
        bob = wait_for(server, "bob", 5, mta)
    subjects = sorted(email.message_from_bytes(m)["Subject"] for m in alice)
    assert subjects == [f"through Postfix {n}" for n in range(6)]
    assert len(bob) == 5
    for m in alice + bob:
        assert b"\r\n.leading dot\r\nlast line " in m
        assert m.startswith(b"Return-Path: <sender@example.com>\r\n")


def test_postfix_keeps_mail_while_culver_is_down(make_server):
    """The queue is Postfix's; nothing is lost or doubled by a restart."""
    server = make_server()
    transport = f"lmtp:inet:127.0.0.1:{server.lmtp_port}"
    with postfix.Postfix(transport) as mta:
        server.stop()
        with smtplib.SMTP("127.0.0.1", mta.port) as client:
            client.sendmail("s@example.com", ["alice@example.org"], message(1))
        time.sleep(1)
        server.start()
        found = wait_for(server, "alice", 1, mta)
        time.sleep(2)
        assert len(wait_for(server, "alice", 1, mta)) == len(found) == 1


def test_unknown_user_bounces_at_once(make_server):
    server = make_server()
    transport = f"lmtp:inet:127.0.0.1:{server.lmtp_port}"
    with postfix.Postfix(transport) as mta:
        with smtplib.SMTP("127.0.0.1", mta.port) as client:
            client.sendmail("alice@example.org", ["no/body@example.org"], message(1))
        (bounce,) = wait_for(server, "alice", 1, mta)
    assert b"no/body@example.org" in bounce
    assert b"550 5" in bounce or b"501 5" in bounce
