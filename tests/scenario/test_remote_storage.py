"""imapc: and pop3c: as mail_location: sessions and culveradm on mail that lies on another server,
which is Debian's Dovecot or another Culver."""
import contextlib
import json
import re
import socket
import threading
import time

import pytest

import culver
import dovecot
from test_sync import fill, imap_date, imap_utf7, message, nothing, run

OTHER = pytest.mark.skipif(not dovecot.available(), reason="needs Debian's Dovecot and root")
CONFIG = culver.CONFIG.replace("mail_location = maildir:~/Maildir",
                               "mail_location = imapc:~/imapc")


def extra(port, **settings):
    settings = {"host": "127.0.0.1", "port": port, "password": "secret", **settings}
    return "".join(f"imapc_{k} = {v}\n" for k, v in settings.items())


@contextlib.contextmanager
def pair(kind, **settings):
    """(server with imapc:, the server that it lies on)"""
    there = dovecot.Dovecot() if kind == "dovecot" else culver.Server()
    with there:
        with culver.Server(config=CONFIG, extra=extra(there.imap_port, **settings)) as here:
            yield here, there


@pytest.fixture(params=[pytest.param("dovecot", marks=OTHER), "culver"])
def both(request):
    with pair(request.param) as servers:
        yield servers


def listing(client, box, what="(FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])"):
    """UIDVALIDITY and {uid: ...} as a client sees them."""
    typ, data = client.select(f'"{box}"', readonly=True)
    assert typ == "OK", data
    validity = client.response("UIDVALIDITY")[1]
    rows = {}
    for item in client.uid("FETCH", "1:*", what)[1]:
        head, body = item if isinstance(item, tuple) else (item, b"")
        if head in (None, b")"):
            continue
        uid = int(re.search(rb"UID (\d+)", head).group(1))
        flags = sorted(set(re.search(rb"FLAGS \(([^)]*)\)", head).group(1).split())
                       - {rb"\Recent"})
        when = re.search(rb'INTERNALDATE "([^"]*)"', head)
        rows[uid] = (flags, culver_seconds(when), body)
    return validity, rows


def culver_seconds(found):
    import email.utils
    if found is None:
        return None
    text = found.group(1).decode().strip()
    day, month, rest = text.split("-", 2)
    year, clock, zone = rest.split()
    return email.utils.mktime_tz(email.utils.parsedate_tz(
        f"{day} {month} {year} {clock} {zone}"))


def same(here, there, *boxes):
    ours, theirs = here.imap(), there.imap()
    for box in boxes:
        assert listing(ours, box) == listing(theirs, box), box
    ours.logout()
    theirs.logout()


def names(client):
    return {m.group(1).strip(b'"') for line in client.list()[1]
            for m in [re.search(rb'"." (.*)$', line)] if b"\\Noselect" not in line
            and b"\\NonExistent" not in line}


def test_everything_is_seen_as_it_is_there(both):
    here, there = both
    fill(there, 80)
    same(here, there, "INBOX", "Archive", "Archive/2007", imap_utf7("Grüße"))
    ours, theirs = here.imap(), there.imap()
    assert names(ours) == names(theirs)
    assert sorted(ours.lsub()[1])[0].endswith(b"Archive") or b"Archive" in ours.lsub()[1][0]
    ours.select("INBOX")
    assert ours.search(None, "SUBJECT", '"number 8"')[1] == [b"3"]
    assert b"number 8" in ours.fetch("3", "(ENVELOPE)")[1][0]
    ours.logout()
    theirs.logout()


