"""Interpreters as files: environments of several makes, laid out in a folder."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from vlft.errors import VlftError
from vlft.swift.interpreter import find_interpreter, python_of_script


def make_environment(
    prefix: Path, packages: dict[str, str], *, version: str = "3.12.4", cfg: str | None = None
) -> Path:
    """A virtual environment's files; the executable is a symlink to no Python at all."""
    minor = ".".join(version.split(".")[:2])
    site = prefix / "lib" / f"python{minor}" / "site-packages"
    site.mkdir(parents=True)
    for name, release in packages.items():
        (site / f"{name}-{release}.dist-info").mkdir()
    if "ms_swift" in packages:
        (site / "swift").mkdir()
        (site / "swift" / "__init__.py").touch()
    (prefix / "bin").mkdir()
    base = prefix.parent / f"{prefix.name}-base" / "bin" / f"python{minor}"
    base.parent.mkdir(parents=True)
    write_program(base, "#!/bin/sh\nexit 1\n")
    python = prefix / "bin" / "python"
    python.symlink_to(base)
    text = f"home = {base.parent}\nversion = {version}\n" if cfg is None else cfg
    (prefix / "pyvenv.cfg").write_text(text)
    return python


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def site_of(python: Path) -> Path:
    return next((python.parent.parent / "lib").glob("python3*")) / "site-packages"


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if vlft ran in an interpreter without ms-swift."""
    monkeypatch.setattr(sys, "path", [])


def test_configured_environment(tmp_path: Path) -> None:
    python = make_environment(
        tmp_path / "env", {"ms_swift": "4.6.0", "torch": "2.9.1+cu128", "Qwen_VL.utils": "0.0.14"}
    )
    found = find_interpreter(str(python), environ={})
    assert found is not None
    assert found.python == str(python)
    assert found.python_version == "3.12.4"
    assert found.site_packages == (str(site_of(python)),)
    assert found.swift_dir == str(site_of(python) / "swift")
    assert found.packages == {
        "ms-swift": "4.6.0",
        "torch": "2.9.1+cu128",
        "qwen-vl-utils": "0.0.14",
    }


def test_uv_writes_version_info(tmp_path: Path) -> None:
    cfg = "home = /nowhere\nimplementation = CPython\nversion_info = 3.10.9\n"
    python = make_environment(tmp_path / "env", {}, version="3.10.9", cfg=cfg)
    found = find_interpreter(str(python), environ={})
    assert found is not None
    assert found.python_version == "3.10.9"
    assert found.packages == {}
    assert found.swift_dir is None


def test_system_packages_come_after_the_environment_s(tmp_path: Path) -> None:
    python = make_environment(tmp_path / "env", {"peft": "0.20.0"})
    base = tmp_path / "env-base"
    cfg = f"home = {base / 'bin'}\nversion = 3.12.4\ninclude-system-site-packages = true\n"
    (tmp_path / "env" / "pyvenv.cfg").write_text(cfg)
    system = base / "lib" / "python3.12" / "site-packages"
    user = tmp_path / "home" / ".local" / "lib" / "python3.12" / "site-packages"
    for folder, name in ((system, "peft-0.1"), (system, "torch-2.6"), (user, "torch-2.7")):
        (folder / f"{name}.dist-info").mkdir(parents=True)
    found = find_interpreter(str(python), environ={"HOME": str(tmp_path / "home")})
    assert found is not None
    assert found.packages == {"peft": "0.20.0", "torch": "2.7"}
    assert found.site_packages == (str(site_of(python)), str(user), str(system))
    without = find_interpreter(
        str(python), environ={"HOME": str(tmp_path / "home"), "PYTHONNOUSERSITE": "1"}
    )
    assert without is not None
    assert without.packages["torch"] == "2.6"


def test_conda_and_system_prefix(tmp_path: Path) -> None:
    write_program(tmp_path / "bin" / "python3.11", "")
    (tmp_path / "bin" / "python").symlink_to("python3.11")
    (tmp_path / "conda-meta").mkdir()
    (tmp_path / "conda-meta" / "python-3.11.7-h955ad1f_0.json").touch()
    site = tmp_path / "lib" / "python3.11" / "site-packages"
    (site / "torch-2.6.dist-info").mkdir(parents=True)
    (site / "lark-1.2.2-py3.11.egg-info").touch()
    debian = tmp_path / "lib" / "python3" / "dist-packages"
    (debian / "six-1.16.dist-info").mkdir(parents=True)
    found = find_interpreter(str(tmp_path / "bin" / "python"), environ={})
    assert found is not None
    assert found.python_version == "3.11.7"
    assert found.packages == {"torch": "2.6", "lark": "1.2.2", "six": "1.16"}


@pytest.mark.parametrize("how", ["path", "finder", "direct_url", "develop"])
def test_editable_ms_swift(tmp_path: Path, how: str) -> None:
    python = make_environment(tmp_path / "env", {})
    site = site_of(python)
    source = tmp_path / "a checkout" / "swift"
    source.mkdir(parents=True)
    (source / "__init__.py").touch()
    (source / "version.py").write_text(
        "__version__ = '4.7.0.dev0'\n__release_datetime__ = '2099-12-31'\n"
    )
    (site / "unrelated.pth").write_text("import sys\n# comment\n/nowhere\n")
    info = site / "ms_swift-4.7.0.dev0.dist-info"
    if how != "develop":
        info.mkdir()
    if how == "path":
        (site / "__editable__.ms_swift-4.7.0.dev0.pth").write_text(f"{source.parent}\n")
    elif how == "finder":
        (site / "__editable__.ms_swift-4.7.0.dev0.pth").write_text(
            "import __editable___ms_swift_4_7_0_dev0_finder; x.install()"
        )
        (site / "__editable___ms_swift_4_7_0_dev0_finder.py").write_text(
            f"import sys\nMAPPING: dict[str, str] = {{'swift': {str(source)!r}}}\n"
            "NAMESPACES: dict[str, list[str]] = {}\n"
        )
    elif how == "direct_url":
        url = source.parent.as_uri()
        assert "%20" in url
        (info / "direct_url.json").write_text(
            f'{{"url": "{url}", "dir_info": {{"editable": true}}}}'
        )
    else:
        (site / "easy-install.pth").write_text(f"{source.parent}\n")
    found = find_interpreter(str(python), environ={})
    assert found is not None
    assert found.swift_dir == str(source)
    assert found.packages["ms-swift"] == "4.7.0.dev0"


BROKEN_HOOKS = {
    "__editable___ms_swift_4_6_0_finder.py": "MAPPING = {'swift': call()}\n",
    "__editable___other_finder.py": "MAPPING = {'swift': 3}\n",
    "__editable__.other-1.pth": "import other\n/nowhere\n",
    "gone.pth": None,
    "ms_swift-4.6.0.dist-info/direct_url.json": "[]",
    "ms_swift-4.6.0-1.dist-info/direct_url.json": "{",
    "ms_swift-4.6.1.dist-info/direct_url.json": '{"url": "https://example.org/x.whl"}',
}


def test_hooks_that_lead_nowhere(tmp_path: Path) -> None:
    python = make_environment(tmp_path / "env", {})
    for name, text in BROKEN_HOOKS.items():
        path = site_of(python) / name
        path.parent.mkdir(exist_ok=True)
        if text is None:
            path.symlink_to("nothing")
        else:
            path.write_text(text)
    found = find_interpreter(str(python), environ={})
    assert found is not None
    assert found.swift_dir is None
    assert "ms-swift" in found.packages


@pytest.mark.parametrize("version", [None, "__version__ = '2.36.0'\n"])
def test_a_path_to_another_swift(tmp_path: Path, version: str | None) -> None:
    """OpenStack's object store is a package called swift as well."""
    python = make_environment(tmp_path / "env", {})
    source = tmp_path / "openstack" / "swift"
    source.mkdir(parents=True)
    (source / "__init__.py").touch()
    if version is not None:
        (source / "version.py").write_text(version)
    (site_of(python) / "easy-install.pth").write_text(f"{source.parent}\n")
    found = find_interpreter(str(python), environ={})
    assert found is not None
    assert found.swift_dir is None
    assert "ms-swift" not in found.packages


