"""A kernel, or a container around it, that refuses Landlock."""
import ctypes
import errno
import platform
import struct

import pytest

import culver

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LANDLOCK = (444, 445, 446)      # the same on every architecture


def refuse_landlock(number=errno.EPERM):
    """As systemd-nspawn does: each of the three calls fails with EPERM."""
    load, jump, give = 0x20, 0x15, 0x06
    code = [(load, 0, 0, 0)]
    code += [(jump, len(LANDLOCK) - i, 0, n) for i, n in enumerate(LANDLOCK)]
    code += [(give, 0, 0, 0x7FFF0000), (give, 0, 0, 0x00050000 | number)]
    text = b"".join(struct.pack("HBBI", *c) for c in code)
    buffer = ctypes.create_string_buffer(text)
    program = struct.pack("HxxxxxxP", len(code), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program) == 0


@pytest.fixture(params=["auto", "required"])
def server(request):
    if platform.architecture()[0] != "64bit":
        pytest.skip("the filter is for 64 bits")
    made = culver.Server(extra=f"sandbox = {request.param}\n")
    made.preexec = refuse_landlock
    yield made
    made.stop()
    made.remove()


@pytest.mark.parametrize("server", ["auto"], indirect=True)
def test_a_server_without_it_says_so_once(server):
    server.start()
    server.imap().logout()
    assert server.log.count("there is no Landlock here") == 1


@pytest.mark.parametrize("server", ["required"], indirect=True)
def test_a_server_that_requires_it_does_not_start(server):
    with pytest.raises(RuntimeError, match="ended at once(.|\n)*no Landlock here"):
        server.start()
    assert server.process.returncode == 89


def test_an_old_kernel_serves_mail_and_is_not_told_to_require_it():
    server = culver.Server()
    server.preexec = lambda: refuse_landlock(errno.ENOSYS)
    with server:
        server.deliver(b"Subject: x\r\n\r\nx\r\n")
        for tls in (False, True):
            client = server.imap(tls=tls)
            assert client.select()[1] == [b"1"]
            client.logout()
        server.write_config("sandbox = required\n")
        done = server.adm("reload", check=False)
        assert done.returncode == 78
        assert "sandbox = required, but there is no Landlock here" in done.stderr
        server.imap().logout()
