"""Which wheels a bundle gets: chosen as the target would choose them, never silently an old one."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from roost.contract.errors import NotSupported, Rejected
from roost_cli.wheels import Target, install

WORKER = Target(
    "a Worker", "3.14", ("pyemscripten_2026_0_wasm32",), {"sys_platform": "emscripten", "platform_machine": "wasm32"},
    "has no wheel that a Worker can load",
)  # fmt: skip
ARM = Target(
    "a function", "3.12", ("manylinux_2_34_aarch64", "manylinux2014_aarch64"),
    {"sys_platform": "linux", "platform_machine": "aarch64", "python_version": "3.12", "python_full_version": "3.12.1"},
)  # fmt: skip
THIRTEEN = Target("a function", "3.13", ARM.platforms, {**ARM.markers, "python_version": "3.13"})


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


def wheel(index: Path, name: str, version: str, *needs: str, tag: str = "py3-none-any") -> Path:
    path = index / f"{name}-{version}-{tag}.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as z:
        z.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        z.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: {tag}\n")
        lines = "".join(f"Requires-Dist: {need}\n" for need in needs)
        z.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{lines}")
        z.writestr(f"{info}/RECORD", "")
    return path


def got(target: Target, folder: Path, *requirements: str, lock: str = "") -> set[str]:
    """What was installed, as name-version."""
    pins = folder / "pins.txt"
    pins.write_text(lock)
    into = folder / "into"
    install(target, pins, requirements, into)
    return {path.name.removesuffix(".dist-info") for path in into.iterdir() if path.suffix == ".dist-info"}


def test_markers_are_the_targets(index: Path, tmp_path: Path) -> None:
    wheel(index, "sdk", "2.0", 'port; sys_platform == "emscripten"', 'native; sys_platform != "emscripten"')
    wheel(index, "port", "1.0")
    wheel(index, "native", "1.0")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert got(WORKER, tmp_path / "a", "sdk") == {"sdk-2.0", "port-1.0"}
    assert got(ARM, tmp_path / "b", "sdk", 'native; platform_machine == "wasm32"') == {"sdk-2.0", "native-1.0"}


@pytest.mark.parametrize(("target", "wanted"), [(ARM, {"sdk-1.0", "old-1.0"}), (THIRTEEN, {"sdk-1.0"})])
def test_the_python_is_the_targets(target: Target, wanted: set[str], index: Path, tmp_path: Path) -> None:
    wheel(index, "sdk", "1.0", 'old; python_version < "3.13"', 'm1; platform_machine == "x86_64"')
    wheel(index, "old", "1.0")
    assert got(target, tmp_path, "sdk") == wanted


def test_a_step_back_over_a_major_version_is_refused_by_name(index: Path, tmp_path: Path) -> None:
    wheel(index, "sdk", "1.4")
    wheel(index, "sdk", "2.3", tag="cp314-cp314-manylinux2014_x86_64")
    with pytest.raises(Rejected, match=r"sdk: 2\.3 is there.*would take 1\.4.*\"sdk<2\"") as refused:
        got(WORKER, tmp_path, "sdk")
    assert refused.value.code == "step-back"
    (tmp_path / "meant").mkdir()
    assert got(WORKER, tmp_path / "meant", "sdk<2") == {"sdk-1.4"}


def test_a_step_back_for_what_a_newer_one_needs_is_refused_too(index: Path, tmp_path: Path) -> None:
    wheel(index, "sdk", "0.1")
    wheel(index, "sdk", "3.0", 'glue; sys_platform == "emscripten"')
    wheel(index, "glue", "1.0", tag="cp314-cp314-manylinux2014_x86_64")
    wheel(index, "app", "1.0", "sdk")
    with pytest.raises(Rejected, match=r"sdk: 3\.0 is there"):
        got(WORKER, tmp_path, "app")


def test_what_a_dependency_forbids_is_no_step_back(index: Path, tmp_path: Path) -> None:
    wheel(index, "sdk", "1.0")
    wheel(index, "sdk", "2.0")
    wheel(index, "sdk", "3.0rc1")
    wheel(index, "app", "1.0", "sdk<2")
    assert got(WORKER, tmp_path, "app") == {"app-1.0", "sdk-1.0"}


def test_what_has_no_wheel_is_refused(index: Path, tmp_path: Path) -> None:
    wheel(index, "sdk", "2.3", tag="cp314-cp314-manylinux2014_x86_64")
    with pytest.raises(NotSupported, match=r"sdk has no wheel that a Worker can load"):
        got(WORKER, tmp_path, "sdk")


def test_a_file_that_the_lock_does_not_name_is_refused(index: Path, tmp_path: Path) -> None:
    digest = hashlib.sha256(wheel(index, "base", "1.0").read_bytes()).hexdigest()
    good = f"base==1.0 \\\n    --hash=sha256:{'0' * 64} \\\n    --hash=sha256:{digest}\n"
    (tmp_path / "good").mkdir()
    assert got(WORKER, tmp_path / "good", lock=good) == {"base-1.0"}
    with pytest.raises(Rejected, match=r"base==1\.0: the index gave a file with sha256 ") as refused:
        got(WORKER, tmp_path, lock=f"base==1.0 --hash=sha256:{'0' * 64}\n")
    assert refused.value.code == "bad-hash" and digest in str(refused.value)
