"""A Culver server for tests: its folder, its configuration, its processes.

The server under test is the installed one in $CULVER_PREFIX (tools/test sets
it).  As root, services run as culver and culvernull and mail belongs to vmail;
as an ordinary user everything runs under that user.
"""
import contextlib
import grp
import imaplib
import os
import pathlib
import pwd
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import tempfile
import time

PREFIX = pathlib.Path(os.environ.get("CULVER_PREFIX", "/usr/local"))
USERS = {"alice": "secret", "bob": "secret"}
IS_ROOT = os.geteuid() == 0
MAIL_USER = "vmail" if IS_ROOT else pwd.getpwuid(os.geteuid()).pw_name
MAIL_GROUP = grp.getgrgid(pwd.getpwnam(MAIL_USER).pw_gid).gr_name

CONFIG = """\
base_dir = {dir}/run
log_path = {dir}/culver.log
protocols = imap lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <{dir}/cert.pem
ssl_key = <{dir}/key.pem
auth_mechanisms = plain login
auth_failure_delay = 0
mail_location = maildir:~/Maildir
mail_uid = {mail_user}
mail_gid = {mail_group}
first_valid_uid = 1
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%n {dir}/users
}}
userdb {{
  driver = static
  args = uid={mail_user} gid={mail_group} home={dir}/home/%n
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Drafts {{
    special_use = \\Drafts
  }}
  mailbox Trash {{
    special_use = \\Trash
    auto = subscribe
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = {imaps_port}
    ssl = yes
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp_port}
  }}
  unix_listener lmtp {{
    mode = 0666
  }}
}}
"""


held_ports = {}


def wait_for(condition, seconds=10):
    """What condition() says when that is true at last; else what it says."""
    end = time.monotonic() + seconds
    while not (said := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return said


def open_to_all(folder):
    """Lets other users reach a folder below the temporary ones, which pytest closes."""
    top = pathlib.Path(tempfile.gettempdir())
    for path in (folder, *folder.parents):
        if path == top or top not in path.parents:
            break
        path.chmod(path.stat().st_mode | 0o055)


def free_port():
    """A port that nobody else is given before release_port, or our end.

    The socket stays bound: the kernel gives its port to no other bind() to
    port 0 and to no connection, while a server that sets SO_REUSEADDR, as
    each of ours does, can listen beside it."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    port = held.getsockname()[1]
    held_ports[port] = held
    return port


def release_port(port):
    held = held_ports.pop(port, None)
    if held:
        held.close()


def self_signed(folder, name="localhost"):
    """cert.pem and key.pem in folder."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
         "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1",
         "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")],
        check=True, capture_output=True)


