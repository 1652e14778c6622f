"""`roost dev --on workerd`: the author's app in the real workerd, from the same folder that would be deployed."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from roost.contract.errors import RoostError
from roost.hosting.folders import private
from roost.hosting.packages import thinks
from roost.hosting.platform import Project, Serving, quiet

from .bundle import ENTRY, write
from .host import Workerd
from .stage import Stage, stage
from .wheels import modules


class WorkerdEmulator:
    """One workerd over `serving.data`, where the objects' files are."""

    def __init__(self, project: Project, serving: Serving) -> None:
        self._project = project
        self._serving = serving
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._workerd: Workerd | None = None

    async def start(self) -> str:
        self._folder = tempfile.TemporaryDirectory(prefix="roost-workerd-")
        folder, serving = Path(self._folder.name), self._serving
        try:
            binary = await asyncio.to_thread(self._stage, folder)
            self._workerd = Workerd(binary, folder / "run", serving.port, serving.log)
            await self._workerd.start()
        except RuntimeError as error:
            await self.stop()
            raise RoostError(str(error), code="not-started") from error
        except BaseException:
            await self.stop()
            raise
        return self._workerd.url

    def _stage(self, folder: Path) -> Path:
        project, serving = self._project, self._serving
        dependencies = modules(project.requirements, serving.log, thinks(project))
        write(project, dependencies, folder / "bundle")
        source = folder / "bundle" / "src"
        packages = [path for path in sorted(source.iterdir()) if path.name != f"{ENTRY}.py"]
        env = {**serving.environment, "ROOST_ADMIN_TOKEN": serving.admin_token, "ROOST_LOOPBACK": "1"}
        entry = (source / f"{ENTRY}.py").read_text()
        private(serving.data)
        (folder / "run").mkdir()
        (folder / "run" / "disk").symlink_to(serving.data.resolve(), target_is_directory=True)
        return stage(Stage(entry, packages, env, modules=folder / "bundle" / "python_modules"), folder / "run", quiet)

    async def stop(self) -> None:
        if self._workerd is not None:
            await self._workerd.stop()
        if self._folder is not None:
            self._folder.cleanup()

    async def ended(self) -> None:
        assert self._workerd is not None
        await self._workerd.ended()
