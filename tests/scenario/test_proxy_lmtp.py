"""LMTP: recipients whose mail is on other servers, and XCLIENT."""
import contextlib
import re
import signal
import smtplib
import socket
import threading
import time

import pytest

import culver
import dovecot
import postfix
from test_lmtp import MAIL, Lmtp, bodies

TRUST = "login_trusted_networks = 127.0.0.0/8\n"
PROXY = "lmtp_proxy = yes\nauth_verbose = yes\n"
NAMES = ["alice", "bob", "carol"]


def write_users(server, users):
    server.users.update(dict.fromkeys(users, "secret"))
    (server.dir / "users").write_text("".join(
        f"{name}:{{PLAIN}}secret::::::{fields}\n" for name, fields in users.items()))


def send(c, *recipients, mail=MAIL):
    """The replies to RCPT, then those after the message."""
    first = c.begin(*recipients)
    accepted = [r for r in first if r.startswith("250")]
    answer = c.ask("DATA")[0]
    if not accepted:
        assert answer.startswith("503")
        return first, []
    assert answer.startswith("354")
    c.send(mail + b".\r\n")
    return first, [c.reply()[0] for _ in accepted]


class Fake:
    """A backend that does as its script says: a function of the connection's
    file for each connection."""

    def __init__(self, script):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.script, self.seen, self.count = script, [], 0
        self.end = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                conn, _ = self.listener.accept()
                self.count += 1
                threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        with contextlib.suppress(OSError), conn, conn.makefile("rb") as f:
            f.write = conn.sendall
            self.script(self, f)

    def expect(self, f, verb, answer):
        line = f.readline().decode().strip()
        self.seen.append(line)
        assert line.upper().startswith(verb), (line, verb)
        f.write(answer.encode() + b"\r\n")

    def message(self, f):
        lines = []
        while not lines or lines[-1] not in (b".\r\n", b""):
            lines.append(f.readline())
        self.seen.append(b"".join(lines))

    def begin(self, f, recipients=1, caps="250-SIZE\r\n250 8BITMIME", hello="LHLO"):
        f.write(b"220 fake\r\n")
        self.expect(f, hello, caps)
        self.expect(f, "MAIL", "250 2.1.0 OK")
        for _ in range(recipients):
            self.expect(f, "RCPT", "250 2.1.5 OK")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.end.set()
        # wakes accept
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@pytest.fixture(scope="module", params=["culver", "dovecot"])
def far(request):
    if request.param == "dovecot" and not dovecot.available():
        pytest.skip("needs Dovecot and root")
    kind = culver.Server if request.param == "culver" else dovecot.Dovecot
    with kind(users=dict.fromkeys(NAMES + ["dest"], "secret"),
              extra=TRUST + "recipient_delimiter = +\n") as server:
        yield server


@pytest.fixture(scope="module")
def other():
    with culver.Server(users=dict.fromkeys(NAMES, "secret"), extra=TRUST) as server:
        yield server


@pytest.fixture(scope="module")
def front(far, other):
    with culver.Server(users={}, extra=PROXY +
                       f"ssl_client_ca_file = {far.dir}/cert.pem\n") as server:
        at = f"proxy host=127.0.0.1 port={far.lmtp_port}"
        tls = f"proxy hostip=127.0.0.1 port={far.lmtp_port} starttls=yes destuser=alice"
        write_users(server, {
            "alice": at, "bob": f"proxy host=127.0.0.1 port={other.lmtp_port}",
            "carol": "", "nobody": at, "moved": at + " destuser=dest",
            "renamed": at + " user=dest",
            "named": at.replace("127.0.0.1", "localhost") + " destuser=alice",
            "tls": tls + " host=localhost", "wrongname": tls + " host=other.example.org",
            "anycert": tls.replace("yes", "any-cert") + " host=other.example.org",
            "dead": f"proxy host=127.0.0.1 port={culver.free_port()} proxy_timeout=2",
            "nohost": "proxy", "badprotocol": at + " protocol=uucp",
            "badname": at + " destuser=a<b",
            "maybe": f"proxy_maybe host=127.0.0.1 port={far.lmtp_port}",
            "myself": f"proxy host=127.0.0.1 port={server.lmtp_port}",
        })
        yield server


