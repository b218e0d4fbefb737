#!/usr/bin/env python3
"""Runs the test suites one after the other and adds up what they counted.

Called by tools/test, which installs the packages first.  Each suite is a
function that returns (passed, failed); a suite that breaks counts as one
failure and the next one runs all the same.
"""
import argparse
import hashlib
import os
import pathlib
import re
import stat
import subprocess
import sys
import time
import xml.etree.ElementTree

TOP = pathlib.Path(__file__).resolve().parent.parent
CC = os.environ.get("CC", "gcc")
CLANG = os.environ.get("CLANG", "clang")


def run(*command, **kw):
    return subprocess.run([str(c) for c in command], **kw)


def choose_build():
    """Servers that root starts run programs as other users: what is built must lie where those
    may go.  A clone in root's home does not."""
    chosen = os.environ.get("CULVER_BUILD")
    if chosen is not None:
        return pathlib.Path(chosen)
    if os.geteuid() != 0 or all(d.stat().st_mode & 0o001 for d in (TOP, *TOP.parents)):
        return TOP / "build"
    name = hashlib.sha256(os.fsencode(TOP)).hexdigest()[:12]
    folder = pathlib.Path("/var/tmp") / f"culver-build-{name}"
    folder.mkdir(mode=0o755, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != 0 or not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o022:
        sys.exit(f"{folder} is not root's own folder: remove it")
    print(f"other users may not go to {TOP}: building in {folder}", flush=True)
    return folder


BUILD = choose_build()


def build(name, *arguments):
    run(TOP / "tools" / "build", BUILD / name, *arguments, check=True)
    return BUILD / name


def count_unit(folder):
    """Sums cmocka's own counts; a program that printed none counts as one."""
    passed = failed = 0
    for log in sorted(folder.glob("tests/**/*.log")):
        if log.name == "test-suite.log" or not log.with_suffix(".trs").exists():
            continue
        text = log.read_text(errors="replace")
        ok = sum(map(int, re.findall(r"\[  PASSED  \] (\d+) test", text)))
        bad = sum(map(int, re.findall(r"\[  FAILED  \] [^,\n]*?(\d+) test", text)))
        result = log.with_suffix(".trs").read_text()
        if ":test-result: PASS" in result:
            passed += max(ok, 1)
        elif ":test-result: SKIP" not in result:
            passed += ok
            failed += max(bad, 1)
            print(text[-3000:])
    return passed, failed


def unit(folder, only=()):
    for old in folder.glob("tests/**/*.trs"):
        old.unlink()
    tests = [f"TESTS={' '.join(only)}"] if only else []
    env = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")
    result = run("make", "-s", "-C", folder, "-j2", "check", *tests, env=env,
                 capture_output=True, text=True)
    passed, failed = count_unit(folder)
    if result.returncode != 0 and failed == 0:
        print(result.stdout[-4000:], result.stderr[-4000:])
        failed = 1
    return passed, failed


def suite_unit(options):
    """The unit tests, compiled by gcc."""
    folder = build("gcc", "--enable-werror", f"CC={CC}")
    return unit(folder)


def suite_sanitizers(options):
    """The unit tests, compiled by clang with ASan and UBSan."""
    folder = build("asan", "--enable-werror", "--enable-sanitizers",
                   "CFLAGS=-O1 -g", f"CC={CLANG}")
    return unit(folder)


def suite_clang(options):
    """The unit tests, compiled by clang: no variable begins as zero, as gcc's do."""
    folder = build("clang", "--enable-werror", f"CC={CLANG}")
    return unit(folder)


def suite_lint(options):
    """What tests/lint finds wrong with the tree."""
    passed = failed = 0
    for script in sorted((TOP / "tests" / "lint").iterdir()):
        if script.name.endswith(".md") or not os.access(script, os.X_OK):
            continue
        result = run(script, cwd=TOP, capture_output=True, text=True)
        if result.returncode == 0:
            passed += 1
        else:
            failed += 1
            print(f"lint {script.name}:\n{result.stdout[-3000:]}{result.stderr[-3000:]}")
    return passed, failed


def suite_fuzz(options):
    """Each fuzz target reads its kept corpus; with --full two minutes more."""
    folder = BUILD / "fuzz"
    build("fuzz", "--enable-fuzzing", "CFLAGS=-O1 -g", f"CC={CLANG}")
    passed = failed = 0
    for target in sorted((folder / "tests" / "fuzz").glob("fuzz-*")):
        if target.suffix or not os.access(target, os.X_OK):
            continue
        corpus = TOP / "tests" / "fuzz" / "corpus" / target.name[len("fuzz-"):]
        command = [target, "-runs=0"]
        if options["full"]:
            command = [target, "-max_total_time=120"]
        scratch = folder / "corpus" / target.name
        scratch.mkdir(parents=True, exist_ok=True)
        command += [scratch] + ([corpus] if corpus.is_dir() else [])
        result = run(*command, capture_output=True, text=True, cwd=folder)
        if result.returncode == 0:
            passed += 1
        else:
            failed += 1
            print(f"fuzz {target.name}:\n{result.stderr[-3000:]}")
    return passed, failed


def pytest(folder, paths, *extra):
    report = BUILD / "pytest.xml"
    report.unlink(missing_ok=True)
    env = dict(os.environ, CULVER_PREFIX=str(folder / "inst"),
               CULVER_BUILD_DIR=str(folder), CULVER_TOP=str(TOP))
    # the files know nothing of each other, and wait more than they work
    run(sys.executable if has_pytest() else "/usr/bin/python3", "-m", "pytest", "-q",
        "-n2", "--dist=loadfile", "-p", "no:cacheprovider", f"--junitxml={report}",
        *extra, *paths, cwd=TOP, env=env)
    if not report.exists():
        return 0, 1
    suite = xml.etree.ElementTree.parse(report).getroot()
    suite = suite.find("testsuite") if suite.tag == "testsuites" else suite
    total, skipped = int(suite.get("tests")), int(suite.get("skipped"))
    bad = int(suite.get("failures")) + int(suite.get("errors"))
    return total - bad - skipped, bad


def has_pytest():
    return run(sys.executable, "-c", "import pytest, xdist",
               capture_output=True).returncode == 0


# What tests call and `make` does not build: two of them must not run make at once.
TEST_PROGRAMS = ["tests/account/account-workload", "tests/stress/imap-stress",
                 "tests/stress/mailbox-stress", "tests/bench/bench-imap", "tests/bench/bench-lmtp"]


def suite_scenario(options):
    """Real servers, real clients and plugins that must be refused."""
    folder = build("gcc", "--enable-werror", f"CC={CC}")
    run("make", "-s", "-C", folder, "-j2", *TEST_PROGRAMS, check=True)
    marks = () if options["full"] else ("-m", "not slow")
    return pytest(folder, ["tests/scenario", "tests/interop", "tests/abi", "tests/stress"], *marks)


def suite_distcheck(options):
    """A release, unpacked, built and tested by gcc and by clang."""
    passed = failed = 0
    for name, compiler in (("gcc", "gcc"), ("clang", "clang")):
        folder = build(f"dist-{name}", f"CC={compiler}")
        result = run("make", "-s", "-C", folder, "distcheck",
                     f"DISTCHECK_CONFIGURE_FLAGS=CC={compiler}",
                     capture_output=True, text=True)
        if result.returncode == 0:
            passed += 1
        else:
            failed += 1
            print(f"distcheck with {name}:\n{result.stdout[-2000:]}{result.stderr[-3000:]}")
    return passed, failed


CRASH_PROGRAMS = ["crash-mailbox", "crash-sdbox", "crash-mdbox", "crash-mbox"]
FAULT_PROGRAMS = CRASH_PROGRAMS + ["damage-store", "damage-foreign", "damage-mbox", "fault-pairs",
                                   "fault-pairs-mbox"]
DISKS_WANTED = 100_000      # that differ, of all crash programs together


def count_disks(name, text):
    """How many distinct disks a crash program says that it tried."""
    found = re.search(r"^(\d+) distinct disks", text, re.MULTILINE)
    count = int(found[1]) if found else 0
    print(f"{name}: {count} distinct disks")
    return count


def suite_crash(options):
    """Every disk that a power cut could have left, over 100,000; every damage to an
    account's files; every system call of pairs of operations failing."""
    folder = build("gcc", "--enable-werror", f"CC={CC}")
    passed = failed = disks = 0
    for name in FAULT_PROGRAMS:
        run("make", "-s", f"tests/fault/{name}", cwd=folder, check=True)
        result = run(folder / "tests" / "fault" / name, cwd=folder, capture_output=True,
                     text=True, env=os.environ | {"CULVER_FULL": "1"})
        if result.returncode == 0:
            passed += 1
        else:
            failed += 1
            print(f"{name}:\n{result.stderr[-3000:]}")
        if name in CRASH_PROGRAMS:
            disks += count_disks(name, result.stdout + result.stderr)
    print(f"{disks} distinct disks, of {DISKS_WANTED} that are wanted")
    if disks < DISKS_WANTED:
        return passed, failed + 1
    return passed + 1, failed


SUITES = [suite_lint, suite_unit, suite_sanitizers, suite_fuzz, suite_scenario]
# the sanitizers' build is clang's as well, with the same warnings and the same stacks
FULL_SUITES = SUITES + [suite_clang, suite_crash, suite_distcheck]
NAMES = {suite.__name__.removeprefix("suite_"): suite for suite in FULL_SUITES}


def is_path(word):
    """A file or folder of tests, or a unit program, built or not."""
    path = TOP / word.partition("::")[0]
    return word.startswith("tests/") and (
        path.exists() or path.with_name(path.name + ".c").exists())


def arguments(argv):
    parser = argparse.ArgumentParser(
        # What the tests run must not inherit the name this run was called by.
        prog=os.environ.pop("CULVER_TEST_NAME", "tests/run.py"), allow_abbrev=False,
        description="Runs the suites, or what is named; ends with a line of counts."
        " Exit status 0: nothing failed.")
    parser.add_argument("what", nargs="*", metavar="SUITE|PATH",
                        help="a suite of --list, a file below tests/, or a program"
                        " below tests/unit (default: all suites)")
    parser.add_argument("--full", action="store_true", help="the long suites and"
                        " tests, too (distcheck, longer fuzzing, crash states)")
    parser.add_argument("--list", action="store_true", help="name the suites, do nothing")
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    for word in options.what:
        if word not in NAMES and not is_path(word):
            parser.error(f"there is no suite or test '{word}' (see --list)")
    return options


def list_suites():
    for name, suite in NAMES.items():
        about = (suite.__doc__ or "").partition("\n")[0]
        only = "" if suite in SUITES else "(--full)"
        print(f"{name:<12}{only:<9}{about}".rstrip())


def run_suite(name, options):
    begin = time.monotonic()
    print(f"== {name}", flush=True)
    try:
        ok, bad = NAMES[name](options)
    except subprocess.CalledProcessError:
        ok, bad = 0, 1
    print(f"== {name}: {ok} passed, {bad} failed"
          f" ({time.monotonic() - begin:.0f} s)", flush=True)
    return ok, bad


def show_broken(suites, results):
    """Which suites failed, once more: what they said of it may be far above."""
    for name, (_, bad) in zip(suites, results):
        if bad:
            print(f"FAILED suite {name}: {bad}")


def run_paths(paths):
    folder = build("gcc", "--enable-werror", f"CC={CC}")
    programs = [p for p in paths if p.startswith("tests/unit")]
    files = [p for p in paths if p not in programs]
    return ([unit(folder, programs)] if programs else []) + (
        [pytest(folder, files)] if files else [])


def main(argv):
    wanted = arguments(argv)
    if wanted.list:
        list_suites()
        return 0
    if wanted.check:
        return 0
    paths = [word for word in wanted.what if word not in NAMES]
    suites = [word for word in wanted.what if word in NAMES]
    if not wanted.what:
        suites = [name for name, suite in NAMES.items()
                  if wanted.full or suite in SUITES]
    results = [run_suite(name, {"full": wanted.full}) for name in suites]
    results += run_paths(paths) if paths else []
    show_broken(suites, results)
    passed = sum(ok for ok, _ in results)
    failed = sum(bad for _, bad in results)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
