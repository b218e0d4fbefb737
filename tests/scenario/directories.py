"""OpenLDAP's slapd for tests: in a folder, on loopback, with TLS."""
import base64
import contextlib
import shutil
import signal
import socket
import subprocess

import culver
import databases

SUFFIX = "dc=example,dc=com"
ROOT = "cn=admin," + SUFFIX
SECRET = "r00t s3cret"

CONF = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
pidfile {dir}/pid
sasl-host localhost
sasl-secprops none
password-hash {{CLEARTEXT}}
authz-regexp "uid=([^,]*),cn=[^,]*,cn=auth" "uid=$1,ou=people,{suffix}"
authz-regexp "gidNumber=[^,]*,cn=peercred,cn=external,cn=auth" "{root}"
TLSCACertificateFile {dir}/cert.pem
TLSCertificateFile {dir}/cert.pem
TLSCertificateKeyFile {dir}/key.pem
TLSVerifyClient allow
sizelimit {sizelimit}
{extra}
database mdb
suffix "{suffix}"
rootdn "{root}"
rootpw "{secret}"
directory {dir}/data
maxsize 268435456
index objectClass eq
index uid eq
limits dn.exact="cn=reader,{suffix}" size.prtotal=unlimited size=500
{acl}
overlay ppolicy
ppolicy_default "cn=policy,{suffix}"
ppolicy_use_lockout
"""
ACL = """\
access to attrs=userPassword by dn.exact="cn=reader,{suffix}" read by anonymous auth by * none
access to * by * read
"""


def there():
    return bool(shutil.which("slapd") and shutil.which("slapadd"))


def value(name, text):
    """One line of LDIF, whatever the text is."""
    data = text if isinstance(text, bytes) else str(text).encode()
    return f"{name}:: {base64.b64encode(data).decode()}\n"


def escape_dn(text):
    data = text if isinstance(text, bytes) else str(text).encode()
    return "".join(chr(b) if chr(b).isalnum() and b < 128 else f"\\{b:02x}" for b in data)


class Directory(databases.Folder):
    def __init__(self, sizelimit=500, extra="", acl=ACL):
        super().__init__("openldap")
        self.port, self.tls_port = culver.free_port(), culver.free_port()
        self.values = {"sizelimit": sizelimit, "extra": extra, "acl": acl.format(suffix=SUFFIX)}

    def close(self):
        super().close()
        culver.release_port(self.port)
        culver.release_port(self.tls_port)

    @property
    def uri(self):
        return f"ldap://127.0.0.1:{self.port}"

    # libldap takes "localhost" for the machine's own name
    @property
    def tls_uri(self):
        return f"ldaps://127.0.0.1:{self.tls_port}"

    @property
    def socket(self):
        return self.dir / "ldapi"

    @property
    def socket_uri(self):
        return "ldapi://" + str(self.socket).replace("/", "%2f")

    def create(self):
        (self.dir / "data").mkdir()
        culver.self_signed(self.dir)
        (self.dir / "slapd.conf").write_text(CONF.format(
            dir=self.dir, suffix=SUFFIX, root=ROOT, secret=SECRET, **self.values))
        self.ldif = [
            f"dn: {SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\n"
            "o: example\ndc: example\n",
            f"dn: ou=people,{SUFFIX}\nobjectClass: organizationalUnit\nou: people\n",
            f"dn: cn=reader,{SUFFIX}\nobjectClass: organizationalRole\n"
            "objectClass: simpleSecurityObject\ncn: reader\nuserPassword: r3ader\n",
            f"dn: cn=policy,{SUFFIX}\nobjectClass: organizationalRole\n"
            "objectClass: pwdPolicy\ncn: policy\npwdAttribute: userPassword\n"
            "pwdLockout: TRUE\n",
        ]

    def add(self, uid, password, home="/x", uid_number=1, gid_number=1, ou="people", extra=""):
        password = password if isinstance(password, (list, tuple)) else [password]
        self.ldif.append(
            f"dn: uid={escape_dn(uid)},ou={ou},{SUFFIX}\n"
            "objectClass: inetOrgPerson\nobjectClass: posixAccount\n"
            + value("uid", uid) + value("cn", uid) + value("sn", "x")
            + "".join(value("userPassword", p) for p in password if p is not None)
            + value("homeDirectory", home) + f"uidNumber: {uid_number}\ngidNumber: {gid_number}\n"
            + extra)

    def fill(self):
        done = subprocess.run(
            ["slapadd", "-q", "-f", self.dir / "slapd.conf"], input="\n".join(self.ldif),
            text=True, capture_output=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        subprocess.run(["chmod", "-R", "u+rwX", self.dir / "data"], check=True)

    def start(self):
        """After fill; entering does not start it."""
        if not (self.dir / "data/data.mdb").exists():
            return
        with open(self.dir / "log", "a") as log:
            self.process = subprocess.Popen(
                ["slapd", "-d", "0", "-f", self.dir / "slapd.conf",
                 "-h", f"{self.uri} ldaps://127.0.0.1:{self.tls_port} {self.socket_uri}"],
                stdout=log, stderr=log)
        assert culver.wait_for(self.answers), (self.dir / "log").read_text()

    def answers(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.tls_port)):
            return self.socket.exists()
        return False

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def modify(self, ldif):
        subprocess.run(["ldapmodify", "-x", "-H", self.uri, "-D", ROOT, "-w", SECRET],
                       input=ldif, text=True, check=True, capture_output=True)
