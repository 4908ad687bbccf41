"""Checks a folder with mypy and pyright: `use.py` without a fault, `wrong.py` with one on each line that is marked."""

import json
import pathlib
import re
import subprocess
import sys


def mypy(name: str) -> set[int]:
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", name], capture_output=True, text=True
    )
    return told("mypy", name, [(int(line), text) for line, text in re.findall(rf"{name}:(\d+): error: (.*)", ran.stdout)])


def pyright(name: str) -> set[int]:
    ran = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, name],
        capture_output=True, text=True,
    )
    if not ran.stdout.startswith("{"):
        sys.exit(f"pyright said no JSON: {ran.stdout}{ran.stderr}")
    found = [one for one in json.loads(ran.stdout)["generalDiagnostics"] if one["severity"] == "error"]
    return told("pyright", name, [(one["range"]["start"]["line"] + 1, one["message"]) for one in found])


def told(checker: str, name: str, faults: list[tuple[int, str]]) -> set[int]:
    for line, text in faults:
        if name != "wrong.py":
            print(f"{checker}: {name}:{line}: {text}")
    return {line for line, _ in faults}


def main(folder: str) -> None:
    import os

    os.chdir(folder)
    wrong = pathlib.Path("wrong.py").read_text().splitlines()
    marked = {number for number, line in enumerate(wrong, 1) if line.endswith("# refused")}
    failed = False
    for checker in (mypy, pyright):
        failed |= bool(checker("use.py"))
        found = checker("wrong.py")
        for line in sorted(marked ^ found):
            failed = True
            print(f"{checker.__name__}: wrong.py:{line} should {'' if line in marked else 'not '}be refused")
    sys.exit(1 if failed else 0)


main(*sys.argv[1:])