def test_recipients_are_split_and_answered_in_order(front, far, other):
    before = len(bodies(far)), len(bodies(other, "bob")), len(bodies(front, "carol"))
    with Lmtp(front) as c:
        first, last = send(c, "alice", "carol@example.org", "bob", "nobody", "absent",
                           "carol", "alice+box")
        assert [r[:3] for r in first] == ["250", "250", "250", "550", "550", "250", "250"]
        assert [r[:9] for r in last] == ["250 2.0.0"] * 5
        assert "<carol@example.org>" in last[1] and "<bob>" in last[2]
        assert "<carol>" in last[3]
        # the same connection goes on
        assert [r[:3] for r in send(c, "bob")[1]] == ["250"]
    after = len(bodies(far)), len(bodies(other, "bob")), len(bodies(front, "carol"))
    # alice has it twice: she was named twice
    assert [b - a for a, b in zip(before, after)] == [2, 2, 2]
    assert not front.home("alice").exists()
    assert f"proxy to 127.0.0.1:{far.lmtp_port}: <alice>: 250 2.0.0 " in front.log


def test_one_transaction_for_each_backend(front, far):
    with Lmtp(front) as c:
        send(c, "alice", "moved", "alice+x")
    received = re.findall(rb"Received: [^;]*;", bodies(far, "dest")[-1])
    # the backend's, and the proxy's, which tells no recipient of another
    assert len(received) == 2
    assert b"from client.example.org" in received[1] and b"for <" not in received[1]


@pytest.mark.parametrize("user,there", [
    ("moved", "dest"), ("renamed", "dest"), ("named", "alice"), ("tls", "alice"),
    ("anycert", "alice")])
def test_fields(front, far, user, there):
    mail = MAIL.replace(b"hello", b"to " + user.encode())
    with Lmtp(front) as c:
        assert [r[:3] for r in send(c, user, mail=mail)[1]] == ["250"]
    assert any(b"Subject: to " + user.encode() in b for b in bodies(far, there))


def test_the_detail_goes_along(front, far):
    with Lmtp(front) as c:
        _, (last,) = send(c, "moved+box@example.org")
    assert last.startswith("250")
    body = bodies(far, "dest")[-1]
    assert b"dest+box" in body


@pytest.mark.parametrize("user,reply,reason", [
    ("wrongname", "451 4.3.5", "certificate of 'other.example.org' cannot be trusted"),
    ("dead", "451 4.4.1", "cannot connect to '127.0.0.1'"),
    ("nohost", "451 4.3.0", "returns no host"),
    ("badprotocol", "451 4.3.0", "protocol = 'uucp' is none of"),
    ("badname", "451 4.3.0", "destuser = 'a<b' is no mail address"),
    ("myself", "451 4.3.5", "proxying loops"),
])
def test_what_cannot_work_is_tried_later(front, user, reply, reason):
    with Lmtp(front) as c:
        first, last = send(c, user, "carol", user)
        assert first[0].startswith(reply) and first[2].startswith(reply)
        assert [r[:3] for r in last] == ["250"]
    culver.wait_for(lambda: reason in front.log)
    assert reason in front.log


def test_proxy_maybe_stays_here(front):
    with Lmtp(front) as c:
        send(c, "maybe")
    assert len(bodies(front, "maybe")) == 1


def test_dots_and_line_ends_arrive_as_they_were(front, far):
    lines = [b".", b"..", b".hidden", b"", b"x" * 70000, b". end", b"\xc3\xa9", b"."]
    mail = MAIL + b"\r\n".join(lines) + b"\r\n"
    stuffed = mail.replace(b"\r\n.", b"\r\n..")
    with Lmtp(front) as c:
        assert send(c, "alice", mail=stuffed)[1][0].startswith("250")
    assert bodies(far)[-1].endswith(mail)


def test_a_large_message_and_a_bare_line_feed(front, far):
    big = MAIL + b"".join(b"%07d\r\n" % i for i in range(300000))
    with Lmtp(front) as c:
        assert send(c, "alice", "moved", mail=big)[1][1].startswith("250")
    assert bodies(far, "dest")[-1].endswith(big)
    # [RFC5321 2.3.8] what some take for an end of data does not get there as one
    smuggled = MAIL + b"a\n.\nMAIL FROM:<evil@example.org>\nb"
    with Lmtp(front) as c:
        c.begin("moved")
        c.send(b"BDAT %d LAST\r\n" % len(smuggled) + smuggled)
        assert c.reply()[0].startswith("250")
    assert bodies(far, "dest")[-1].endswith(b"a\r\n.\r\nMAIL FROM:<evil@example.org>\r\nb\r\n")


# --- a backend that misbehaves -------------------------------------------------


@pytest.fixture(scope="module")
def relay():
    """A proxy whose users are where the tests say."""
    with culver.Server(users={}, extra=PROXY + "lmtp_proxy_data_timeout = 2s\n") as server:
        yield server