def test_what_is_done_here_is_done_there(both):
    here, there = both
    fill(there, 40)
    client = here.imap()
    client.select("INBOX")
    assert client.store("1:3", "+FLAGS", r"(\Flagged special)")[0] == "OK"
    assert client.store("2", "-FLAGS", r"(\Seen)")[0] == "OK"
    assert client.store("4", "FLAGS", r"(\Draft)")[0] == "OK"
    typ, data = client.append("INBOX", r"(\Seen mine)", imap_date(1176418800), message(777))
    assert typ == "OK" and b"APPENDUID" in data[0]
    uid = int(data[0].split()[2].rstrip(b"]"))
    typ, data = client.uid("COPY", f"1:2,{uid}", "Archive")
    assert typ == "OK"
    assert f" 1:2,{uid} ".encode() in client.response("COPYUID")[1][0]
    assert client.uid("MOVE", "3", "Archive/2007")[0] == "OK"
    client.store("5", "+FLAGS", r"(\Deleted)")
    assert client.expunge()[0] == "OK"
    assert client.create("New")[0] == "OK" and client.create("New/Child")[0] == "OK"
    assert client.rename("New", "Renamed")[0] == "OK"
    assert client.subscribe("Renamed/Child")[0] == "OK"
    assert client.append("Renamed/Child", None, None, message(778))[0] == "OK"
    assert client.delete("Archive/2007")[0] == "OK"
    client.logout()
    same(here, there, "INBOX", "Archive", "Renamed", "Renamed/Child")
    theirs = there.imap()
    assert names(theirs) >= {b"INBOX", b"Renamed", b"Renamed/Child"}
    assert not {b"Archive/2007", b"New", b"New/Child"} & names(theirs)
    assert any(b"Renamed/Child" in line for line in theirs.lsub()[1])
    assert len(listing(theirs, "INBOX")[1]) == 9 and uid in listing(theirs, "INBOX")[1]
    theirs.logout()


def test_what_is_done_there_is_seen_here(both):
    here, there = both
    fill(there, 40)
    ours, theirs = here.imap(), there.imap()
    ours.select("INBOX")
    theirs.select("INBOX")
    theirs.store("1", "+FLAGS", r"(\Flagged other)")
    theirs.store("2", "+FLAGS", r"(\Deleted)")
    theirs.expunge()
    theirs.append("INBOX", None, None, message(900))
    import time
    time.sleep(1.2)             # what was looked at a moment ago is not asked again
    typ, data = ours.noop()
    assert typ == "OK"
    assert ours.uid("SEARCH", "1:*")[1] == theirs.uid("SEARCH", "1:*")[1]
    ours.logout()
    theirs.logout()
    same(here, there, "INBOX")


def idle(raw, seconds=4):
    """What comes within the time, up to the first line that says something new."""
    raw.sock.settimeout(seconds)
    while True:
        line = raw.line()
        if b"Still here" not in line and b"RECENT" not in line:
            return line


def check_push(here, there, seconds=4):
    fill(there, 4)
    theirs = there.imap()
    theirs.select("INBOX")
    with here.raw() as raw:
        raw.line()
        raw.command("LOGIN alice secret")
        raw.command("SELECT INBOX")
        raw.send("i IDLE\r\n")
        assert raw.line().startswith(b"+")
        for n in range(3):
            theirs.append("INBOX", None, None, message(500 + n))
            assert idle(raw, seconds) == b"* %d EXISTS\r\n" % (2 + n)
        theirs.store("1", "+FLAGS", r"(\Flagged)")
        assert b"* 1 FETCH" in idle(raw, seconds)
        theirs.store("1", "+FLAGS", r"(\Deleted)")
        assert b"\\Deleted" in idle(raw, seconds)
        theirs.expunge()
        assert idle(raw, seconds) == b"* 1 EXPUNGE\r\n"
        raw.send("DONE\r\n")
        assert raw.until("i")[-1].startswith(b"i OK")
        assert raw.command("FETCH 1:* UID")[-1].startswith(b"x OK")
        # another session of the same user here
        ours = here.imap()
        raw.send("j IDLE\r\n")
        assert raw.line().startswith(b"+")
        ours.append("INBOX", None, None, message(600))
        assert b"EXISTS" in idle(raw, seconds)
        raw.send("DONE\r\n")
        assert raw.until("j")[-1].startswith(b"j OK")
        ours.logout()
    theirs.logout()


def test_idle_tells_at_once_what_is_new_there(both):
    check_push(*both)


@OTHER
def test_idle_goes_through_tls():
    with dovecot.Dovecot() as there:
        with culver.Server(config=CONFIG, extra=extra(
                there.imap_port, ssl="starttls", ssl_verify="no")) as here:
            check_push(here, there)


