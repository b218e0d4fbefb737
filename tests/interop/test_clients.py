"""Real mail programs read and write through Culver, with TLS."""
import os
import pty
import re
import select
import shutil
import subprocess
import time

import pytest

import culver

MAILS = [
    f"From: sender@example.com\r\nTo: alice@example.org\r\nSubject: client test {n}\r\n"
    f"Date: Sun, 22 Nov 2026 10:0{n}:00 +0000\r\nMessage-ID: <client{n}@example.com>\r\n"
    f"\r\nbody of mail {n}\r\n".encode() for n in range(3)
]


def need(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"needs {program}")


@pytest.fixture
def filled(make_server):
    server = make_server()
    for mail in MAILS:
        server.deliver(mail)
    return server


def run(*command, **kw):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True,
                          timeout=60, **kw)


MBSYNC = """\
IMAPStore remote
Host localhost
Port {port}
User alice
Pass secret
SSLType IMAPS
CertificateFile {cert}
AuthMechs LOGIN

MaildirStore local
Path {path}/
Inbox {path}/INBOX
SubFolders Verbatim

Channel all
Far :remote:
Near :local:
Patterns *
Create Both
Expunge Both
SyncState *
CopyArrivalDate yes
"""


@need("mbsync")
def test_mbsync_both_directions_twice(filled, tmp_path):
    config, mail = tmp_path / "mbsyncrc", tmp_path / "mail"
    mail.mkdir()
    config.write_text(MBSYNC.format(port=filled.imaps_port,
                                    cert=filled.dir / "cert.pem", path=mail))

    def sync():
        done = run("mbsync", "-c", config, "-a")
        assert done.returncode == 0, done.stderr + filled.log

    def local():
        return [f for d in ("new", "cur") for f in (mail / "INBOX" / d).iterdir()]

    def remote():
        client = filled.imap()
        client.select("INBOX", readonly=True)
        uids = client.uid("search", None, "ALL")[1][0].split()
        client.logout()
        return uids

    sync()
    assert len(local()) == 3 and len(remote()) == 3
    (mail / "INBOX" / "new" / "1.local.test").write_bytes(
        b"From: me@example.org\nSubject: from here\n\nhello\n")
    sync()
    assert len(local()) == 4 and len(remote()) == 4
    client = filled.imap()
    client.select("INBOX")
    client.store("1", "+FLAGS", r"(\Flagged)")
    client.store("2", "+FLAGS", r"(\Deleted)")
    client.expunge()
    client.create("Work")
    client.logout()
    for _ in range(2):
        sync()
        assert len(local()) == 3 and len(remote()) == 3
        assert sum("F" in f.name.rpartition(",")[2] for f in local()) == 1
    assert (mail / "Work").is_dir()


@need("curl")
def test_curl_reads_and_appends(filled, tmp_path):
    base = f"imaps://localhost:{filled.imaps_port}/INBOX"
    options = ["--cacert", filled.dir / "cert.pem", "-u", "alice:secret", "-sS"]
    done = run("curl", *options, base + ";MAILINDEX=2")
    assert done.returncode == 0, done.stderr
    assert "body of mail 1" in done.stdout
    new = tmp_path / "new.eml"
    new.write_text("Subject: by curl\r\n\r\nuploaded\r\n")
    done = run("curl", *options, "-T", new, base)
    assert done.returncode == 0, done.stderr
    done = run("curl", *options, base, "-X", "SEARCH SUBJECT curl")
    assert done.stdout.split() == ["*", "SEARCH", "4"]


@need("curl")
def test_curl_starttls(filled):
    done = run("curl", "--ssl-reqd", "--cacert", filled.dir / "cert.pem", "-sS",
               "-u", "alice:secret",
               f"imap://localhost:{filled.imap_port}/INBOX;MAILINDEX=1")
    assert "body of mail 0" in done.stdout, done.stderr