def point(relay, port, *users, fields="proxy_timeout=2"):
    entries = {u: f"proxy host=127.0.0.1 port={port} {fields}" for u in users}
    write_users(relay, {**entries, "local": ""})


def silent(fake, f):
    fake.end.wait(20)


def gone_in_the_middle(fake, f):
    fake.begin(f, 2)
    fake.expect(f, "DATA", "354 go on")
    f.read(100)


def silent_after_the_message(fake, f):
    fake.begin(f, 2)
    fake.expect(f, "DATA", "354 go on")
    fake.message(f)
    fake.end.wait(20)


def one_answer_only(fake, f):
    fake.begin(f, 2)
    fake.expect(f, "DATA", "354 go on")
    fake.message(f)
    f.write(b"250 2.0.0 kept\r\n")


def mixed(fake, f):
    fake.begin(f, 2)
    fake.expect(f, "DATA", "354 go on")
    fake.message(f)
    f.write(b"552-5.2.2 mailbox\r\n552 5.2.2 is full\r\n250 kept\r\n")
    fake.expect(f, "QUIT", "221 bye")


def refuses_data(fake, f):
    fake.begin(f, 2)
    fake.expect(f, "DATA", "554 no thanks")


def nonsense(fake, f):
    fake.begin(f, 2)
    fake.expect(f, "DATA", "354 go on")
    fake.message(f)
    f.write(b"yes of course\r\n250 kept\r\n250 kept\r\n")


def early_yes(fake, f):
    fake.begin(f, 2)
    fake.expect(f, "DATA", "250 kept already")


def end_of_words(fake, f):
    fake.begin(f, 2)
    fake.expect(f, "DATA", "354 go on")
    fake.message(f)
    f.write(b"421 shutting down\r\n")


@pytest.mark.parametrize("script,expected", [
    (gone_in_the_middle, ["451 4.4.2", "451 4.4.2"]),
    (silent_after_the_message, ["451 4.4.1", "451 4.4.1"]),
    (one_answer_only, ["250 2.0.0", "451 4.4.2"]),
    (mixed, ["552 5.2.2", "250 2.0.0"]),
    (refuses_data, ["554 5.0.0", "554 5.0.0"]),
    (nonsense, ["451 4.3.0", "451 4.3.0"]),
    (early_yes, ["451 4.3.0", "451 4.3.0"]),
    (end_of_words, ["451 4.0.0", "451 4.4.2"]),
])
def test_nothing_is_promised_that_the_backend_has_not(relay, script, expected):
    with Fake(script) as fake:
        point(relay, fake.port, "one", "two")
        with Lmtp(relay) as c:
            _, last = send(c, "one", "local", "two", mail=MAIL * 20000)
            assert last[1].startswith("250")
            assert [last[0][:9], last[2][:9]] == expected
            assert c.ask("NOOP")[0].startswith("250")
        # nothing was tried a second time
        assert fake.count == 1


def test_a_silent_backend_costs_its_own_time_only(relay):
    with Fake(silent) as fake:
        point(relay, fake.port, "one", "two", "three")
        start = time.monotonic()
        with Lmtp(relay) as c:
            first, last = send(c, "one", "two", "local", "three")
        assert [r[:9] for r in first] == ["451 4.4.1", "451 4.4.1", "250 2.1.5", "451 4.4.1"]
        assert last[0].startswith("250")
        assert time.monotonic() - start < 6 and fake.count == 1


@pytest.mark.parametrize("answer,reply", [
    ("550 5.1.1 who?", "550 5.1.1 who?"), ("452 full", "452 4.0.0 full"),
    ("421 4.3.2 bye", "451 4.3.2 bye"), ("999 what", "451 4.4.2")])
def test_refusals_of_recipients_are_passed_on(relay, answer, reply):
    def script(fake, f):
        fake.begin(f, 0)
        fake.expect(f, "RCPT", answer)
        f.readline()
    with Fake(script) as fake:
        point(relay, fake.port, "one")
        with Lmtp(relay) as c:
            assert send(c, "one")[0][0].startswith(reply)


def test_a_refused_sender_is_the_answer_to_each_recipient(relay):
    def script(fake, f):
        f.write(b"220 fake\r\n")
        fake.expect(f, "LHLO", "250 fake")
        fake.expect(f, "MAIL", "552 5.3.4 too large")
    with Fake(script) as fake:
        point(relay, fake.port, "one", "two")
        with Lmtp(relay) as c:
            first, _ = send(c, "one", "two")
        assert first == ["552 5.3.4 too large"] * 2 and fake.count == 1


