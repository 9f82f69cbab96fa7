"""`python -m release [--url URL] [--registry REGISTRY] [FOLDER]`: makes the release in build/release, or FOLDER (root).

--url: where the files will lie, for krew's manifest. --registry: where the images will, for the chart's values.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from documents import REPOSITORY
from lab.images import Images
from lab.progress import Progress
from lab.settings import settings
from packages_of import IMAGES
from release import agent_tar, bills, chart, oci, plugin
from release.facts import Facts, of_the_tree
from release.packing import Entry, tar_gz, timeless_zip
from softphone_plugin.single_file import PROGRAM

FOLDER = REPOSITORY / "build" / "release"
PAGE = REPOSITORY / "docs" / "how-to" / "install.md"
RECIPE = REPOSITORY / "images" / "pjsua2"
PLUGIN = REPOSITORY / "build" / "plugin"


def make(to: Path, facts: Facts) -> None:
    """Make the release in a folder, which is emptied first."""
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(parents=True)
    images, progress = Images(settings()), Progress()
    digests = {}
    for image in IMAGES:
        digests[image] = _image(image, images, progress, to, facts)
    (to / facts.name("softphone-fleet", ".tgz", "")).write_bytes(chart.package(facts, digests))
    (to / facts.name("softphone-fleet", "-digests.yaml", "")).write_text(chart.values(facts, digests))
    with progress.step("the agent without Kubernetes"):
        _agent(images.wheels(progress), to, facts)
    with progress.step("the plugin"):
        _plugin(to, facts)
    (to / "INSTALL.md").write_text(without_links(PAGE.read_text()))
    shutil.copyfile(REPOSITORY / "LICENSE", to / "LICENSE")
    files = ((file.name, file.read_bytes()) for file in to.iterdir())
    (to / agent_tar.SUMS).write_text(agent_tar.sums(files))


def _image(image: str, images: Images, progress: Progress, to: Path, facts: Facts) -> str:
    """Its archive and its bill; its digest."""
    title = f"softphone-fleet-{image}"
    with TemporaryDirectory(dir=to) as place:
        saved = Path(place) / "image.tar"
        images.archive(image, saved, progress)
        with progress.step(f"{title} as an archive"):
            digest = oci.write(saved, to / facts.name(title, ".oci.tar"), title, facts)
            (to / facts.name(title, ".cdx.json")).write_text(bills.of_image(image, saved, facts))
    return digest


def _agent(folder: Path, to: Path, facts: Facts) -> None:
    """The tar, its bill, and by itself the own pjsua2 with its recipe, since others may want that one."""
    held = agent_tar.wheels(folder, facts.epoch)
    name = "softphone-agent"
    (to / facts.name(name, ".tar.gz")).write_bytes(agent_tar.package(held, facts))
    bill = bills.of_packages(name, bills.metadata_of_wheels(held), facts)
    (to / facts.name(name, ".cdx.json")).write_text(bill)
    (own,) = folder.glob("pjsua2_python-*.whl")
    (to / own.name).write_bytes(timeless_zip(own.read_bytes(), facts.epoch))
    recipe = [*RECIPE.rglob("*"), *RECIPE.parent.glob("build-*")]
    entries = {
        f"images/{file.relative_to(RECIPE.parent)}": Entry(file.read_bytes(), file.stat().st_mode & 0o111 | 0o644)
        for file in recipe
        if file.is_file()
    }
    (to / facts.name("pjsua2-recipe", ".tar.gz", "")).write_bytes(tar_gz(entries, facts.epoch))


def _plugin(to: Path, facts: Facts) -> None:
    subprocess.run(["make", "--no-print-directory", "--silent", "plugin"], cwd=REPOSITORY, check=True)
    name = facts.name("kubectl-softphone", ".tar.gz")
    archive = plugin.package(PLUGIN, facts)
    (to / name).write_bytes(archive)
    (to / "softphone.yaml").write_text(plugin.manifest(archive, name, facts))
    bill = bills.of_packages("kubectl-softphone", bills.metadata_of_plugin(PLUGIN / PROGRAM), facts)
    (to / facts.name("kubectl-softphone", ".cdx.json")).write_text(bill)


def without_links(page: str) -> str:
    """A page that stands alone: links to other pages are their words."""
    return re.sub(r"\[([^\]]+)\]\((?![a-z]+:)[^)#][^)]*\)", r"\1", page)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="release", description=__doc__.partition("\n")[0])
    parser.add_argument("--url", default="")
    parser.add_argument("--registry", default="")
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    given = parser.parse_args()
    make(given.folder, of_the_tree(given.url, given.registry))
    print((given.folder / agent_tar.SUMS).read_text(), end="")
