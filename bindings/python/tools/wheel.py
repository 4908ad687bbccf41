"""Makes the wheel of a compiled half: `python wheel.py LIBRARY FOLDER`. What it says stands in pyproject.toml."""

import base64
import hashlib
import pathlib
import platform
import sys
import sysconfig
import tomllib
import zipfile

PACKAGE = pathlib.Path(__file__).resolve().parent.parent
DATE = (2020, 1, 1, 0, 0, 0)


def tag() -> str:
    """For every CPython from the least supported one, on this kind of machine with a C library no older than this one."""
    name, version = platform.libc_ver()
    place = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    if place.startswith("linux_") and name == "glibc":
        place = f"manylinux_{version.replace('.', '_')}_{place.removeprefix('linux_')}"
    return f"cp310-abi3-{place}"


def main(library: str, folder: str) -> None:
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    files: dict[str, bytes] = {}
    for path in sorted((PACKAGE / "dbal").iterdir()):
        if path.suffix in (".py", ".pyi", ".typed"):
            files[f"dbal/{path.name}"] = path.read_bytes()
    native = "_native.pyd" if sys.platform == "win32" else "_native.abi3.so"
    files[f"dbal/{native}"] = pathlib.Path(library).read_bytes()

    info = f"{project['name']}-{project['version']}.dist-info"
    said = [
        "Metadata-Version: 2.4",
        f"Name: {project['name']}",
        f"Version: {project['version']}",
        f"Summary: {project['description']}",
        f"Requires-Python: {project['requires-python']}",
        f"License-Expression: {project['license']}",
        "License-File: LICENSE",
        *(f"Classifier: {one}" for one in project["classifiers"]),
        "Description-Content-Type: text/markdown",
        "",
        (PACKAGE / project["readme"]).read_text(),
    ]
    files[f"{info}/METADATA"] = "\n".join(said).encode()
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: dbal\nRoot-Is-Purelib: false\nTag: {tag()}\n".encode()
    files[f"{info}/licenses/LICENSE"] = (PACKAGE.parent.parent / "LICENSE").read_bytes()
    record = "".join(f"{name},sha256={digest(content)},{len(content)}\n" for name, content in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()

    wheel = pathlib.Path(folder) / f"{project['name']}-{project['version']}-{tag()}.whl"
    wheel.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            # The same date always: the same files make the same wheel.
            entry = zipfile.ZipInfo(name, DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100755 << 16 if name.endswith(".so") else 0o100644 << 16
            archive.writestr(entry, content)
    print(wheel)


def digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


main(*sys.argv[1:])