class Server:
    """with Server(extra="imap_capability = +X") as server: ..."""

    def __init__(self, extra="", users=None, config=CONFIG, **values):
        # mail owners must be able to reach their homes below it
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="culver-test-"))
        self.dir.chmod(0o755)
        self.users = dict(USERS if users is None else users)
        self.imap_port, self.imaps_port, self.lmtp_port = (
            free_port(), free_port(), free_port())
        self.values = dict(
            dir=self.dir, mail_user=MAIL_USER, mail_group=MAIL_GROUP,
            imap_port=self.imap_port, imaps_port=self.imaps_port,
            lmtp_port=self.lmtp_port, **values)
        self.config = self.dir / "culver.conf"
        self.write_config(extra, config)
        self_signed(self.dir)
        (self.dir / "users").write_text("".join(
            f"{name}:{{PLAIN}}{password}\n" for name, password in self.users.items()))
        home = self.dir / "home"
        home.mkdir()
        if IS_ROOT:
            shutil.chown(home, MAIL_USER, MAIL_GROUP)
            shutil.chown(self.dir / "users", "culver")
        self.process = None
        self.preexec = None     # runs in the server's process before it is one

    def write_config(self, extra="", config=CONFIG):
        self.config.write_text(config.format(**self.values) + extra)

    @property
    def lmtp_socket(self):
        return str(self.dir / "run" / "lmtp")

    @property
    def log(self):
        # lines may gather for some milliseconds before they are written
        time.sleep(0.02)
        path = self.dir / "culver.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def home(self, user):
        return self.dir / "home" / user

    @contextlib.contextmanager
    def spawned(self):
        """Started, whether it will ever answer or not."""
        self._spawn()
        try:
            yield self
        finally:
            self.process.terminate()
            self.process.communicate(timeout=20)
            self.process = None
            self.remove()

    def _spawn(self):
        self.process = subprocess.Popen(
            [PREFIX / "sbin" / "culverd", "-F", "-c", self.config],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            preexec_fn=self.preexec)

    def start(self):
        self._spawn()
        deadline = time.monotonic() + 30
        for port in (self.imap_port, self.lmtp_port):
            while not self._answers(port):
                if self.process.poll() is not None:
                    raise RuntimeError("culverd ended at once:\n"
                                       + self.process.stdout.read() + self.log)
                if time.monotonic() > deadline:
                    raise RuntimeError("culverd does not answer:\n" + self.log)
                time.sleep(0.02)
        return self

    @staticmethod
    def _answers(port):
        with contextlib.suppress(OSError):
            with socket.create_connection(("127.0.0.1", port), 1) as s:
                s.settimeout(5)
                return bool(s.recv(1))
        return False

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise RuntimeError("culverd did not stop within 20 s:\n" + self.log)
        finally:
            self.process.stdout.close()
            self.process = None

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)
        for port in (self.imap_port, self.imaps_port, self.lmtp_port):
            release_port(port)

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        try:
            self.stop()
        finally:
            self.remove()

    def adm(self, *args, check=True, timeout=60, **kw):
        """culveradm; the finished process."""
        return subprocess.run(
            [PREFIX / "bin" / "culveradm", "-c", self.config, *args],
            capture_output=True, text=True, check=check, timeout=timeout, **kw)

    # --- clients ---------------------------------------------------------

    def imap(self, user="alice", tls=False, login=True):
        if tls:
            context = ssl.create_default_context(cafile=self.dir / "cert.pem")
            client = imaplib.IMAP4_SSL("127.0.0.1", self.imaps_port,
                                       ssl_context=context, timeout=30)
        else:
            client = imaplib.IMAP4("127.0.0.1", self.imap_port, timeout=30)
        if login:
            client.login(user, self.users[user])
        return client

    def raw(self, port=None):
        return Raw(self.imap_port if port is None else port)

    def lmtp(self, unix=False):
        if unix:
            return smtplib.LMTP(self.lmtp_socket)
        return smtplib.LMTP("127.0.0.1", self.lmtp_port)

    def deliver(self, message, user="alice", sender="sender@example.org"):
        with self.lmtp() as client:
            return client.sendmail(sender, [user], message)


class Raw:
    """A connection whose bytes the test sees."""

    def __init__(self, port, timeout=30, host="127.0.0.1", source=""):
        self.sock = socket.create_connection((host, port), timeout, (source, 0))
        self.buffer = b""

    def send(self, data):
        self.sock.sendall(data.encode() if isinstance(data, str) else data)

    def line(self):
        while b"\n" not in self.buffer:
            data = self.sock.recv(65536)
            if not data:
                line, self.buffer = self.buffer, b""
                return line
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line + b"\n"

    def exact(self, n):
        while len(self.buffer) < n:
            data = self.sock.recv(65536)
            if not data:
                break
            self.buffer += data
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def until(self, tag):
        """All lines up to the tagged answer, which is the last one."""
        prefix = (tag if isinstance(tag, bytes) else tag.encode()) + b" "
        lines = []
        while True:
            line = self.line()
            lines.append(line)
            if line.startswith(prefix) or not line:
                return lines

    def command(self, text, tag="x"):
        self.send(f"{tag} {text}\r\n")
        return self.until(tag)

    def closed(self, timeout=10):
        """True when the peer closes within the time."""
        self.sock.settimeout(timeout)
        with contextlib.suppress(TimeoutError, socket.timeout):
            try:
                while True:
                    if not self.sock.recv(65536):
                        return True
            except ConnectionError:
                return True
        return False

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
