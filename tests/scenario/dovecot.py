"""Debian's Dovecot 2.3, private: own folder, own ports, same users as
culver.Server.  The reference that differential tests and benchmarks run
beside ours.  Needs root (Dovecot's own login users)."""
import os
import shutil
import subprocess
import time

import culver

CONFIG = """\
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <{dir}/cert.pem
ssl_key = <{dir}/key.pem
auth_mechanisms = plain login
auth_failure_delay = 0
disable_plaintext_auth = no
mail_location = maildir:~/Maildir
mail_uid = {mail_user}
mail_gid = {mail_group}
first_valid_uid = 1
mail_max_userip_connections = 10000
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
  process_limit = 2000
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = {imaps_port}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 2000
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp_port}
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""


def available():
    return os.geteuid() == 0 and shutil.which("dovecot") is not None


class Dovecot(culver.Server):
    """As culver.Server, with Dovecot in it."""

    def __init__(self, extra="", users=None, config=CONFIG, **values):
        super().__init__(extra, users, config, **values)
        shutil.chown(self.dir / "users", "dovecot")

    def start(self):
        self.process = subprocess.Popen(
            ["dovecot", "-F", "-c", self.config], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, preexec_fn=self.preexec)
        deadline = time.monotonic() + 30
        while not (self._answers(self.imap_port) and self._answers(self.lmtp_port)):
            if self.process.poll() is not None:
                raise RuntimeError(self.process.stdout.read() + self.log)
            if time.monotonic() > deadline:
                raise RuntimeError("dovecot does not answer:\n" + self.log)
            time.sleep(0.05)
        return self

    @property
    def log(self):
        path = self.dir / "dovecot.log"
        return path.read_text(errors="replace") if path.exists() else ""
