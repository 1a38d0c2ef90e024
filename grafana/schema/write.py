"""Write grafana.json from Grafana's published types, and compile the dashboards against them; wants npm.

`python grafana/schema/write.py` is for a new release of Grafana; the tests need only what it has written.
"""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
BOARDS: Final = sorted((HERE.parent / "dashboards").glob("*.json"))
COMPILER: Final = {"strict": True, "skipLibCheck": True, "module": "nodenext", "target": "es2022", "noEmit": True}


def run(folder: Path, *command: str) -> None:
    """Run a program of npm's in the folder."""
    subprocess.run(command, cwd=folder, check=True)  # noqa: S603 - ours


def boards() -> str:
    """Every dashboard, and each panel's own options, as typed constants."""
    lines = ["import type { Board, Custom, Options, Plain } from './types';"]
    for path in BOARDS:
        tree = json.loads(path.read_text(encoding="utf-8"))
        lines.append(f"export const {path.stem}: Plain<Board> = {json.dumps(tree)};")
        for panel in (panel for panel in tree["panels"] if panel["type"] != "row"):
            name, kind = f"{path.stem}_{panel['id']}", panel["type"]
            lines.append(f"export const options_{name}: Plain<Options['{kind}']> = {json.dumps(panel['options'])};")
            custom = panel["fieldConfig"]["defaults"].get("custom")
            if custom is not None:
                lines.append(f"export const custom_{name}: Plain<Custom['{kind}']> = {json.dumps(custom)};")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Install, generate, compile."""
    with tempfile.TemporaryDirectory(prefix="driftgauge-schema-") as scratch:
        folder = Path(scratch)
        for name in ("package.json", ".npmrc", "types.ts"):
            shutil.copy(HERE / name, folder / name)
        (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": COMPILER}), encoding="utf-8")
        (folder / "boards.ts").write_text(boards(), encoding="utf-8")
        run(folder, "npm", "install", "--no-package-lock")
        found = {}
        for kind in ("Board", "Options", "Custom"):
            generator = "node_modules/.bin/ts-json-schema-generator"
            told = ("--path", "types.ts", "--tsconfig", "tsconfig.json", "--no-type-check", "--jsDoc", "none")
            run(folder, generator, *told, "--type", kind, "--out", f"{kind}.json")
            found[kind] = json.loads((folder / f"{kind}.json").read_text(encoding="utf-8"))
        run(folder, "node_modules/.bin/tsc", "--project", "tsconfig.json")
    target = HERE / "grafana.json"
    target.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
