"""What the Dockerfile makes, without an engine: the wheel beside its pinned dependencies, on a read-only machine."""

import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Final

from metrics.tools import ROOT

USER: Final = 10001
DEPENDENCIES: Final = "dependencies"

CONFINED: Final = """
set -eu
root=$1; packages=$2; shift 2
mount --make-rprivate /
mount --bind "$packages" "$root/dependencies"
mount --bind "$root/passwd" /etc/passwd
awk '{ print $2 }' /proc/self/mounts | sort -u | while read -r point; do
    mount -o remount,bind,ro "$point" 2>/dev/null || true
done
for folder in data scratch; do
    mount -t tmpfs -o "mode=700,uid=$USER,gid=$USER,size=1g" tmpfs "$root/$folder"
done
if touch "$root/written" /var/tmp/written 2>/dev/null; then
    echo "the machine is not read-only" >&2
    exit 70
fi
exec setpriv --reuid "$USER" --regid "$USER" --clear-groups --no-new-privs --bounding-set=-all "$@"
"""
"""Makes everything read-only but two folders, gives up every right, and becomes the command."""


def wheel(folder: Path) -> Path:
    """Build the wheel as the Dockerfile does, from what the Dockerfile copies."""
    source = folder / "source"
    source.mkdir()
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    build = dockerfile.split(" AS wheel\n", 1)[1].split("\nFROM ", 1)[0]
    for line in re.findall(r"^COPY (.*)$", build, re.MULTILINE):
        *names, target = line.split()
        for name in names:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, source / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, source / target)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    command += ["--disable-pip-version-check", "--wheel-dir", str(folder), str(source)]
    subprocess.run(command, check=True, timeout=100)
    (built,) = folder.glob("driftgauge-*.whl")
    return built


def environment(folder: Path, built: Path) -> Path:
    """Make a fresh environment that sees the wheel and what requirements/runtime.txt pins, and nothing else."""
    made = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(made)], check=True, timeout=100)
    (packages,) = (made / "lib").glob("python*/site-packages")
    for entry in pinned():
        (packages / entry).symlink_to(folder / DEPENDENCIES / entry)
    command = [sys.executable, "-m", "pip", "--quiet", "--python", str(made / "bin" / "python"), "install"]
    command += ["--disable-pip-version-check", "--no-deps", "--no-index", "--no-compile", str(built)]
    subprocess.run(command, check=True, timeout=100)
    return made


def pinned() -> set[str]:
    """What the pinned packages have at the top of site-packages."""
    text = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8")
    found: set[str] = set()
    for name in re.findall(r"^([\w.-]+)==", text, re.MULTILINE):
        try:
            files = metadata.distribution(name).files or ()
        except metadata.PackageNotFoundError:
            continue  # pinned for another platform
        found |= {file.parts[0] for file in files if file.parts[0] not in {"..", "__pycache__"}}
    return found


def confined(folder: Path, *command: str) -> list[str]:
    """Give the command line that runs another where nothing but data and scratch can be written."""
    for name in (DEPENDENCIES, "data", "scratch"):
        (folder / name).mkdir()
    passwd = Path("/etc/passwd").read_text(encoding="utf-8")
    (folder / "passwd").write_text(f"{passwd}driftgauge:x:{USER}:{USER}::/data:/usr/sbin/nologin\n", encoding="utf-8")
    packages = str(Path(str(metadata.distribution("numpy").locate_file(""))).resolve())
    apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    return [*apart, "env", f"USER={USER}", "sh", "-c", CONFINED, "sh", str(folder), packages, *command]


def may_confine() -> bool:
    """Whether this machine lets us make mounts of our own."""
    if os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("setpriv") is None:
        return False
    probe = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "mount", "--make-rprivate", "/"]
    return subprocess.run(probe, capture_output=True, check=False, timeout=60).returncode == 0
