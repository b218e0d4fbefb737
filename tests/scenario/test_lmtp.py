"""LMTP [RFC2033]: replies, parameters, framing, hostile input."""
import re
import smtplib
import socket
import ssl

import pytest

import culver

MAIL = b"From: <a@example.org>\r\nSubject: hello\r\n\r\nbody\r\n"


class Lmtp(culver.Raw):
    """A raw connection after its greeting."""

    def __init__(self, server):
        super().__init__(server.lmtp_port)
        self.greeting = self.reply()

    def reply(self):
        lines = []
        while True:
            line = self.line()
            lines.append(line.decode(errors="replace").rstrip("\r\n"))
            if len(line) < 4 or line[3:4] != b"-":
                return lines

    def ask(self, text):
        self.send(text + "\r\n")
        return self.reply()

    def begin(self, *recipients):
        assert self.ask("LHLO client.example.org")[-1].startswith("250 ")
        assert self.ask("MAIL FROM:<sender@example.org>")[0].startswith("250")
        return [self.ask(f"RCPT TO:<{r}>")[0] for r in recipients]


def bodies(server, user="alice", mailbox="INBOX"):
    client = server.imap(user)
    try:
        client.select(mailbox, readonly=True)
        uids = client.uid("search", None, "ALL")[1][0].split()
        return [client.uid("fetch", uid, "(BODY.PEEK[])")[1][0][1] for uid in uids]
    finally:
        client.logout()


def test_greeting_and_capabilities(server):
    with Lmtp(server) as c:
        assert re.match(r"220 \S+ ", c.greeting[0])
        lines = c.ask("LHLO client.example.org")
        words = {line[4:].split()[0] for line in lines[1:]}
        assert {"8BITMIME", "CHUNKING", "ENHANCEDSTATUSCODES", "PIPELINING", "SIZE",
                "STARTTLS"} <= words
        assert c.ask("QUIT")[0].startswith("221 2.0.0")
        assert c.closed()


def test_delivered_mail_is_read_back_with_trace_headers(make_server):
    server = make_server()
    assert server.deliver(MAIL) == {}
    (body,) = bodies(server)
    header, _, rest = body.partition(b"From: <a@example.org>\r\n")
    assert rest == b"Subject: hello\r\n\r\nbody\r\n"
    # [RFC5321 4.4] Return-Path comes first
    assert header.startswith(b"Return-Path: <sender@example.org>\r\n")
    assert b"Delivered-To: alice\r\n" in header
    assert re.search(rb"Received: from .*\r\n\tby .* with LMTP\r\n\tid ", header)


def test_one_reply_for_each_accepted_recipient_in_order(server):
    with Lmtp(server) as c:
        replies = c.begin("alice", "nobody-here", "bob", "alice+box")
        assert [r[:3] for r in replies] == ["250", "550", "250", "250"]
        assert c.ask("DATA")[0].startswith("354")
        c.send(MAIL + b".\r\n")
        assert [c.reply()[0].split(" ", 3)[2] for _ in range(3)] == [
            "<alice>", "<bob>", "<alice+box>"]
        assert c.ask("NOOP")[0].startswith("250")


def test_pipelined_transaction(server):
    with Lmtp(server) as c:
        c.send(b"LHLO x\r\nMAIL FROM:<s@x>\r\nRCPT TO:<alice>\r\nDATA\r\n")
        assert [c.reply()[-1][:3] for _ in range(4)] == ["250", "250", "250", "354"]
        c.send(MAIL + b".\r\nQUIT\r\n")
        assert c.reply()[0].startswith("250 2.0.0 <alice>")
        assert c.reply()[0].startswith("221")


def test_unix_socket(server):
    with server.lmtp(unix=True) as client:
        # one each: smtplib reads one reply after DATA, LMTP has one a recipient
        for user in ("alice", "bob"):
            assert client.sendmail("s@example.org", [user], MAIL) == {}


def test_chunking(make_server):
    server = make_server()
    with Lmtp(server) as c:
        c.begin("alice")
        c.send(b"BDAT 10\r\n" + MAIL[:10])
        assert c.reply()[0].startswith("250 ")
        # [RFC3030 2] dots and line ends mean nothing in a chunk
        rest = MAIL[10:] + b".\r\nafter\r\n"
        c.send(b"BDAT %d LAST\r\n" % len(rest) + rest)
        assert c.reply()[0].startswith("250 2.0.0 <alice>")
    (body,) = bodies(server)
    assert body.endswith(b"body\r\n.\r\nafter\r\n")