def test_an_executable_that_is_no_python(tmp_path: Path) -> None:
    write_program(tmp_path / "bin" / "shim", "#!/bin/sh\n")
    found = find_interpreter(str(tmp_path / "bin" / "shim"), environ={"HOME": str(tmp_path)})
    assert found is not None
    assert (found.site_packages, found.packages, found.python_version) == ((), {}, None)


def test_a_build_from_source_is_told_by_its_library(tmp_path: Path) -> None:
    write_program(tmp_path / "bin" / "python", "")
    for minor in ("3.9", "3.11", "3.10"):
        (tmp_path / "lib" / f"python{minor}" / "site-packages").mkdir(parents=True)
    (tmp_path / "lib" / "python3.11" / "site-packages" / "distutils.egg-info").touch()
    found = find_interpreter(str(tmp_path / "bin" / "python"), environ={})
    assert found is not None
    assert found.python_version == "3.11"
    assert found.site_packages == (str(tmp_path / "lib" / "python3.11" / "site-packages"),)
    assert found.packages == {}


def test_another_package_called_swift_is_not_ms_swift(tmp_path: Path) -> None:
    python = make_environment(tmp_path / "env", {"swift": "2.36.0"})
    (site_of(python) / "swift").mkdir()
    (site_of(python) / "swift" / "__init__.py").touch()
    found = find_interpreter(str(python), environ={})
    assert found is not None
    assert found.swift_dir is None


