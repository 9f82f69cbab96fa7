"""buildah, kept on a short lead: no network, no mounts and no files outside the cache folder."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from lab import procfs
from lab.settings import Settings
from lab.shell import run

# Only containers and builds from what is here: a base image that is missing is an error and no download.
BUILD_FLAGS = ("--isolation", "chroot", "--pull-never", "--format", "docker", "--layers", "--force-rm")


class Buildah:
    """Builds images from Dockerfiles and writes them to archives."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._storage = settings.cache / "buildah"

    def build(self, name: str, dockerfile: Path, context: Path, args: Mapping[str, str] | None = None) -> None:
        """Builds a Dockerfile into the local storage under a name."""
        flags = [f"--build-arg={key}={value}" for key, value in (args or {}).items()]
        self._buildah("bud", *BUILD_FLAGS, *flags, "--tag", name, "--file", str(dockerfile), str(context))

    def export(self, name: str, archive: Path) -> None:
        """Writes an image to a file that `docker load` and containerd understand."""
        archive.parent.mkdir(parents=True, exist_ok=True)
        part = archive.with_name(archive.name + ".part")
        part.unlink(missing_ok=True)
        self._buildah("push", "--quiet", name, f"docker-archive:{part}:{name}")
        part.rename(archive)

    def remove(self, name: str) -> None:
        """Forgets an image and the layers that no other one has."""
        self._buildah("rmi", "--force", name)

    def names(self) -> list[str]:
        """The images in the local storage."""
        return self._buildah("images", "--format", "{{.Name}}:{{.Tag}}").split()

    def prune(self) -> None:
        """Throws away the layers that belong to no named image."""
        self._buildah("rmi", "--prune", "--force")

    def _buildah(self, *arguments: str) -> str:
        work = self._settings.run / "buildah"
        for folder in ("var-lib", "tmp"):
            (work / folder).mkdir(parents=True, exist_ok=True)
        self._storage.mkdir(parents=True, exist_ok=True)
        command = ["buildah", "--root", str(self._storage), "--runroot", str(work / "run")]
        command += ["--storage-driver", "overlay", *arguments]
        script = "\n".join(
            [
                "mount -n -t tmpfs lab /run",
                shlex.join(["mount", "--bind", str(work / "var-lib"), "/var/lib"]),
                "ip link set lo up",
                shlex.join(["exec", *command]),
            ]
        )
        namespaces = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
        # It would otherwise put a lock file for networks into /etc.
        (work / "containers.conf").write_text(f'[network]\nnetwork_config_dir = "{work}/networks"\n')
        environment = {
            procfs.MARKER: procfs.marker(self._settings, "buildah"),
            "TMPDIR": str(work / "tmp"),
            "CONTAINERS_CONF": str(work / "containers.conf"),
        }
        return run([*namespaces, "bash", "-euc", script], env=environment).stdout