@need("fetchmail")
def test_fetchmail(filled, tmp_path):
    rc, box = tmp_path / "fetchmailrc", tmp_path / "box"
    rc.write_text(
        f'poll localhost service {filled.imaps_port} protocol imap\n'
        f'  user "alice" password "secret" ssl sslcertck '
        f'sslcertfile "{filled.dir}/cert.pem"\n'
        f'  keep mda "cat >> {box}"\n')
    rc.chmod(0o600)
    env = dict(os.environ, HOME=str(tmp_path), FETCHMAILHOME=str(tmp_path))
    done = run("fetchmail", "-f", rc, "--nosyslog", "--nodetach", env=env)
    assert done.returncode == 0, done.stdout + done.stderr + filled.log
    text = box.read_text()
    assert [f"body of mail {n}" in text for n in range(3)] == [True] * 3
    # they are \Seen now: a second run finds nothing (exit status 1)
    assert run("fetchmail", "-f", rc, "--nosyslog", "--nodetach", env=env).returncode == 1


@need("getmail")
def test_getmail(filled, tmp_path):
    maildir = tmp_path / "Maildir"
    for name in ("cur", "new", "tmp"):
        (maildir / name).mkdir(parents=True)
    user = ""
    if os.geteuid() == 0:       # getmail does not write mail as root
        user = "user = vmail\n"
        for folder in (maildir, *maildir.iterdir()):
            shutil.chown(folder, "vmail", "vmail")
        culver.open_to_all(tmp_path)
    (tmp_path / "getmailrc").write_text(
        "[retriever]\ntype = SimpleIMAPSSLRetriever\nserver = localhost\n"
        f"port = {filled.imaps_port}\nusername = alice\npassword = secret\n"
        f"ca_certs = {filled.dir}/cert.pem\n"
        f"[destination]\ntype = Maildir\npath = {maildir}/\n{user}"
        "[options]\nread_all = false\n")
    for expected in (3, 3):
        done = run("getmail", f"--getmaildir={tmp_path}", "--rcfile=getmailrc")
        assert done.returncode == 0, done.stdout + done.stderr + filled.log
        assert len(list((maildir / "new").iterdir())) == expected


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, *command, env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], [str(c) for c in command], env)
        self.text = ""

    def wait_for(self, pattern, secs=20):
        deadline = time.monotonic() + secs
        while not re.search(pattern, self.text):
            assert time.monotonic() < deadline, self.text
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    data = os.read(self.fd, 65536)
                except OSError:
                    data = b""
                assert data or re.search(pattern, self.text), self.text
                self.text += data.decode(errors="replace")

    def type(self, keys):
        self.text = ""
        os.write(self.fd, keys.encode())

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


@need("neomutt")
def test_neomutt_in_a_terminal(filled, tmp_path):
    rc = tmp_path / "muttrc"
    rc.write_text(
        f'set folder="imaps://alice@localhost:{filled.imaps_port}/"\n'
        'set spoolfile="+INBOX"\nset imap_pass="secret"\n'
        f'set certificate_file="{filled.dir}/cert.pem"\nset ssl_force_tls=yes\n'
        'set sort=date\nset wait_key=no\nset confirmappend=no\nset quit=yes\nset delete=yes\n'
        'set mail_check=2\nset header_cache=""\n')
    env = dict(os.environ, HOME=str(tmp_path), TERM="xterm", LINES="24", COLUMNS="100")
    mutt = Terminal("neomutt", "-n", "-F", rc, env=env)
    try:
        mutt.wait_for("client test 2")
        mutt.type("\r")                 # open one
        mutt.wait_for("body of mail")
        mutt.type("i")                  # index
        mutt.wait_for("client test")
        mutt.type("d")                  # delete it
        mutt.type("$")                  # and write the changes
        mutt.wait_for("(?i)delet|expung|2 ")
        time.sleep(1)
        mutt.type("q")
    finally:
        mutt.close()
    client = filled.imap()
    _, (count,) = client.select("INBOX")
    client.logout()
    assert int(count) == 2


def test_imaplib_over_tls(filled):
    client = filled.imap(tls=True)
    assert client.select("INBOX") == ("OK", [b"3"])
    _, data = client.fetch("1:3", "(UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    assert b"Subject: client test 1" in data[2][1]
    assert client.copy("1", "Drafts")[0] in ("OK", "NO")
    client.logout()