@OTHER
def test_without_idle_there_the_server_is_asked_now_and_then():
    with dovecot.Dovecot("imap_capability = IMAP4rev1 UIDPLUS\n") as there:
        with culver.Server(config=CONFIG, extra=extra(there.imap_port)) as here:
            fill(there, 4)
            with here.raw() as raw:
                raw.line()
                raw.command("LOGIN alice secret")
                raw.command("SELECT INBOX")
                raw.send("i IDLE\r\n")
                raw.line()
                theirs = there.imap()
                theirs.append("INBOX", None, None, message(500))
                theirs.logout()
                assert idle(raw, 25) == b"* 2 EXISTS\r\n"


def test_a_connection_that_ends_in_idle_is_made_again():
    with culver.Server() as there:
        with culver.Server(config=CONFIG, extra=extra(there.imap_port)) as here:
            fill(there, 4)
            with here.raw() as raw:
                raw.line()
                raw.command("LOGIN alice secret")
                raw.command("SELECT INBOX")
                raw.send("i IDLE\r\n")
                raw.line()
                there.adm("kick", "alice")
                time.sleep(2)
                theirs = there.imap()
                theirs.append("INBOX", None, None, message(500))
                theirs.logout()
                assert idle(raw, 20) == b"* 2 EXISTS\r\n"


class Listener:
    """Between the two servers; what was said is kept."""

    def __init__(self, port):
        self.said = bytearray()
        self.to = port
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                here, _ = self.server.accept()
                there = socket.create_connection(("127.0.0.1", self.to))
                for a, b in ((here, there), (there, here)):
                    threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    def pump(self, a, b):
        with contextlib.suppress(OSError):
            while data := a.recv(65536):
                self.said += data
                b.sendall(data)
        for s in (a, b):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.close()


class Withholder(Listener):
    """One that answers commands about one message itself."""

    def __init__(self, port, pattern, answer):
        self.pattern, self.answer = pattern, answer
        self.refused, self.inbox = 0, True
        super().__init__(port)

    def pump(self, a, b):
        if a.getsockname()[1] != self.port:
            return super().pump(a, b)
        with contextlib.suppress(OSError):
            for line in a.makefile("rb"):
                if b" SELECT " in line or b" EXAMINE " in line:
                    self.inbox = b"INBOX" in line
                if not self.inbox or not self.pattern(line):
                    b.sendall(line)
                    continue
                self.refused += 1
                if self.answer is None:
                    break
                a.sendall(self.answer.replace(b"TAG", line.split()[0]))
        for s in (a, b):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
        return None


def asks_for(uid):
    def matches(line):
        found = re.search(rb"UID FETCH (\d+)(?::(\d+))? \(UID BODY", line)
        return found and int(found[1]) <= uid <= int(found[2] or found[1])
    return matches


def check_withheld(here, there, words, place, name):
    """The message is named and left out by words; all others come."""
    done = here.adm(*words, check=False)
    assert done.returncode == 65, (done.returncode, done.stderr)
    assert done.stderr.count(name) == 1 and "does not give" in done.stderr, done.stderr
    found = {row["text"] for row in json.loads(here.adm(
        "-o", f"mail_location={place}", "-f", "json", "fetch", "-u", "alice", "text", "ALL").stdout)}
    theirs = {row["text"] for row in json.loads(there.adm(
        "-f", "json", "fetch", "-u", "alice", "text", "ALL").stdout)}
    assert len(theirs) == 12 and len(found) == 11 and found < theirs


@pytest.mark.parametrize("verb", ["backup", "import"])
@pytest.mark.parametrize("answer", [
    b"TAG NO [SERVERBUG] it cannot be read\r\n", None, b"TAG OK nothing\r\n",
    b"* 3 FETCH (UID 3 BODY[] NIL)\r\nTAG OK done\r\n"])
