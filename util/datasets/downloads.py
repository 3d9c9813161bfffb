"""Public data sets from the internet, checked and unpacked."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from util.datasets.archives import unpack
from util.datasets.git_tree import tree_id
from util.datasets.public_sets import PUBLIC_SETS, PublicSet
from util.datasets.transfer import Progress, download
from util.errors import DatasetError, InvalidInputError


def fetch(
    name: str,
    directory: Path | str,
    *,
    progress: Progress | None = None,
    sets: Mapping[str, PublicSet] = PUBLIC_SETS,
) -> Path:
    """Downloads a public data set, checks it and unpacks it; does nothing where that is done.

    Files are fetched into ``<directory>/downloads`` and removed from there once they are unpacked; one that somebody
    has put there is used instead of the network and stays. The folder of the data set appears when it is complete.

    Args:
        name: of the data set; ``public_sets.PUBLIC_SETS`` has them.
        directory: where its folder goes.
        progress: told the bytes that are there of the file being fetched, and of how many.
        sets: the data sets there are.

    Returns:
        ``<directory>/<name>``, for ``read_dataset``.

    Raises:
        InvalidInputError: if there is no data set of this name.
        DownloadError: if a file cannot be fetched or is not the published one.
        DatasetError: if an archive cannot be unpacked or does not hold the published data set.
    """
    if name not in sets:
        raise InvalidInputError(f"no public data set is called {name!r}; there are {', '.join(sorted(sets))}")
    public, target, drafts = sets[name], Path(directory) / name, Path(directory) / f".{name}.partial"
    if target.exists():
        return target
    downloads = Path(directory) / "downloads"
    own = [downloads / source.file for source in public.sources if not (downloads / source.file).exists()]
    try:
        shutil.rmtree(drafts, ignore_errors=True)
        drafts.mkdir(parents=True)
        for source in public.sources:
            file = downloads / source.file
            download(source.url, file, digest=source.digest, progress=progress)
            if source.is_archive:
                unpack(file, drafts, max_bytes=public.max_bytes)
            else:
                shutil.copyfile(file, drafts / source.file)
        _finish(name, public, drafts).rename(target)
    except OSError as error:
        raise DatasetError(f"{directory}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(drafts, ignore_errors=True)
    for file in own:
        file.unlink(missing_ok=True)
    return target


def _finish(name: str, public: PublicSet, drafts: Path) -> Path:
    """Finds the data set in what was unpacked, checks it and makes it readable."""
    found = sorted(drafts.glob(public.folder)) if public.folder else [drafts]
    if len(found) != 1:
        raise DatasetError(f"{name}: the archive holds no folder {public.folder}: it is not the published one")
    if public.tree and (tree := tree_id(found[0])) != public.tree:
        raise DatasetError(f"{name}: its files are not the published ones (tree {tree}, expected {public.tree})")
    public.prepare(found[0])
    return found[0]