def test_chunk_errors(server):
    with Lmtp(server) as c:
        c.ask("LHLO x")
        c.send(b"BDAT 5 LAST\r\nhello")
        assert c.reply()[0].startswith("503")
        c.ask("MAIL FROM:<s@x>")
        c.ask("RCPT TO:<alice>")
        c.send(b"BDAT 5\r\nhello")
        assert c.reply()[0].startswith("250")
        assert c.ask("DATA")[0].startswith("503")
        for bad in ("BDAT 99999999999999999999", "BDAT -1", "BDAT x"):
            with Lmtp(server) as d:
                d.begin("alice")
                assert d.ask(bad)[0].startswith("501")
                assert d.closed()
        with Lmtp(server) as d:
            d.begin("alice")
            assert d.ask("BDAT 4294967296 LAST")[0].startswith("552")
            assert d.closed()


@pytest.mark.parametrize("ending", [
    b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n",
    b"\r\n\0.\r\n", b"\n\n.\r\n",
])
def test_only_crlf_dot_crlf_ends_data(make_server, ending):
    """[security.md D2] nothing else may be taken for the end: what follows
    would be a second message of the sender's making."""
    server = make_server()
    smuggled = b"MAIL FROM:<evil@x>\r\nRCPT TO:<bob>\r\nDATA\r\n"
    with Lmtp(server) as c:
        c.begin("alice")
        c.ask("DATA")
        c.send(b"Subject: x\r\n\r\nhi" + ending + smuggled + b"\r\n.\r\n")
        assert c.reply()[0].startswith("250 2.0.0 <alice>")
        assert c.ask("NOOP")[0].startswith("250")
    assert len(bodies(server)) == 1
    assert bodies(server, "bob") == []


def test_dot_stuffing_is_removed(make_server):
    server = make_server()
    with Lmtp(server) as c:
        c.begin("alice")
        c.ask("DATA")
        c.send(b"Subject: x\r\n\r\n..dot\r\n...two\r\na.b\r\n.\r\n")
        assert c.reply()[0].startswith("250")
    assert bodies(server)[0].endswith(b"\r\n\r\n.dot\r\n..two\r\na.b\r\n")


def test_data_split_at_every_byte(make_server):
    server = make_server()
    data = b"Subject: s\r\n\r\n..x\r\n.\r\n"
    with Lmtp(server) as c:
        c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for cut in range(1, len(data)):
            c.ask("RSET")
            c.begin("alice")
            c.ask("DATA")
            c.send(data[:cut])
            c.send(data[cut:])
            assert c.reply()[0].startswith("250 2.0.0"), cut
    found = bodies(server)
    assert len(found) == len(data) - 1
    assert all(b.endswith(b"Subject: s\r\n\r\n.x\r\n") for b in found)


@pytest.mark.parametrize("command,code", [
    ("MAIL FROM:<a@b", "501"), ("MAIL FROM:a@b", "501"), ("MAIL FROM:<@>", "501"),
    ("MAIL FROM:<a b@c>", "501"), ("MAIL FROM:<a@b> SIZE=x", "501"),
    ("MAIL FROM:<a@b> SIZE=99999999999999999999", "501"),
    ("MAIL FROM:<a@b> SIZE=999999999999", "552"),
    ("MAIL FROM:<a@b> BODY=BINARYMIME", "501"), ("MAIL FROM:<a@b> FOO=1", "555"),
    ("MAIL FROM:<a@b>junk", "501"), ('MAIL FROM:<""@x>', "501"),
    ("MAIL FROM:<>", "250"), ("MAIL FROM:<@r1,@r2:a@b>", "250"),
    ('MAIL FROM:<"a b"@c>', "250"), ("MAIL FROM:<a@b> BODY=8BITMIME SIZE=10", "250"),
    ("RCPT TO:<alice>", "503"), ("DATA", "503"), ("EHLO x", "502"), ("FOO", "500"),
    ("LHLO", "501"), ("LHLO a b", "501"), ("VRFY alice", "252"), ("NOOP junk", "250"),
])
def test_commands_and_their_replies(server, command, code):
    with Lmtp(server) as c:
        c.ask("LHLO x")
        assert c.ask(command)[0].startswith(code)
        assert c.ask("NOOP")[0].startswith("250")