@pytest.mark.parametrize(
    ("made", "message"),
    [("nothing", "there is no file"), ("folder", "is a folder"), ("text", "is not executable")],
)
def test_configured_is_wrong(tmp_path: Path, made: str, message: str) -> None:
    path = tmp_path / "python"
    if made == "folder":
        make_environment(path, {})
    elif made == "text":
        path.touch()
    with pytest.raises(VlftError, match=message) as caught:
        find_interpreter(str(path), environ={})
    assert caught.value.hint
    if made == "folder":
        assert str(path / "bin" / "python") in caught.value.hint


def test_configured_by_name_and_home(tmp_path: Path) -> None:
    python = make_environment(tmp_path / "env", {})
    by_name = find_interpreter("python", environ={"PATH": str(python.parent)})
    by_home = find_interpreter("~/env/bin/python", environ={"HOME": str(tmp_path)})
    assert by_name is not None
    assert by_name == by_home


SHEBANGS = {
    "direct": "#!{python}\nimport re\n",
    "flags": "#!{python} -sE\n",
    "env": "#!/usr/bin/env python\n",
    "env -S": "#!/usr/bin/env -S python -u\n",
    "pip's, for a long path": "#!/bin/sh\n'''exec' {python} \"$0\" \"$@\"\n' '''\nimport re\n",
    "quoted": "#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n",
    "uv's, relocatable": (
        "#!/bin/sh\n'''exec' "
        '"$(dirname -- "$(realpath -- "$0")")"/\'python\' "$0" "$@"\n'
        "' '''\n"
    ),
}


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("shebang", SHEBANGS.values(), ids=SHEBANGS)
def test_the_swift_on_path(tmp_path: Path, shebang: str) -> None:
    python = make_environment(tmp_path / "env", {"ms_swift": "4.6.0"})
    # Before it on PATH: a compiled program, a script of another kind, a Python without ms-swift.
    bare = make_environment(tmp_path / "bare", {})
    write_program(tmp_path / "one" / "swift", "\x7fELF")
    write_program(tmp_path / "two" / "swift", "#!/usr/bin/env bash\nexec pyenv exec swift\n")
    write_program(tmp_path / "three" / "swift", f"#!{bare}\n")
    write_program(python.parent / "swift", shebang.format(python=python))
    folders = [str(tmp_path / name) for name in ("one", "two", "three", "absent")]
    search = ":".join([*folders, "", str(python.parent)])
    found = find_interpreter(None, environ={"PATH": search})
    assert found is not None
    assert found.python == str(python)


NOT_PYTHON = {
    "another shell program": "#!/bin/sh\nexec python swift.py\n",
    "no shebang": "print()\n",
    "an empty shebang": "#!\n",
    "a quote without an end": "#!/bin/sh 'a\n",
    "a trampoline without an end": '#!/bin/sh\n\'\'\'exec\' "/python "$0" "$@"\n',
    "a Python that is gone": "#!/nowhere/python3\n",
    "env without a program": "#!/usr/bin/env -S\n",
}


@pytest.mark.parametrize("text", NOT_PYTHON.values(), ids=NOT_PYTHON)
def test_scripts_that_no_python_runs(tmp_path: Path, text: str) -> None:
    write_program(tmp_path / "swift", text)
    assert python_of_script(str(tmp_path / "swift"), "") is None
    assert python_of_script(str(tmp_path), "") is None


@pytest.mark.usefixtures("elsewhere")
def test_a_symlink_to_a_tool_s_script(tmp_path: Path) -> None:
    python = make_environment(tmp_path / "tool", {"ms_swift": "4.6.0"})
    write_program(python.parent / "swift", SHEBANGS["uv's, relocatable"])
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "swift").symlink_to(python.parent / "swift")
    found = find_interpreter(None, environ={"PATH": str(tmp_path / "bin")})
    assert found is not None
    assert found.python == str(python)


@pytest.mark.usefixtures("elsewhere")
def test_nothing_is_installed_anywhere(tmp_path: Path) -> None:
    write_program(tmp_path / "swift", "#!/usr/bin/python-that-is-gone\n")
    assert find_interpreter(None, environ={"PATH": str(tmp_path)}) is None
    assert find_interpreter(None, environ={}) is None


def test_own_interpreter_comes_before_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own" / "site-packages"
    (own / "ms_swift-4.6.0.dist-info").mkdir(parents=True)
    (own / "swift").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(own)])
    python = make_environment(tmp_path / "env", {"ms_swift": "4.5.0"})
    write_program(python.parent / "swift", f"#!{python}\n")
    found = find_interpreter(None, environ={"PATH": str(python.parent)})
    assert found is not None
    assert found.python == sys.executable
    assert found.packages == {"ms-swift": "4.6.0"}
    assert found.python_version == ".".join(map(str, sys.version_info[:3]))