def test_a_message_that_is_not_given_is_named_and_the_others_come(verb, answer):
    with culver.Server() as there:
        fill(there, 12, boxes=("INBOX", "Archive"))
        with Withholder(there.imap_port, asks_for(3), answer) as relayed, \
                culver.Server(config=CONFIG, extra=extra(relayed.port)) as here:
            copy = f"maildir:{here.home('alice')}/copy"
            if verb == "backup":
                words = ["backup", "-u", "alice", copy]
            else:
                here.adm("-o", f"mail_location={copy}", "mailbox", "status", "-u", "alice",
                         "messages", "INBOX")
                words = ["-o", f"mail_location={copy}", "import", "-u", "alice",
                         "imapc:~/imapc", "", "ALL"]
            check_withheld(here, there, words, copy, "UID 3,")
            assert relayed.refused > 0


@pytest.mark.parametrize("kind", [pytest.param("dovecot", marks=OTHER), "culver"])
def test_opened_again_only_what_has_changed_is_asked_for(kind):
    with dovecot.Dovecot() if kind == "dovecot" else culver.Server() as there:
        fill(there, 120, boxes=("INBOX",))
        with Listener(there.imap_port) as between, \
                culver.Server(config=CONFIG, extra=extra(between.port)) as here:
            same(here, there, "INBOX")
            theirs = there.imap()
            theirs.select("INBOX")
            theirs.store("7", "+FLAGS", r"(\Flagged later)")
            theirs.store("9", "FLAGS", "()")
            theirs.store("3,50", "+FLAGS", r"(\Deleted)")
            theirs.expunge()
            theirs.append("INBOX", r"(\Draft)", None, message(900))
            theirs.logout()
            between.said.clear()
            # what is gone makes it a complete list, once
            ours = here.imap()
            ours.select("INBOX", readonly=True)
            ours.logout()
            same(here, there, "INBOX")
            theirs = there.imap()
            theirs.select("INBOX")
            theirs.store("7", "-FLAGS", r"(\Flagged later)")
            theirs.store("20", "+FLAGS", r"(\Answered)")
            theirs.append("INBOX", r"(\Draft)", None, message(901))
            theirs.logout()
            between.said.clear()
            ours = here.imap()
            ours.select("INBOX", readonly=True)
            ours.logout()
            said = bytes(between.said)
            assert b"CHANGEDSINCE" in said and said.count(b"INTERNALDATE") == 4, said
            same(here, there, "INBOX")
            # lost here, or doubted: all is asked for
            between.said.clear()
            here.adm("force-resync", "-u", "alice", "INBOX")
            assert bytes(between.said).count(b"INTERNALDATE") >= 120
            same(here, there, "INBOX")


def test_another_uidvalidity_there_is_another_here(both):
    here, there = both
    fill(there, 20)
    same(here, there, "INBOX", "Archive")
    theirs = there.imap()
    theirs.delete("Archive")
    import time
    time.sleep(1.1)
    theirs.create("Archive")
    theirs.append("Archive", None, None, message(5))
    theirs.logout()
    same(here, there, "Archive")


def test_a_lost_connection_is_no_and_the_next_command_connects_again(both):
    """A relay between both servers, which is cut."""
    here, there = both
    fill(there, 20)
    with relay(there.imap_port) as (port, cut, stop):
        here.stop()
        here.write_config(extra(port), CONFIG)
        here.start()
        client = here.imap()
        client.select("INBOX")
        assert client.store("1", "+FLAGS", r"(\Flagged)")[0] == "OK"
        before = listing(there.imap(), "INBOX")
        stop()
        cut()
        for command in (lambda: client.store("1", "-FLAGS", r"(\Flagged)"),
                        lambda: client.append("INBOX", None, None, message(50)),
                        lambda: client.copy("1", "Archive"),
                        lambda: client.create("Never")):
            typ, data = command()
            assert typ == "NO", data
        assert listing(there.imap(), "INBOX") == before
        client.logout()
    assert "cannot connect" in here.log or "could not be reached" in here.log
    here.stop()
    here.write_config(extra(there.imap_port), CONFIG)
    here.start()
    same(here, there, "INBOX", "Archive")
    assert b"Never" not in names(there.imap())