@pytest.mark.parametrize("recipient", [
    "../bob", "a/../../b", ".", "..", "al%69ce", "%u", "%{user}", "nobody@x;rm", "-x",
    "a" * 600, '"a/b"@x', "alice\\@x",
])
def test_hostile_recipients_are_refused(server, recipient):
    with Lmtp(server) as c:
        (reply,) = c.begin(recipient)
        assert reply[0] in "45"
        assert c.ask("NOOP")[0].startswith("250")


def test_nul_and_long_lines(server):
    with Lmtp(server) as c:
        c.send(b"LHLO x\0y\r\n")
        assert c.reply()[0].startswith("501")
        c.send(b"NOOP " + b"x" * 1_000_000 + b"\r\n")
        assert c.reply()[0][:3] in ("500", "421")
    with Lmtp(server) as c:
        assert c.ask("NOOP")[0].startswith("250")


def test_too_many_errors_end_the_connection(server):
    with Lmtp(server) as c:
        c.send(b"FOO\r\n" * 50)
        assert c.closed()


def test_too_large_message_is_refused_at_its_end(make_server):
    server = make_server(extra="protocol lmtp {\n  lmtp_max_message_size = 4k\n}\n")
    with Lmtp(server) as c:
        c.begin("alice")
        c.ask("DATA")
        c.send(b"Subject: x\r\n\r\n" + b"y" * 5000 + b"\r\n.\r\n")
        assert c.reply()[0].startswith("552 5.3.4")
        assert c.ask("NOOP")[0].startswith("250")
    assert bodies(server) == []


def test_client_that_goes_away_leaves_nothing(make_server):
    server = make_server()
    for part in (b"", b"Subject: x\r\n", b"Subject: x\r\n\r\nbody\r\n.", b"a\r\n.\r"):
        with Lmtp(server) as c:
            c.begin("alice")
            c.ask("DATA")
            c.send(part)
    assert bodies(server) == []


def test_starttls(server):
    context = ssl.create_default_context(cafile=server.dir / "cert.pem")
    with Lmtp(server) as c:
        c.ask("LHLO x")
        assert c.ask("STARTTLS")[0].startswith("220")
        c.sock = context.wrap_socket(c.sock, server_hostname="localhost")
        assert c.ask("MAIL FROM:<a@b>")[0].startswith("503")
        lines = c.ask("LHLO x")
        assert not any("STARTTLS" in line for line in lines)
        c.ask("MAIL FROM:<a@b>")
        assert c.ask("RCPT TO:<alice>")[0].startswith("250")
        c.ask("DATA")
        c.send(MAIL + b".\r\n")
        assert c.reply()[0].startswith("250")


def test_commands_behind_starttls_are_never_run(server):
    with Lmtp(server) as c:
        c.ask("LHLO x")
        c.send(b"STARTTLS\r\nMAIL FROM:<evil@x>\r\n")
        assert c.reply()[0][:3] in ("501", "220")
        assert c.closed()


def test_detail_goes_to_its_mailbox(make_server):
    server = make_server(extra="""
lda_mailbox_autocreate = yes
lda_mailbox_autosubscribe = yes
protocol lmtp {
  lmtp_save_to_detail_mailbox = yes
}
""")
    assert server.deliver(MAIL, user="alice+Lists") == {}
    assert len(bodies(server, mailbox="Lists")) == 1
    client = server.imap()
    assert any(b"Lists" in line for line in client.lsub()[1])
    client.logout()


def test_detail_without_autocreate_goes_to_inbox(make_server):
    server = make_server(extra="protocol lmtp {\n lmtp_save_to_detail_mailbox = yes\n}\n")
    assert server.deliver(MAIL, user="alice+Lists") == {}
    assert server.deliver(MAIL, user="alice+../../x") == {}
    assert len(bodies(server)) == 2


def test_smtplib_refuses_unknown_users(server):
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        server.deliver(MAIL, user="unknown")
