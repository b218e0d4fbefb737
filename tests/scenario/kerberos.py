"""A realm of MIT Kerberos in a folder of its own: KDC on loopback, keys, tickets."""
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

REALM = "EXAMPLE.COM"
OTHER = "OTHER.TEST"
HOST = "mail.example.com"
PASSWORD = "kerberos secret"


def which(name):
    return shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")


def there():
    return all(which(name) for name in ("krb5kdc", "kdb5_util", "kadmin.local", "kinit"))


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Realms:
    """Two realms in one KDC, of which the second is trusted by the first."""

    def __enter__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="culver-krb5-"))
        self.dir.chmod(0o755)
        (self.dir / "rcache").mkdir()
        (self.dir / "rcache").chmod(0o777)
        self.port = free_port()
        self.kdc = None
        self.env = os.environ | {
            "KRB5_CONFIG": str(self.dir / "krb5.conf"),
            "KRB5_KDC_PROFILE": str(self.dir / "kdc.conf"),
            "KRB5RCACHEDIR": str(self.dir / "rcache"),
        }
        self.write()
        for realm in (REALM, OTHER):
            self.run("kdb5_util", "-r", realm, "create", "-s", "-P", "master")
        for realm in (REALM, OTHER):
            self.admin(realm, f"addprinc -pw shared krbtgt/{REALM}@{OTHER}")
        for user in ("alice", "bob", "carol"):
            self.admin(REALM, f'addprinc -pw "{PASSWORD}" {user}')
        self.admin(OTHER, f'addprinc -pw "{PASSWORD}" alice')
        for name in (f"imap/{HOST}", f"pop/{HOST}", f"smtp/{HOST}", "imap/elsewhere.example.com"):
            self.admin(REALM, f"addprinc -randkey {name}")
            self.admin(REALM, f"ktadd -k {self.keytab} {name}")
        self.keytab.chmod(0o644)
        self.kdc = subprocess.Popen([which("krb5kdc"), "-n", "-r", REALM, "-r", OTHER],
                                    env=self.env, stdout=subprocess.DEVNULL,
                                    stderr=(self.dir / "kdc.err").open("w"))
        for _ in range(50):
            if self.kinit("alice") == 0:
                return self
            time.sleep(0.1)
        raise AssertionError((self.dir / "kdc.err").read_text())

    def __exit__(self, *_):
        if self.kdc is not None:
            self.kdc.terminate()
            self.kdc.wait(20)
        shutil.rmtree(self.dir)

    @property
    def keytab(self):
        return self.dir / "mail.keytab"

    def write(self):
        realms = "".join(f"  {name} = {{\n    kdc = 127.0.0.1:{self.port}\n  }}\n"
                         for name in (REALM, OTHER))
        (self.dir / "krb5.conf").write_text(f"""\
[libdefaults]
  default_realm = {REALM}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
[realms]
{realms}[domain_realm]
  .example.com = {REALM}
[logging]
  kdc = FILE:{self.dir}/kdc.log
""")
        realms = "".join(f"""\
  {name} = {{
    database_name = {self.dir}/{name}
    key_stash_file = {self.dir}/{name}.stash
    kdc_listen = 127.0.0.1:{self.port}
    kdc_tcp_listen = 127.0.0.1:{self.port}
  }}
""" for name in (REALM, OTHER))
        (self.dir / "kdc.conf").write_text(f"[realms]\n{realms}")

    def run(self, name, *args, **more):
        return subprocess.run([which(name), *args], env=self.env, check=True, timeout=60,
                              capture_output=True, text=True, **more)

    def admin(self, realm, query):
        self.run("kadmin.local", "-r", realm, "-q", query)

    def cache(self, user):
        return f"FILE:{self.dir}/cc.{user.replace('@', '.')}"

    def kinit(self, user):
        return subprocess.run([which("kinit"), "-c", self.cache(user), user],
                              input=PASSWORD + "\n", env=self.env, capture_output=True,
                              text=True, timeout=60).returncode

    def client_env(self, user):
        return self.env | {"KRB5CCNAME": self.cache(user)}
