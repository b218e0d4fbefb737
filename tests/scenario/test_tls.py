"""TLS as admins set it up: certificates by server name, client certificates,
a renewed certificate at reload, implicit TLS for LMTP."""
import contextlib
import imaplib
import socket
import ssl
import subprocess
import time

import pytest

import culver


class Authority:
    """A CA in a folder, and certificates of it."""

    def __init__(self, folder, name="Test CA"):
        folder.mkdir(exist_ok=True)
        self.dir = folder
        self.cert = folder / "ca.pem"
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
                      "-subj", f"/CN={name}", "-addext",
                      "basicConstraints=critical,CA:TRUE", "-addext",
                      "keyUsage=keyCertSign,cRLSign",
                      "-keyout", folder / "ca-key.pem", "-out", self.cert)

    @staticmethod
    def _openssl(*args):
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)

    def issue(self, name):
        """(certificate, key) of the name."""
        key, request = self.dir / f"{name}-key.pem", self.dir / f"{name}.csr"
        cert, ext = self.dir / f"{name}.pem", self.dir / f"{name}.ext"
        ext.write_text(f"subjectAltName=DNS:{name}\n")
        self._openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}",
                      "-keyout", key, "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey",
                      self.dir / "ca-key.pem", "-CAcreateserial", "-days", "30",
                      "-extfile", ext, "-out", cert)
        return cert, key


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


def common_name(port, server_name):
    """CN of the certificate that is shown for the server name."""
    context = ssl._create_unverified_context()
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        with context.wrap_socket(sock, server_hostname=server_name) as tls:
            der = tls.getpeercert(binary_form=True)
    out = subprocess.run(["openssl", "x509", "-inform", "der", "-noout", "-subject"],
                         input=der, capture_output=True, check=True).stdout.decode()
    return out.strip().rpartition("=")[2].strip()


def imap_with(server, cert=None):
    context = ssl._create_unverified_context()
    if cert is not None:
        context.load_cert_chain(*cert)
    return imaplib.IMAP4_SSL("127.0.0.1", server.imaps_port, ssl_context=context,
                             timeout=30)


def test_the_server_name_picks_the_certificate(make_server, authority):
    one, two = authority.issue("one.example"), authority.issue("two.example")
    server = make_server(extra=f"""
local_name one.example {{
  ssl_cert = <{one[0]}
  ssl_key = <{one[1]}
}}
local_name two.example {{
  ssl_cert = <{two[0]}
  ssl_key = <{two[1]}
}}
""")
    assert common_name(server.imaps_port, "one.example") == "one.example"
    assert common_name(server.imaps_port, "TWO.example") == "two.example"
    assert common_name(server.imaps_port, "other.example") == "localhost"
    assert common_name(server.imaps_port, None) == "localhost"


CLIENT_CERTS = """
ssl_ca = <{ca}
ssl_verify_client_cert = yes
ssl_require_crl = no
auth_ssl_require_client_cert = yes
"""


def test_who_must_show_a_client_certificate_cannot_log_in_without(make_server, authority,
                                                                  tmp_path):
    server = make_server(extra=CLIENT_CERTS.format(ca=authority.cert))
    with pytest.raises(imaplib.IMAP4.error):
        imap_with(server).login("alice", "secret")
    stranger = Authority(tmp_path / "other", "Another CA").issue("alice")
    with pytest.raises((imaplib.IMAP4.error, ssl.SSLError)):
        imap_with(server, stranger).login("alice", "secret")
    client = imap_with(server, authority.issue("client.example"))
    assert client.login("alice", "secret")[0] == "OK"
    client.logout()
    # and the certificate is not in place of the password
    with pytest.raises(imaplib.IMAP4.error):
        imap_with(server, authority.issue("client.example")).login("alice", "wrong")


def test_a_client_certificate_is_wanted_but_not_needed_without_auth(make_server,
                                                                    authority):
    server = make_server(extra=CLIENT_CERTS.format(ca=authority.cert).replace(
        "require_client_cert = yes", "require_client_cert = no"))
    assert imap_with(server).login("alice", "secret")[0] == "OK"


def test_the_name_in_the_certificate_is_the_user(make_server, authority):
    server = make_server(extra=CLIENT_CERTS.format(ca=authority.cert)
                         + "auth_ssl_username_from_cert = yes\n")
    cert = authority.issue("alice")
    client = imap_with(server, cert)
    # whatever name the client gives, the certificate's one counts
    assert client.login("bob", "secret")[0] == "OK"
    client.logout()
    deadline = time.monotonic() + 5
    while "user=<alice>" not in server.log:
        assert time.monotonic() < deadline, server.log
        time.sleep(0.05)
    assert "user=<bob>" not in server.log


def crl(authority, *options):
    """The list of the authority's revoked certificates, which has none."""
    (authority.dir / "index.txt").write_text("")
    (authority.dir / "ca.conf").write_text(
        "[ca]\ndefault_ca = it\n[it]\n"
        f"database = {authority.dir}/index.txt\ndefault_md = sha256\n")
    authority._openssl("ca", "-config", authority.dir / "ca.conf", "-gencrl",
                       "-keyfile", authority.dir / "ca-key.pem", "-cert", authority.cert,
                       "-out", authority.dir / "crl.pem", *options)
    return (authority.dir / "crl.pem").read_text()


