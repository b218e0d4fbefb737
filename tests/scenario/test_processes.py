"""The processes: what is killed is replaced, a reload drops nobody, the
sandbox holds, limits do."""
import grp
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import time

import pytest

import culver


def processes(server):
    """{service: [pid, ...]} of the running generation."""
    rows = json.loads(server.adm("-f", "json", "service", "status").stdout)
    found = {}
    for row in rows:
        if row["state"] != "retired":
            found.setdefault(row["service"], []).append(int(row["pid"]))
    return found


def wait_for(what, seconds=10):
    deadline = time.monotonic() + seconds
    while True:
        result = what()
        if result:
            return result
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def rest(connection):
    """All bytes up to the end of the connection."""
    data = connection.buffer
    try:
        while chunk := connection.sock.recv(65536):
            data += chunk
    except ConnectionError:
        pass
    return data


def logged_in(server):
    client = server.imap()
    assert client.noop()[0] == "OK"
    return client


@pytest.mark.parametrize("service", [
    "anvil", "auth", "auth-worker", "deliver", "imap", "imap-login", "lmtp", "log"])
def test_a_killed_process_is_replaced_and_nothing_else_notices(server, service):
    old = logged_in(server)
    before = processes(server)
    for pid in before[service]:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: len(set(processes(server).get(service, []))
                         - set(before[service])) == len(before[service]))
    assert old.noop()[0] == "OK"
    logged_in(server).logout()
    server.deliver(b"Subject: x\r\n\r\nx\r\n")
    after = processes(server)
    for other in before:
        if other != service:
            assert after[other] == before[other], f"{other} was restarted too"
    old.logout()


def test_a_killed_session_costs_one_session(server):
    one, other = logged_in(server), logged_in(server)
    rows = json.loads(server.adm("-f", "json", "who").stdout)
    pid = max(int(r["pid"]) for r in rows if r["service"] == "imap")
    os.kill(pid, signal.SIGSEGV)
    time.sleep(0.3)
    alive = 0
    for client in (one, other):
        try:
            alive += client.noop()[0] == "OK"
        except Exception:
            pass
    assert alive == 1
    logged_in(server).logout()
    wait_for(lambda: "killed by signal 11" in server.log)


def test_reload_drops_nobody_and_takes_effect(make_server):
    server = make_server()
    session = logged_in(server)
    silent = server.raw()
    assert silent.line().startswith(b"* OK")
    server.write_config(extra="login_greeting = Changed.\n")
    before = processes(server)
    server.adm("reload")
    wait_for(lambda: processes(server).get("imap-login", before["imap-login"])
             != before["imap-login"])
    assert processes(server)["anvil"] == before["anvil"]
    assert session.noop()[0] == "OK"
    silent.send(b"a LOGIN alice secret\r\n")
    assert silent.until("a")[-1].startswith(b"a OK")

    def greeting():
        with server.raw() as c:
            return c.line()
    wait_for(lambda: b"Changed." in greeting())
    session.logout()


def test_a_failed_reload_keeps_the_old_settings(make_server):
    server = make_server()
    session = logged_in(server)
    before = processes(server)
    server.write_config(extra="no_such_setting = 1\n")
    assert server.adm("reload", check=False).returncode == 78
    wait_for(lambda: "reload failed" in server.log)
    assert "no_such_setting" in server.log
    assert processes(server) == before
    assert session.noop()[0] == "OK"
    logged_in(server).logout()


@pytest.mark.parametrize("line", [
    "ssl_cipher_list = NONE-SUCH", "auth_mechanisms = plain none-such",
    "ssl_key = <{dir}/cert.pem", "listen = 1.2.3.400",
    "mail_uid = none-such"])
def test_what_a_process_would_refuse_fails_the_reload(make_server, line):
    server = make_server()
    before = processes(server)["imap-login"]
    server.write_config(extra=line.format(dir=server.dir) + "\n")
    done = server.adm("reload", check=False)
    assert done.returncode == 78
    about = "1.2.3.400" if line.startswith("listen") else line.split()[0]
    wait_for(lambda: about in server.log)
    assert done.stderr
    assert processes(server)["imap-login"] == before
    logged_in(server).logout()