def test_smtp_has_one_answer_for_all(relay):
    def script(fake, f):
        fake.begin(f, 2, hello="EHLO")
        fake.expect(f, "DATA", "354 go on")
        fake.message(f)
        f.write(b"250 2.0.0 queued as 17\r\n")
    with Fake(script) as fake:
        point(relay, fake.port, "one", "two", fields="protocol=smtp")
        with Lmtp(relay) as c:
            c.ask("LHLO client.example.org")
            c.ask("MAIL FROM:<a@example.org> SIZE=77 BODY=8BITMIME")
            c.ask("RCPT TO:<one>"), c.ask("RCPT TO:<two@example.org>")
            c.ask("DATA")
            c.send(MAIL + b".\r\n")
            assert [c.reply()[0] for _ in range(2)] == ["250 2.0.0 queued as 17"] * 2
        assert "MAIL FROM:<a@example.org> SIZE=77 BODY=8BITMIME" in fake.seen
        assert "RCPT TO:<two@example.org>" in fake.seen
        assert fake.seen[-1].endswith(MAIL + b".\r\n")


def test_a_client_that_goes_leaves_nothing_there(relay):
    def script(fake, f):
        fake.begin(f)
        fake.seen.append(f.readline().strip())
    with Fake(script) as fake:
        point(relay, fake.port, "one")
        with Lmtp(relay) as c:
            c.begin("one")
            c.ask("DATA")
            c.send(MAIL)
        culver.wait_for(lambda: b"QUIT" in fake.seen)
        assert fake.seen[-1] == b"QUIT"


def test_servers_at_a_time_have_a_bound(relay):
    def script(fake, f):
        fake.begin(f)
        fake.expect(f, "DATA", "354 go on")
        fake.message(f)
        f.write(b"250 2.0.0 kept\r\n")
    with Fake(script) as fake:
        write_users(relay, {f"u{i}": f"proxy host=127.0.0.1 port={fake.port} proxy_timeout={i + 9}"
                            for i in range(17)})
        with Lmtp(relay) as c:
            first, last = send(c, *[f"u{i}" for i in range(17)])
        assert [r[:3] for r in first] == ["250"] * 16 + ["452"]
        assert last == ["250 2.0.0 kept"] * 16
        assert fake.count == 16


def test_without_the_setting_mail_stays_and_nothing_can_connect(make_server):
    server = make_server(users={})
    write_users(server, {"alice": "proxy host=127.0.0.1 port=9"})
    assert server.deliver(MAIL) == {}
    assert len(list(server.home("alice").glob("Maildir/new/*"))) == 1


# --- who the client is --------------------------------------------------------


def test_xclient_is_for_trusted_networks_alone(make_server):
    server = make_server(extra="")
    with Lmtp(server) as c:
        assert not any("XCLIENT" in line for line in c.ask("LHLO x"))
        assert c.ask("XCLIENT ADDR=192.0.2.7")[0].startswith("550 5.7.0")
        assert send(c, "alice")[1][0].startswith("250")
    assert b"[127.0.0.1]" in bodies(server)[-1]


def test_what_xclient_says_is_believed(other):
    with Lmtp(other) as c:
        assert any(line == "250-XCLIENT ADDR PORT TTL PROTO HELO LOGIN"
                   for line in c.ask("LHLO x"))
        answer = c.ask("XCLIENT ADDR=IPV6:2001:db8::7 PORT=2525 TTL=3 PROTO=ESMTP "
                       "HELO=far+2Bout.example.org LOGIN=ann+40example.org")
        assert answer[0].startswith("220 ")
        # the session begins anew
        assert c.ask("MAIL FROM:<a>")[0].startswith("503")
        assert send(c, "alice")[1][0].startswith("250")
    assert re.search(rb"Received: from far\+out\.example\.org \(\[IPv6:2001:db8::7\]\)\r\n"
                     rb"\tby \S+ with ESMTP\r\n", bodies(other)[-1])
    assert "rip=2001:db8::7 rport=2525 helo=far+out.example.org login=ann@example.org" in other.log


@pytest.mark.parametrize("words", [
    "", "ADDR", "ADDR=", "ADDR=1.2.3", "ADDR=IPV6:zz", "PORT=0", "PORT=70000", "PORT=x",
    "TTL=0", "TTL=256", "PROTO=UUCP", "HELO=a+0Ab", "HELO=a+", "HELO=a+4", "HELO=a+zz",
    "HELO=a(b", "LOGIN=a\tb", "LOGIN=" + "x" * 300, "NAME=x", "=x", "ADDR=192.0.2.1 X=1"])