@contextlib.contextmanager
def relay(to):
    listener = socket.create_server(("127.0.0.1", 0))
    pairs, closed = [], threading.Event()

    def pump(a, b):
        with contextlib.suppress(OSError):
            while data := a.recv(65536):
                b.sendall(data)
        for s in (a, b):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def accept():
        while not closed.is_set():
            with contextlib.suppress(OSError):
                a, _ = listener.accept()
                b = socket.create_connection(("127.0.0.1", to))
                pairs.append((a, b))
                for x, y in ((a, b), (b, a)):
                    threading.Thread(target=pump, args=(x, y), daemon=True).start()

    def cut():
        for a, b in pairs:
            for s in (a, b):
                with contextlib.suppress(OSError):
                    s.shutdown(socket.SHUT_RDWR)

    def stop():
        closed.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1], cut, stop
    finally:
        stop()
        cut()


@OTHER
@pytest.mark.parametrize("tls", ["imaps", "starttls"])
def test_a_certificate_that_is_not_trusted_ends_it(tls):
    there = dovecot.Dovecot()
    with there:
        fill(there, 4, boxes=("INBOX",))
        port = there.imaps_port if tls == "imaps" else there.imap_port
        for how, good in ((dict(), False), (dict(ssl_verify="no"), True)):
            with culver.Server(config=CONFIG, extra=extra(port, ssl=tls, **how)) as here:
                done = here.adm("mailbox", "status", "-u", "alice", "messages", "INBOX",
                                check=False)
                assert (done.returncode == 0) == good, done.stderr
                if not good:
                    assert "cannot be trusted" in done.stderr
        with culver.Server(config=CONFIG, extra=extra(port, ssl=tls) +
                           f"ssl_client_ca_file = {there.dir}/cert.pem\n") as here:
            done = here.adm("mailbox", "status", "-u", "alice", "messages", "INBOX")
            assert "messages=4" in done.stdout


def test_a_prefix_hides_the_rest(both):
    here, there = both
    fill(there, 20, boxes=("INBOX", "Archive", "Archive/2007"))
    here.stop()
    here.write_config(extra(there.imap_port, list_prefix="Archive/"), CONFIG)
    here.start()
    client = here.imap()
    assert names(client) == {b"INBOX", b"2007", b"Trash"}     # which is made by itself
    assert client.create("2008")[0] == "OK"
    client.logout()
    assert b"Archive/2008" in names(there.imap())


def test_a_copy_between_a_local_and_a_remote_namespace(both):
    here, there = both
    fill(there, 10, boxes=("INBOX",))
    here.stop()
    here.write_config(extra(there.imap_port) + """
namespace local {
  prefix = Local/
  separator = /
  location = maildir:~/Maildir
}
namespace inbox {
  inbox = yes
  separator = /
}
""", CONFIG)
    here.start()
    client = here.imap()
    assert client.create("Local/Box")[0] == "OK"
    client.select("INBOX")
    assert client.copy("1:5", "Local/Box")[0] == "OK"
    assert client.uid("MOVE", "6", "Local/Box")[0] == "OK"
    client.select("Local/Box")
    assert client.copy("6", "INBOX")[0] == "OK"
    client.logout()
    client = here.imap()
    local, remote = listing(client, "Local/Box")[1], listing(there.imap(), "INBOX")[1]
    assert len(local) == 6 and len(remote) == 10
    assert local[6] == remote[max(remote)]
    client.logout()


def test_culveradm_works_on_it(both):
    here, there = both
    fill(there, 30)
    rows = json.loads(here.adm("-f", "json", "fetch", "-u", "alice", "uid text", "mailbox",
                               "INBOX", "ALL").stdout)
    assert len(rows) == 8 and all("Subject" in row["text"] for row in rows)
    copy = f"maildir:{here.home('alice')}/copy"
    report = run(here, "backup", copy)
    assert report["other"]["saved"] == "30"
    assert nothing(run(here, "backup", copy))
    done = here.adm("backup", "-u", "alice", "-R", copy, check=False)
    assert done.returncode != 0 and "can only be read" in done.stderr


# --- POP3 --------------------------------------------------------------------

POP3_CONFIG = culver.CONFIG.replace("mail_location = maildir:~/Maildir",
                                    "mail_location = pop3c:~/pop3c")


