"""culveradm backup and import from other servers, over IMAP and POP3."""
import json
import os
import re
import signal
import socket
import threading
import time

import pytest

import dovecot
from test_sync import dump, fill, imap_utf7, mail, message, nothing, start  # noqa: F401


OTHER = pytest.mark.skipif(not dovecot.available(), reason="needs Debian's Dovecot and root")


def imapc(there, **settings):
    settings = {"host": "127.0.0.1", "port": there.imap_port, "password": "secret", **settings}
    return [w for k, v in settings.items() for w in ("-o", f"imapc_{k}={v}")]


def uids(server, fields="mailbox uid flags date.received text"):
    return dump(server, fields=fields)


@OTHER
@pytest.mark.parametrize("tls", ["no", "imaps", "starttls"])
def test_a_mailbox_tree_of_another_server_is_mirrored(mail, tls):
    with dovecot.Dovecot() as there:
        fill(there, 250)
        words = imapc(there, ssl=tls, ssl_verify="no")
        if tls == "imaps":
            words += imapc(there, port=there.imaps_port)
        adm = lambda: json.loads(mail.adm(*words, "-f", "json", "backup", "-R", "-u", "alice",
                                          "imapc:").stdout)
        assert adm()[0]["saved"] == "250"
        ours, theirs = mail.imap(), there.imap()
        for box in ("INBOX", "Archive", "Archive/2007", imap_utf7("Grüße")):
            views = []
            for client in (ours, theirs):
                client.select(f'"{box}"', readonly=True)
                validity = client.response("UIDVALIDITY")[1]
                data = client.uid("FETCH", "1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")[1]
                views.append((validity, [normal(d) for d in data if isinstance(d, tuple)]))
            assert views[0] == views[1], box
        assert nothing({r.pop("store"): r for r in adm()})
        theirs.select("INBOX")
        theirs.store("1:4", "+FLAGS", r"(\Deleted)")
        theirs.expunge()
        theirs.store("1:2", "FLAGS", r"(again)")
        theirs.append("INBOX", None, None, message(999))
        report = {r["store"]: r for r in adm()}["local"]
        assert (report["saved"], report["expunged"]) == ("1", "4")
        theirs.logout()
        ours.logout()


def normal(item):
    head, body = item
    found = re.search(rb'UID (\d+)', head).group(1), re.search(
        rb'INTERNALDATE ("[^"]*")', head).group(1)
    flags = sorted(set(re.search(rb'FLAGS \(([^)]*)\)', head).group(1).split()) - {rb"\Recent"})
    when = time.mktime(time.strptime(found[1].decode()[1:21].strip(), "%d-%b-%Y %H:%M:%S"))
    zone = found[1].decode()[-6:-1]
    seconds = int(zone[1:3]) * 3600 + int(zone[3:5]) * 60
    return int(found[0]), when - (seconds if zone[0] == "+" else -seconds), flags, body


@OTHER
def test_a_copy_from_another_server_resumes(mail):
    with dovecot.Dovecot() as there:
        fill(there, 400, boxes=("INBOX",))
        words = imapc(there)
        for n in range(6):
            process = start(mail, *words, "backup", "-R", "-u", "alice", "imapc:")
            time.sleep(0.1 + 0.05 * n)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        mail.adm(*words, "backup", "-R", "-u", "alice", "imapc:")
        texts = [row[4] for row in uids(mail)]
        assert len(texts) == len(set(texts)) == 400
        assert [int(row[1]) for row in sorted(uids(mail), key=lambda r: int(r[1]))] == \
            list(range(1, 401))


@OTHER
def test_another_server_can_only_be_read(mail):
    with dovecot.Dovecot() as there:
        for words in (["sync"], ["backup"]):
            done = mail.adm(*imapc(there), *words, "-u", "alice", "imapc:", check=False)
            assert done.returncode != 0 and "can only be read" in done.stderr
        done = mail.adm(*imapc(there, password="wrong"), "backup", "-R", "-u", "alice", "imapc:",
                        check=False)
        assert done.returncode != 0 and "login as 'alice'" in done.stderr
        done = mail.adm(*imapc(there, ssl="imaps", port=there.imaps_port), "backup", "-R", "-u",
                        "alice", "imapc:", check=False)
        assert done.returncode != 0 and "cannot be trusted" in done.stderr


class Pop3(threading.Thread):
    """A POP3 server with some messages."""

    def __init__(self, messages):
        super().__init__(daemon=True)
        self.messages = dict(messages)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.start()

    def run(self):
        while True:
            conn, _ = self.socket.accept()
            with conn, conn.makefile("rwb") as f:
                self.serve(f)

    def serve(self, f):
        f.write(b"+OK ready\r\n")
        f.flush()
        for line in f:
            word, _, rest = line.strip().partition(b" ")
            ids = list(self.messages)
            if word == b"UIDL":
                f.write(b"+OK\r\n" + b"".join(b"%d %s\r\n" % (i + 1, u.encode())
                                              for i, u in enumerate(ids)) + b".\r\n")
            elif word == b"LIST":
                f.write(b"+OK\r\n" + b"".join(b"%d %d\r\n" % (i + 1, len(self.messages[u]))
                                              for i, u in enumerate(ids)) + b".\r\n")
            elif word == b"RETR":
                body = self.messages[ids[int(rest) - 1]]
                f.write(b"+OK\r\n" + re.sub(rb"(?m)^\.", b"..", body) + b".\r\n")
            else:
                f.write(b"-ERR no\r\n" if rest == b"wrong" else b"+OK\r\n")
            f.flush()


def test_a_pop3_account_is_mirrored_and_imported(mail):
    client = mail.imap()
    client.create("Mine")
    client.subscribe("Mine")
    client.logout()
    there = Pop3({f"id{n}": message(n) + b".dot\r\n..dots\r\n" for n in range(30)})
    words = ["-o", "pop3c_host=127.0.0.1", "-o", f"pop3c_port={there.port}",
             "-o", "pop3c_password=secret"]
    adm = lambda *w: json.loads(mail.adm(*words, "-f", "json", *w).stdout)
    assert adm("backup", "-R", "-u", "alice", "pop3c:")[0]["saved"] == "30"
    client = mail.imap()
    client.select("INBOX")
    got = sorted(d[1] for d in client.fetch("1:*", "(BODY.PEEK[])")[1] if isinstance(d, tuple))
    assert got == sorted(there.messages.values())
    client.store("1:5", "+FLAGS", r"(\Seen)")
    client.logout()
    assert "Mine" in mail.adm("mailbox", "list", "-s", "-u", "alice").stdout
    del there.messages["id3"]
    there.messages["new"] = message(77)
    report = {r["store"]: r for r in adm("backup", "-R", "-u", "alice", "pop3c:")}["local"]
    assert (report["saved"], report["expunged"], report["changed"]) == ("1", "1", "0")
    assert adm("import", "-u", "bob", "pop3c:", "Old", "ALL")[0]["saved"] == "30"
    assert adm("import", "-u", "bob", "pop3c:", "Old", "ALL")[0]["saved"] == "0"
    assert mail.adm("-o", "pop3c_host=127.0.0.1", "-o", f"pop3c_port={there.port}", "-o",
                    "pop3c_password=wrong", "backup", "-R", "-u", "alice", "pop3c:",
                    check=False).returncode != 0