def test_a_list_of_revoked_certificates_that_is_missing_is_told(authority, tmp_path):
    """By culverconf, the start and a reload, with file and line."""
    ca = tmp_path / "both.pem"
    ca.write_text(authority.cert.read_text())
    extra = CLIENT_CERTS.format(ca=ca).replace("crl = no", "crl = yes")
    with culver.Server(extra=extra) as server:
        lines = server.config.read_text().splitlines()
        place = f"{server.config}:{lines.index(f'ssl_ca = <{ca}') + 1}: "
        missing = (f"Warning: {place}ssl_ca has no list of revoked certificates (CRL) of "
                   "'/CN=Test CA', and ssl_require_crl = yes")

        def told():
            return subprocess.run([culver.PREFIX / "bin/culverconf", "-c", server.config, "-n"],
                                  capture_output=True, text=True, check=True).stderr

        assert told().count(missing) == 1
        assert missing in server.adm("reload").stderr
        assert f"config: {missing}" in server.log
        ca.write_text(authority.cert.read_text() + crl(
            authority, "-crl_lastupdate", "20200101000000Z", "-crl_nextupdate",
            "20200201000000Z"))
        assert f"Warning: {place}ssl_ca: the list of revoked certificates (CRL) of " \
            "'/CN=Test CA' has expired" in told()
        ca.write_text(authority.cert.read_text() + crl(authority, "-crldays", "3"))
        assert "ssl_ca" not in told()
        # and with it a certificate is accepted
        server.adm("reload")
        client = imap_with(server, authority.issue("client.example"))
        assert client.login("alice", "secret")[0] == "OK"
        client.logout()


def test_why_a_client_certificate_is_refused_is_logged(make_server, authority, tmp_path):
    """A list of revoked certificates is wanted, and there is none; or a
    stranger has signed it."""
    server = make_server(extra=CLIENT_CERTS.format(ca=authority.cert)
                         + "ssl_require_crl = yes\n")
    client = imap_with(server, authority.issue("alice"))
    with pytest.raises(imaplib.IMAP4.error):
        client.login("alice", "secret")
    client.shutdown()
    line = next(l for l in server.log.splitlines() if "is not accepted" in l)
    assert "unable to get certificate CRL" in line and "CN=alice" in line
    assert "ssl_require_crl = yes needs the list" in line and "rip=127.0.0.1" in line
    (tmp_path / "other").mkdir()
    stranger = type(authority)(tmp_path / "other")
    client = imap_with(server, stranger.issue("mallory"))
    with pytest.raises(imaplib.IMAP4.error):
        client.login("alice", "secret")
    client.shutdown()
    line = [l for l in server.log.splitlines() if "is not accepted" in l][-1]
    assert "unable to verify the first certificate" in line and "CN=mallory" in line


def test_a_renewed_certificate_is_shown_after_a_reload(make_server, authority):
    server = make_server()
    old = server.imap(tls=True)
    assert common_name(server.imaps_port, "localhost") == "localhost"
    cert, key = authority.issue("renewed.example")
    (server.dir / "cert.pem").write_bytes(cert.read_bytes())
    (server.dir / "key.pem").write_bytes(key.read_bytes())
    assert common_name(server.imaps_port, "localhost") == "localhost"
    server.adm("reload")
    deadline = time.monotonic() + 10
    while common_name(server.imaps_port, "localhost") != "renewed.example":
        assert time.monotonic() < deadline, server.log
        time.sleep(0.05)
    assert old.noop()[0] == "OK"
    old.logout()


def test_a_key_that_does_not_fit_keeps_the_old_certificate(make_server, authority):
    server = make_server()
    cert, _ = authority.issue("unfit.example")
    (server.dir / "cert.pem").write_bytes(cert.read_bytes())
    server.adm("reload", check=False)
    time.sleep(1)
    assert common_name(server.imaps_port, "localhost") == "localhost", server.log


def test_lmtp_speaks_tls_from_the_first_byte_where_the_listener_says_so(make_server):
    port = culver.free_port()
    server = make_server(extra=f"""
service lmtp {{
  inet_listener lmtps {{
    port = {port}
    ssl = yes
  }}
}}
""")
    context = ssl.create_default_context(cafile=server.dir / "cert.pem")
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        with context.wrap_socket(sock, server_hostname="localhost") as tls:
            lines = tls.makefile("rwb")

            def command(text):
                lines.write(text + b"\r\n")
                lines.flush()
                answer = [lines.readline()]
                while answer[-1][3:4] == b"-":
                    answer.append(lines.readline())
                return answer
            assert lines.readline().startswith(b"220 ")
            assert not any(b"STARTTLS" in l for l in command(b"LHLO x"))
            assert command(b"MAIL FROM:<>")[0].startswith(b"250")
            assert command(b"RCPT TO:<alice>")[0].startswith(b"250")
            assert command(b"DATA")[0].startswith(b"354")
            assert command(b"Subject: x\r\n\r\nx\r\n.")[0].startswith(b"250")
    # plain text gets nowhere there
    with culver.Raw(port) as c:
        c.send(b"LHLO x\r\n")
        with contextlib.suppress(ConnectionError):
            assert not c.line().startswith(b"2")
    client = server.imap()
    assert client.select()[1] == [b"1"]
    client.logout()
