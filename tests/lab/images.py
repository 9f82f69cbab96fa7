"""The container images of operator and agent, made by their real Dockerfiles without any registry.

An image's tag is a hash of all that it was made of. So a changed source makes a new image, and an unchanged one none.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lab import base_image, bootstrap, pjsua2
from lab.buildah import Buildah
from lab.errors import LabError
from lab.kubernetes.node import PAUSE_IMAGE, ctr
from lab.progress import Progress
from lab.sandbox import Sandbox
from lab.settings import REPOSITORY, Settings
from lab.shell import run

HASH_LENGTH = 12
FOLDER = REPOSITORY / "images"
RECIPES = dict.fromkeys(("operator", "agent"), FOLDER / "Dockerfile")
BARE = FOLDER / "bare.py"
OURS = "localhost/softphone-fleet-"
EARLIER = "localhost/softphone-earlier-"
FIRST_RELEASE = REPOSITORY / "tests" / "e2e" / "data" / "first-release"
# What the project's wheel is made of.
PROJECT = ("pyproject.toml", "README.md", "LICENSE", "agent", "operator", "plugin", "console")

REQUIREMENTS = FOLDER / "requirements.txt"
BUILD_WHEEL = FOLDER / "build-wheel.sh"
BUILDING = (BUILD_WHEEL, FOLDER / "build-requirements.txt")

PIP_WHEEL = (sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:")


@dataclass(frozen=True)
class Names:
    """The full names of the two images, for the chart's values."""

    operator: str
    agent: str


def digest(files: Iterable[Path], *words: str) -> str:
    """A short hash of files (their paths and contents) and words."""
    sha = hashlib.sha256()
    for file in sorted(files):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        sha.update(f"{file.name} {content}\n".encode())
    sha.update("\n".join(words).encode())
    return sha.hexdigest()[:HASH_LENGTH]