def test_a_broken_configuration_is_refused_at_the_start(tmp_path):
    conf = tmp_path / "culver.conf"
    conf.write_text(f"base_dir = {tmp_path}/run\nprotocls = imap\nlisten {{\n")
    done = subprocess.run([culver.PREFIX / "sbin" / "culverd", "-F", "-c", conf],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 89
    assert "culver.conf:2" in done.stderr
    assert "culver.conf:3" in done.stderr, "all errors are told at once"


def test_nothing_sent_before_tls_survives_it(server):
    with server.raw() as c:
        c.line()
        # one segment: the answer to STARTTLS comes, then the end
        c.send(b"a STARTTLS\r\nb LOGIN alice secret\r\nc NOOP\r\n")
        answer = rest(c)
        assert b"b OK" not in answer and b"c OK" not in answer
    with server.raw() as c:
        c.line()
        c.send(b"a STARTTLS\r\n")
        assert c.line().startswith(b"a OK")
        context = ssl.create_default_context(cafile=server.dir / "cert.pem")
        with context.wrap_socket(c.sock, server_hostname="localhost") as tls:
            assert tls.version() in ("TLSv1.2", "TLSv1.3")
            tls.sendall(b"b LOGIN alice secret\r\n")
            answer = b""
            while b"b OK" not in answer:
                answer += tls.recv(4096)


def test_old_tls_is_refused(server):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", server.imaps_port)) as sock:
        with pytest.raises(ssl.SSLError):
            context.wrap_socket(sock)


def test_much_data_passes_the_tls_relay(server):
    body = b"".join(b"%07d abcdefghijklmnopqrstuvwxyz\r\n" % i for i in range(60000))
    client = server.imap(tls=True)
    client.create("relay")
    assert client.append("relay", None, None, b"Subject: x\r\n\r\n" + body)[0] == "OK"
    client.select("relay")
    data = client.fetch("1", "(BODY.PEEK[TEXT])")[1][0][1]
    assert data == body
    client.logout()


def test_who_and_kick(server):
    client = logged_in(server)
    rows = json.loads(server.adm("-f", "json", "who", "alice").stdout)
    assert any(r["service"] == "imap" and r["ip"] == "127.0.0.1" for r in rows)
    assert json.loads(server.adm("-f", "json", "who", "nobody").stdout) == []
    server.adm("kick", "alice")
    # [RFC3501 7.1.5]
    assert client.readline() == b"* BYE Disconnected by the administrator.\r\n"
    assert client.readline() == b""
    wait_for(lambda: json.loads(
        server.adm("-f", "json", "who", "alice").stdout) == [])
    wait_for(lambda: re.search(r"imap\(alice\).*: Kicked in=\d+ out=\d+", server.log))


def test_a_kicked_client_in_idle_is_told(server):
    with culver.Raw(server.imap_port) as c:
        c.line()
        c.send(b"a LOGIN alice secret\r\nb SELECT INBOX\r\nc IDLE\r\n")
        c.until(b"+")
        server.adm("kick", "alice")
        assert c.line().startswith(b"* BYE ")


def test_connections_of_one_user_from_one_address_are_limited(make_server):
    server = make_server(extra="mail_max_userip_connections = 3\n")
    clients = [logged_in(server) for _ in range(3)]
    fourth = server.imap(login=False)
    with pytest.raises(fourth.error, match="(?i)limit|maximum"):
        fourth.login("alice", "secret")
    # nothing that the server's admin has to mend
    assert re.search(r"imap\(alice\).*Warning: .*mail_max_userip_connections", server.log)
    assert "Error: " not in server.log
    server.imap(user="bob").logout()
    clients.pop().logout()
    wait_for(lambda: len(json.loads(
        server.adm("-f", "json", "who", "alice").stdout)) == 2)
    logged_in(server).logout()


def test_limits_outlive_anvil(make_server):
    """Sessions tell a new anvil of themselves; it does not begin with none."""
    server = make_server(extra="mail_max_userip_connections = 3\n")
    clients = [logged_in(server) for _ in range(3)]
    (anvil,) = processes(server)["anvil"]
    os.kill(anvil, signal.SIGKILL)

    def sessions():
        found = server.adm("-f", "json", "who", "alice", check=False).stdout
        return len(json.loads(found)) if found.strip() else None
    wait_for(lambda: sessions() == 3)
    assert processes(server)["anvil"] != [anvil]
    fourth = server.imap(login=False)
    with pytest.raises(fourth.error, match="(?i)limit|maximum"):
        fourth.login("alice", "secret")
    clients.pop().logout()
    wait_for(lambda: sessions() == 2)
    logged_in(server).logout()


def test_the_oldest_silent_connection_makes_room(make_server):
    server = make_server(extra="service imap-login {\n  client_limit = 20\n}\n")
    silent = [server.raw() for _ in range(60)]
    for c in silent:
        c.line()
    start = time.monotonic()
    logged_in(server).logout()
    assert time.monotonic() - start < 1
    assert b"BYE" in rest(silent[0])
    for c in silent:
        c.close()


def children_of(pid):
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def test_a_spawner_that_hangs_costs_one_connection(make_server):
    server = make_server()
    silent = [server.raw() for _ in range(300)]
    for c in silent:
        c.line()
    logged_in(server).logout()
    zygote, = [pid for pid in processes(server)["imap-login"] if len(children_of(pid)) > 0]
    wait_for(lambda: len(children_of(zygote)) == 1)
    spawner, = children_of(zygote)
    os.kill(spawner, signal.SIGSTOP)
    try:
        silent[0].send(b"a NOOP\r\n")
        assert silent[0].closed(20)
        assert "the spawner gives no answer" in server.log
        logged_in(server).logout()
    finally:
        os.kill(spawner, signal.SIGCONT)
    # it answers nobody any more, and ends
    wait_for(lambda: spawner not in children_of(zygote))
    logged_in(server).logout()
    for c in silent:
        c.close()


def test_a_client_that_dawdles_has_an_absolute_deadline(make_server):
    server = make_server(extra="login_timeout = 2s\n")
    with server.raw() as c:
        c.line()
        start = time.monotonic()
        with pytest.raises(OSError):
            while time.monotonic() - start < 20:
                c.send(b"x")
                time.sleep(0.2)
        assert time.monotonic() - start < 10


def test_log_files_are_opened_again(make_server):
    server = make_server()
    path = server.dir / "culver.log"
    path.rename(server.dir / "culver.log.1")
    server.adm("log", "reopen")
    server.adm("log", "test")
    wait_for(path.exists)
    wait_for(lambda: "this is a test line, level Error" in server.log)


def test_a_second_server_in_the_same_place_is_refused(server):
    done = subprocess.run([culver.PREFIX / "sbin" / "culverd", "-F", "-c", server.config],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "running already" in done.stderr
    server.deliver(b"Subject: x\r\n\r\nx\r\n")
    with server.lmtp(unix=True) as client:
        client.noop()
    server.adm("service", "status")


def test_stop_ends_everything(make_server):
    server = make_server()
    session = logged_in(server)
    pids = [pid for found in processes(server).values() for pid in found]
    server.adm("stop")
    assert server.process.wait(20) == 0
    assert not [pid for pid in pids if pathlib.Path(f"/proc/{pid}").exists()]
    with pytest.raises(Exception):
        session.noop()
    assert server.adm("reload", check=False).returncode != 0


def test_nobody_can_leave_the_sandbox(server):
    args = ["-u", culver.MAIL_USER] if culver.IS_ROOT else []
    done = server.adm("-f", "json", "selftest", *args, "sandbox", check=False)
    assert done.returncode in (0, 1), done.stderr
    rows = json.loads(done.stdout)
    assert {r["service"] for r in rows} >= {
        "anvil", "auth", "auth-worker", "deliver", "imap", "imap-login", "lmtp", "log"}
    escaped = [r for r in rows if r["result"] != "prevented"]
    assert not escaped


def test_a_session_has_no_way_to_auth_and_its_true_number_in_who(server):
    client = logged_in(server)
    rows = json.loads(server.adm("-f", "json", "who").stdout)
    pid = max(int(r["pid"]) for r in rows if r["service"] == "imap")
    links = {int(n): os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")}
    assert links[5].startswith("socket:")       # to anvil: its lease can be renewed
    assert links[6] == "/dev/null"
    client.logout()


def test_settings_without_effect_are_said_to_have_none(make_server):
    server = make_server()
    server.adm("reload")
    assert "has no effect" not in server.log
    server.write_config(extra="""
service imap-login {
  process_min_avail = 4
  idle_kill = 60 s
}
service auth {
  extra_groups = mail
}
service lmtp {
  privileged_group = mail
  fifo_listener lmtp-fifo {
  }
}
""")
    server.adm("reload")
    for text in ("imap-login: process_min_avail has no effect",
                 "imap-login: idle_kill has no effect",
                 "lmtp: privileged_group has no effect: write it in service deliver",
                 "auth: extra_groups has no effect: write group",
                 "fifo_listener lmtp-fifo is not opened"):
        wait_for(lambda: text in server.log)

@pytest.mark.skipif(not culver.IS_ROOT, reason="needs other groups")
def test_a_session_has_the_extra_groups_and_no_more(make_server):
    server = make_server(extra="""
mail_access_groups = games
service imap {
  extra_groups = mail, $default_internal_group
}
""")
    session = logged_in(server)
    rows = json.loads(server.adm("-f", "json", "who").stdout)
    pid = next(int(r["pid"]) for r in rows if r["service"] == "imap")
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    groups = next(l for l in status.splitlines() if l.startswith("Groups:"))
    assert sorted(map(int, groups.split()[1:])) == sorted(
        grp.getgrnam(name).gr_gid for name in ("mail", "games"))
    session.logout()


def test_nobody_gets_a_session_by_a_socket_of_the_sessions(make_server):
    """Its user would have been nobody, its process root's."""
    port = culver.free_port()
    server = make_server(extra=f"""
service imap {{
  unix_listener login/imap {{
    mode = 0666
  }}
  inet_listener direct {{
    port = {port}
  }}
}}
""")
    assert not (server.dir / "run" / "login" / "imap").exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)
