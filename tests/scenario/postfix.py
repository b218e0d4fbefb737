"""A private Postfix: own folders, one SMTP port, everything for example.org
handed to Culver over LMTP.  Needs root, as Postfix does."""
import os
import pathlib
import shutil
import subprocess
import tempfile

from culver import free_port

MAIN = """\
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.example.org
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
maillog_file = {dir}/postfix.log
maillog_file_prefixes = /tmp, /var
virtual_mailbox_domains = example.org
virtual_mailbox_maps = static:ok
virtual_transport = {transport}
lmtp_tls_security_level = {tls}
lmtp_tls_CAfile = {cafile}
recipient_delimiter = +
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
transport_retry_time = 1s
"""
MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def available():
    return os.geteuid() == 0 and shutil.which("postfix") is not None


class Postfix:
    """with Postfix("lmtp:unix:/path") as mta: smtplib.SMTP("127.0.0.1", mta.port)"""

    def __init__(self, transport, cafile=""):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="culver-postfix-"))
        self.dir.chmod(0o755)
        self.port = free_port()
        self.etc = self.dir / "etc"
        for name in ("etc", "queue", "data"):
            (self.dir / name).mkdir()
        shutil.chown(self.dir / "data", "postfix")
        values = dict(dir=self.dir, transport=transport, port=self.port,
                      cafile=cafile, tls="encrypt" if cafile else "none")
        (self.etc / "main.cf").write_text(MAIN.format(**values))
        (self.etc / "master.cf").write_text(MASTER.format(**values))

    def command(self, *args, check=True):
        return subprocess.run(["postfix", "-c", self.etc, *args], check=check,
                              capture_output=True, text=True, timeout=60)

    @property
    def log(self):
        path = self.dir / "postfix.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def __enter__(self):
        self.command("check")
        self.command("start")
        return self

    def __exit__(self, *exc):
        self.command("stop", check=False)
        shutil.rmtree(self.dir, ignore_errors=True)