class Images:
    """Makes what is missing."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._buildah = Buildah(settings)

    @cached_property
    def names(self) -> Names:
        """What the two images are called, for the sources as they are now."""
        if not self._settings.own_cluster:
            prefix = self._settings.image_prefix
            if not prefix:
                raise LabError("with KUBECONFIG set, LAB_IMAGE_PREFIX must say where the cluster pulls the images from")
            return Names(f"{prefix}-operator", f"{prefix}-agent")
        return Names(self._name("operator"), self._name("agent"))

    def _name(self, program: str) -> str:
        # The operator uses the agent's contracts, and the agent nothing of the operator. The console is in its image.
        packages = ("agent", "operator", "console") if program == "operator" else ("agent",)
        files = [f for f in self._sources if f.relative_to(REPOSITORY).parts[0] in (*packages, "pyproject.toml")]
        files += [REQUIREMENTS, RECIPES[program], BARE, *BUILDING]
        if program == "agent":
            files += pjsua2.inputs()
        return f"{OURS}{program}:lab-{digest(files, self._base)}"

    @cached_property
    def _sources(self) -> list[Path]:
        found: list[Path] = []
        for name in PROJECT:
            path = REPOSITORY / name
            inside = path.rglob("*") if path.is_dir() else [path]
            found += [f for f in inside if f.is_file() and "__pycache__" not in f.parts and ".egg-info" not in str(f)]
        return found

    @cached_property
    def _base(self) -> str:
        tag = digest([FOLDER / "base" / "Dockerfile", Path(base_image.__file__), Path(bootstrap.__file__)])
        return f"localhost/softphone-lab-base:{tag}"

    def make_pause(self) -> None:
        """The image that holds a pod's namespaces, into the cluster."""
        if PAUSE_IMAGE not in self.loaded():
            self._buildah.build(PAUSE_IMAGE, FOLDER / "base" / "Dockerfile.pause", self._settings.binaries)
            self._load(PAUSE_IMAGE)

    def make_all(self, progress: Progress) -> Names:
        """Makes both images where they are missing and brings them into the cluster."""
        self._make(self.names, RECIPES, self._make_wheels, progress)
        # make_earlier() wants them too, in the lab's network, from where nothing can be fetched.
        self._make_base(progress)
        self._make_dependencies(progress)
        self._make_first_pjsua2(progress)
        return self.names

    def make_earlier(self, progress: Progress) -> Names:
        """Makes the images of the first release: its wheel, Dockerfiles and pjsua2, and all else as of today."""
        release = FIRST_RELEASE
        (wheel,) = release.glob("softphone_fleet-*.whl")
        recipes = {program: release / f"{program}.Dockerfile" for program in ("operator", "agent")}
        made_of = [wheel, *recipes.values(), release / "pyproject.toml", release / "pjsua2.txt", REQUIREMENTS]
        tag = digest(made_of, self._base)
        names = Names(f"{EARLIER}operator:lab-{tag}", f"{EARLIER}agent:lab-{tag}")

        def context(progress: Progress) -> Path:
            place = self._settings.cache / "context-earlier"
            shutil.rmtree(place, ignore_errors=True)
            wheels = place / "build" / "wheels"
            shutil.copytree(self._make_dependencies(progress), wheels, copy_function=os.link)
            shutil.copyfile(release / "pyproject.toml", place / "pyproject.toml")
            shutil.copy(wheel, wheels)
            for own in wheels.glob("pjsua2_python-*.whl"):
                own.unlink()
            shutil.copytree(self._make_first_pjsua2(progress), wheels, dirs_exist_ok=True)
            return place

        self._make(names, recipes, context, progress)
        self._forget([name for name in self._known() if name.startswith(EARLIER) and not name.endswith(tag)])
        return names

    def _make(
        self,
        names: Names,
        recipes: Mapping[str, Path],
        make_context: Callable[[Progress], Path],
        progress: Progress,
    ) -> None:
        loaded = self.loaded()
        for program, name in (("operator", names.operator), ("agent", names.agent)):
            if name in loaded:
                continue
            self._build(program, name, recipes[program], make_context, progress)
            with progress.step(f"image {name} into the cluster"):
                self._load(name)

    def _build(
        self,
        program: str,
        name: str,
        recipe: Path,
        make_context: Callable[[Progress], Path],
        progress: Progress,
    ) -> None:
        if name in self._buildah.names():
            return
        self._make_base(progress)
        context = make_context(progress)
        with progress.step(f"image {name}"):
            self._buildah.build(name, recipe, context, {"BASE": self._base, "PROGRAM": program})

    def archive(self, program: str, file: Path, progress: Progress) -> None:
        """Write an image of just these sources to a file, as `docker save` does; it is made where it is missing.

        The lab's own image of the agent stays while only the operator changes, whose modules lie in it unused.
        """
        made_of = [*self._sources, REQUIREMENTS, RECIPES[program], BARE, *BUILDING, *pjsua2.inputs()]
        name = f"{OURS}{program}:archive-{digest(made_of, self._base)}"
        self._build(program, name, RECIPES[program], self._make_wheels, progress)
        self._buildah.export(name, file)

    def wheels(self, progress: Progress) -> Path:
        """The folder of the wheels that go into the images: of the project as it is now, and of all that it needs."""
        return self._make_wheels(progress) / "build" / "wheels"

    def forget_old(self) -> None:
        """Older versions would fill the disk; to be called while no pod can miss them."""
        current = (self.names.operator, self.names.agent)
        self._forget([name for name in self._known() if name.startswith(OURS) and name not in current])

    def _known(self) -> set[str]:
        return {*self.loaded(), *self._buildah.names()}

    def _forget(self, names: Collection[str]) -> None:
        if old := [name for name in self.loaded() if name in names]:
            self._ctr("images", "remove", *old)
        for name in self._buildah.names():
            if name in names:
                self._buildah.remove(name)

    def _make_base(self, progress: Progress) -> None:
        if self._base in self._buildah.names():
            return
        with progress.step("base image from Debian packages", expect="20 s"):
            context = self._settings.cache / "base"
            shutil.rmtree(context, ignore_errors=True)
            context.mkdir(parents=True)
            base_image.make_root(context / "root.tar")
            self._buildah.build(self._base, FOLDER / "base" / "Dockerfile", context)
            shutil.rmtree(context)

    @property
    def _dependencies_tag(self) -> str:
        made_of = [REQUIREMENTS, REPOSITORY / "pyproject.toml", *BUILDING, *pjsua2.inputs()]
        return digest(made_of, sys.version)

    def _make_dependencies(self, progress: Progress) -> Path:
        """The wheels of all that the project needs, pjsua2 by its own recipe; they change rarely."""
        made = self._settings.cache / "wheels" / self._dependencies_tag
        if made.exists():
            return made
        with progress.step("wheels of all dependencies", expect="30 s"):
            part = self._settings.cache / "wheels.part"
            shutil.rmtree(part, ignore_errors=True)
            run([*PIP_WHEEL, "--wheel-dir", part, "--require-hashes", "--requirement", REQUIREMENTS])
            shutil.copy(pjsua2.wheel(self._settings), part)
            shutil.rmtree(made.parent, ignore_errors=True)
            made.parent.mkdir()
            part.rename(made)
            self._buildah.prune()
        return made

    def _make_first_pjsua2(self, progress: Progress) -> Path:
        """The pjsua2 that the first release had: it used accounts, which ours has no more."""
        made = self._settings.cache / "wheels-of-the-first-release"
        if not made.exists():
            with progress.step("pjsua2 of the first release"):
                part = made.with_suffix(".part")
                shutil.rmtree(part, ignore_errors=True)
                run([*PIP_WHEEL, "--wheel-dir", part, "--no-deps", "--requirement", FIRST_RELEASE / "pjsua2.txt"])
                part.rename(made)
        return made

    def _make_wheels(self, progress: Progress) -> Path:
        """The build context: the wheels of the project as it is now, and of all it needs."""
        context = self._settings.cache / "context"
        made_of = context / "made-of"
        present = digest([*self._sources, BARE, *BUILDING], self._dependencies_tag)
        if made_of.exists() and made_of.read_text() == present:
            return context
        dependencies = self._make_dependencies(progress)
        shutil.rmtree(context, ignore_errors=True)
        wheels = context / "build" / "wheels"
        with progress.step("wheel of the project"):
            shutil.copytree(dependencies, wheels)
            shutil.copyfile(REPOSITORY / "pyproject.toml", context / "pyproject.toml")
            (context / "images").mkdir()
            shutil.copyfile(BARE, context / "images" / BARE.name)
            with self._copied_sources() as source:
                run([BUILD_WHEEL, wheels, source], env={"PYTHON": sys.executable})
        made_of.write_text(present)
        return context

    @contextmanager
    def _copied_sources(self) -> Iterator[Path]:
        # setuptools would leave its build folder in the work tree, and pack what it finds there next time.
        place = self._settings.cache / "source"
        shutil.rmtree(place, ignore_errors=True)
        for file in self._sources:
            copy = place / file.relative_to(REPOSITORY)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        yield place
        shutil.rmtree(place)

    def _ctr(self, *arguments: str | Path) -> str:
        return run(Sandbox(self._settings).enter(ctr(self._settings, *arguments))).stdout

    def loaded(self) -> list[str]:
        """The images that the cluster holds."""
        return self._ctr("images", "list", "--quiet").split()

    def _load(self, name: str) -> None:
        archive = self._settings.run / "image.tar"
        self._buildah.export(name, archive)
        self._ctr("images", "import", archive)
        archive.unlink()