@OTHER
def test_an_inbox_of_a_pop3_server_is_read_here():
    port = culver.free_port()
    config = dovecot.CONFIG.replace("protocols = imap lmtp", "protocols = imap lmtp pop3") + f"""
service pop3-login {{{{
  inet_listener pop3 {{{{
    port = {port}
  }}}}
  inet_listener pop3s {{{{
    port = 0
  }}}}
}}}}
"""
    with dovecot.Dovecot(config=config) as there:
        fill(there, 12, boxes=("INBOX",))
        text = f"pop3c_host = 127.0.0.1\npop3c_port = {port}\n" \
               "pop3c_password = secret\n"
        with culver.Server(config=POP3_CONFIG, extra=text) as here:
            client = here.imap()
            typ, data = client.select("INBOX")
            assert typ == "OK" and data == [b"12"]
            bodies = [item[1] for item in client.fetch("1:*", "(BODY.PEEK[])")[1]
                      if isinstance(item, tuple)]
            theirs = [item[2] for item in listing(there.imap(), "INBOX")[1].values()]
            assert bodies == theirs
            assert client.store("3", "+FLAGS", r"(\Seen kept)")[0] == "OK"
            assert client.append("INBOX", None, None, message(1))[0] == "NO"
            assert client.create("Other")[0] == "NO"
            assert client.store("1", "+FLAGS", r"(\Deleted)")[0] == "NO"
            client.logout()
            client = here.imap()
            client.select("INBOX")
            assert b"kept" in client.fetch("3", "(FLAGS)")[1][0]
            client.logout()
    culver.release_port(port)


class Maildrop:
    """A POP3 server with three messages, one of which it does not give."""

    def __init__(self, hangs_up):
        self.hangs_up = hangs_up
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=(self.server.accept()[0],),
                                 daemon=True).start()

    def serve(self, s):
        with contextlib.suppress(OSError), s:
            s.sendall(b"+OK hello\r\n")
            for line in s.makefile("rb"):
                verb, _, number = line.strip().partition(b" ")
                if verb == b"RETR" and number == b"2":
                    s.sendall(b"+OK here it\r\nSubject: half" if self.hangs_up else
                              b"-ERR it cannot be read\r\n")
                    if self.hangs_up:
                        return
                elif verb == b"RETR":
                    s.sendall(b"+OK\r\n" + message(int(number)) + b".\r\n")
                elif verb == b"UIDL":
                    s.sendall(b"+OK\r\n1 one\r\n2 two\r\n3 three\r\n.\r\n")
                elif verb == b"LIST":
                    s.sendall(b"+OK\r\n" + b"".join(b"%d %d\r\n" % (n, len(message(n)))
                                                    for n in (1, 2, 3)) + b".\r\n")
                else:
                    s.sendall(b"+OK\r\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.close()


@pytest.mark.parametrize("hangs_up", [False, True])
@pytest.mark.parametrize("verb", ["backup", "import"])
def test_a_message_that_a_pop3_server_does_not_give_is_named(verb, hangs_up):
    with Maildrop(hangs_up) as there:
        text = f"pop3c_host = 127.0.0.1\npop3c_port = {there.port}\npop3c_password = secret\n"
        with culver.Server(config=POP3_CONFIG, extra=text) as here:
            copy = f"maildir:{here.home('alice')}/copy"
            here.imap().logout()
            words = ["backup", "-u", "alice", copy]
            if verb == "import":
                here.adm("-o", f"mail_location={copy}", "mailbox", "status", "-u", "alice",
                         "messages", "INBOX")
                words = ["-o", f"mail_location={copy}", "import", "-u", "alice",
                         "pop3c:~/pop3c", "", "ALL"]
            done = here.adm(*words, check=False)
            assert done.returncode == 65, (done.returncode, done.stderr)
            assert done.stderr.count("UID 2") == 1 and "'two'" in done.stderr, done.stderr
            found = json.loads(here.adm("-o", f"mail_location={copy}", "-f", "json", "fetch",
                                        "-u", "alice", "hdr.subject", "ALL").stdout)
            assert sorted(row["hdr.subject"] for row in found) == ["number 1", "number 3"]
