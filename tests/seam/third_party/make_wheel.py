"""A build backend as PEP 517 has it, of a page: what `pip` calls to make a wheel of the folder it stands in.

The package is then built where there is no network and no other backend.
"""

import tomllib
import zipfile
from pathlib import Path

HERE = Path(__file__).parent


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """Write the wheel into a folder and return its name."""
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    stem = f"{project['name'].replace('-', '_')}-{project['version']}"
    modules = {path.relative_to(HERE / "src"): path.read_text() for path in sorted((HERE / "src").rglob("*.py"))}
    files = {str(path): text for path, text in modules.items()} | {
        f"{stem}.dist-info/METADATA": metadata(project),
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: page\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{stem}.dist-info/entry_points.txt": entry_points(project),
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{stem}.dist-info/RECORD"])
    with zipfile.ZipFile(Path(wheel_directory) / f"{stem}-py3-none-any.whl", "w") as wheel:
        for name, text in [*files.items(), (f"{stem}.dist-info/RECORD", record)]:
            wheel.writestr(name, text)
    return f"{stem}-py3-none-any.whl"


def metadata(project):
    """Return the core metadata: https://packaging.python.org/specifications/core-metadata."""
    lines = ["Metadata-Version: 2.1", f"Name: {project['name']}", f"Version: {project['version']}"]
    lines += [f"Summary: {project['description']}", f"Requires-Python: {project['requires-python']}"]
    return "\n".join([*lines, *(f"Requires-Dist: {one}" for one in project["dependencies"]), ""])


def entry_points(project):
    """Return the entry points, group by group."""
    groups = project["entry-points"].items()
    return "\n".join(f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()) for group, points in groups)