def test_malformed_xclient(other, words):
    with Lmtp(other) as c:
        c.ask("LHLO x")
        assert c.ask("XCLIENT " + words)[0].startswith("501 5.5.4")
        assert c.ask("XCLIENT ADDR=[UNAVAILABLE] PORT=[TEMPUNAVAIL]")[0].startswith("220")


def test_xclient_out_of_place(other):
    with Lmtp(other) as c:
        c.begin("alice")
        assert c.ask("XCLIENT ADDR=192.0.2.7")[0].startswith("503 5.5.1")
        assert c.ask("RSET")[0].startswith("250")
        c.send("XCLIENT ADDR=192.0.2.7\r\nLHLO smuggled\r\n")
        assert c.reply()[0].startswith("501 5.5.4") and c.closed()


def test_the_backend_hears_who_the_client_is(front, other):
    with Lmtp(front) as c:
        port = c.sock.getsockname()[1]
        send(c, "bob")
    culver.wait_for(lambda: f"rport={port}" in other.log)
    assert f"xclient: rip=127.0.0.1 rport={port} helo=client.example.org" in other.log
    assert b"Received: from client.example.org ([127.0.0.1])" in bodies(other, "bob")[-1]


def test_not_told_where_it_must_not_be(relay, other):
    point(relay, other.lmtp_port, "bob", fields="proxy_not_trusted")
    with Lmtp(relay) as c:
        port = c.sock.getsockname()[1]
        assert send(c, "bob")[1][0].startswith("250")
    assert f"rport={port} " not in other.log


def test_what_goes_in_a_circle_ends():
    servers = [culver.Server(users={}, extra=PROXY + TRUST) for _ in range(2)]
    for server, next_one in zip(servers, reversed(servers)):
        write_users(server, {"alice": f"proxy host=127.0.0.1 port={next_one.lmtp_port}"})
    with servers[0], servers[1]:
        with Lmtp(servers[0]) as c:
            assert send(c, "alice")[0][0].startswith("451 4.4.6 <alice> Proxying loops")
        logs = servers[0].log + servers[1].log
        assert logs.count("xclient:") == 5
        assert "has passed too many proxies" in logs


@pytest.mark.skipif(not dovecot.available(), reason="needs Dovecot and root")
def test_dovecot_in_front(other):
    with dovecot.Dovecot(users={}, extra="lmtp_proxy = yes\n") as front:
        write_users(front, {"bob": f"proxy host=127.0.0.1 port={other.lmtp_port}"})
        with Lmtp(front) as c:
            port = c.sock.getsockname()[1]
            assert send(c, "bob")[1][0].startswith("250"), front.log
        assert f"rport={port}" in other.log


# --- a real MTA in front of all --------------------------------------------------


def arrived(server, user, count):
    return culver.wait_for(lambda: server.home(user).exists() and
                           len(bodies(server, user)) >= count, 30)


@pytest.mark.skipif(not postfix.available(), reason="needs Postfix and root")
def test_postfix_keeps_what_a_backend_has_not(make_server):
    """The backend is killed in the middle of a message and comes back: each of
    the messages is there once."""
    back = culver.Server(users={"alice": "secret"}, extra=TRUST)
    front = make_server(users={}, extra=PROXY)
    write_users(front, {"alice": f"proxy host=127.0.0.1 port={back.lmtp_port} proxy_timeout=2",
                        "carol": ""})
    with back, postfix.Postfix(f"lmtp:inet:127.0.0.1:{front.lmtp_port}") as mta:
        def mail(n, size=10):
            with smtplib.SMTP("127.0.0.1", mta.port) as smtp:
                smtp.sendmail("s@example.org", ["alice@example.org", "carol@example.org"],
                              f"Subject: number {n}\r\n\r\n" + "text\r\n" * size)
        mail(1)
        assert arrived(back, "alice", 1)
        stopper = threading.Thread(target=lambda: (time.sleep(0.05), back.process.send_signal(
            signal.SIGKILL)))
        stopper.start()
        mail(2, 1000000)
        stopper.join()
        back.process.wait()
        mail(3)
        assert arrived(front, "carol", 3)
        culver.wait_for(lambda: "status=deferred" in mta.log)
        time.sleep(1)
        back.start()
        assert arrived(back, "alice", 3), mta.log
        time.sleep(1)
        subjects = sorted(re.search(rb"Subject: number (\d)", b)[1] for b in bodies(back))
        assert subjects == [b"1", b"2", b"3"]
        assert len(bodies(front, "carol")) == 3
