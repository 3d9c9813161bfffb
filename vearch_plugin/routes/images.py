"""``/v1/spaces/{space}/images``: put photos into a space, look at them, take them out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from util.errors import SpaceNotFoundError
from util.images import content_hash
from util.records import ImageRecord
from util.search.calibrating import forget_calibration
from util.search.extraction import Extraction, Failure
from util.search.indexing import ID_TAKEN, index_images
from vearch_plugin.asking import failed_images
from vearch_plugin.bodies import Body, field_value, read_body, validated
from vearch_plugin.errors import InvalidFieldsError, NotFoundError
from vearch_plugin.openapi import image_body
from vearch_plugin.routes.spaces import SpacePath, checked_name
from vearch_plugin.schemas.answers import Deleted, IndexAnswer, StoredImage, shown
from vearch_plugin.schemas.requests import IndexForm, IndexOptions, IndexRequest, NewMetadata
from vearch_plugin.service import Service, ServiceDependency
from vearch_plugin.sources import Named, ReadImage, Source, all_failed, check_count

router = APIRouter(prefix="/v1/spaces/{space}/images", tags=["index"])

ImagePath = Annotated[str, Path(min_length=1, max_length=4096, description="id of the image; slashes may be in it")]

_ABOUT_AN_IMAGE = ("id", "item", "metadata")


@dataclass(frozen=True, slots=True)
class _New:
    """An image of a request and what is to be stored with it."""

    source: Source
    about: NewMetadata
    name: str


@router.post("", openapi_extra=image_body(IndexRequest, IndexForm))
async def index(space: SpacePath, request: Request, service: ServiceDependency) -> IndexAnswer:
    """Indexes images. An id that is there already is replaced; what has not changed costs nothing.

    What was done before an error stays, so the same request can be sent again.
    """
    body = await read_body(request, most_images=service.limits.max_request_images)
    return await service.run(lambda: _index(service, space, body))


@router.get("/{id:path}", response_model_exclude_none=False)
async def get(
    space: SpacePath,
    id: ImagePath,
    service: ServiceDependency,
    vector: Annotated[bool, Query(description="shows the embedding too")] = False,
) -> StoredImage:
    """What a space holds of one image."""
    stored = await service.run(lambda: service.store.get(space, [id]))
    if not len(stored):
        raise _no_image(space, id)
    metadata = shown(stored.metadata[0])
    item = metadata.get("item")
    return StoredImage(
        id=id,
        item=item if isinstance(item, str) else None,
        metadata=metadata,
        vector=stored.vectors[0].tolist() if vector else None,
    )


@router.delete("/{id:path}")
async def delete(space: SpacePath, id: ImagePath, service: ServiceDependency) -> Deleted:
    """Takes one image out of a space."""
    return await service.run(lambda: _delete(service, space, id))


def _delete(service: Service, space: str, id_: str) -> Deleted:
    deleted = service.store.delete(space, ids=[id_])
    if not deleted:
        raise _no_image(space, id_)
    forget_calibration(service.store, space)
    return Deleted(deleted=deleted)


def _index(service: Service, space: str, body: Body) -> IndexAnswer:
    options, images = _understood(body)
    check_count(images, service.limits.max_request_images)
    kept, read, failed = service.reader().read_all(Named(new.name, new.source) for new in images)
    records, names = _records([images[position] for position in kept], read, failed)
    if not records:
        raise all_failed(failed)
    extraction = _extraction(service, space, options)
    report = index_images(list(records.values()), extraction=extraction, store=service.store, space=space)
    lost = {failure.id: failure for failure in report.failed}
    failed += [_told(failure, name) for id_, failure in lost.items() for name in names[id_]]
    if len(failed) == len(images):
        raise all_failed(failed)
    return IndexAnswer(
        space=space,
        extractor=report.extractor,
        indexed=report.indexed,
        skipped=report.skipped,
        relabelled=report.relabelled,
        ids=[id_ for id_ in records if id_ not in lost],
        failed=failed_images(failed),
    )


def _records(
    images: Sequence[_New], read: Sequence[ReadImage], failed: list[Failure]
) -> tuple[dict[str, ImageRecord], dict[str, list[str]]]:
    """Records by id, and what the answer calls the images of each; two images under one id are a failure."""
    records: dict[str, ImageRecord] = {}
    names: dict[str, list[str]] = defaultdict(list)
    for new, image in zip(images, read, strict=True):
        about = new.about
        record = ImageRecord(about.id or content_hash(image.data), image.path, about.item, about.metadata, image.data)
        if records.setdefault(record.id, record) == record:
            names[record.id].append(new.name)
        else:
            reason = f"its id {record.id!r} is given to two images, or with two labels: give each image its own"
            failed.append(Failure(new.name, reason, ID_TAKEN, record.id))
    return records, names


def _understood(body: Body) -> tuple[IndexOptions, list[_New]]:
    if body.json is not None:
        parsed = body.parsed(IndexRequest)
        return parsed, [_New(image, image, image.id or f"image {i}") for i, image in enumerate(parsed.images, 1)]
    about = _form_metadata(body)
    named = [
        _New(file, fields, fields.id or file.name or f"image {i}")
        for i, (file, fields) in enumerate(zip(body.files, about, strict=True), 1)
    ]
    return body.options(IndexOptions, but=_ABOUT_AN_IMAGE), named


def _form_metadata(body: Body) -> list[NewMetadata]:
    """What a form says about each of its files: a field given once holds for all, else there is one for each."""
    count = len(body.files)
    columns = {name: _spread(name, body.fields[name], count) for name in _ABOUT_AN_IMAGE if name in body.fields}
    return [
        validated(NewMetadata, {name: field_value(name, values[i]) for name, values in columns.items() if values[i]})
        for i in range(count)
    ]


def _spread(name: str, values: Sequence[str], count: int) -> Sequence[str]:
    if len(values) == count:
        return values
    if len(values) == 1 and name != "id":
        return [*values] * count
    raise InvalidFieldsError(f"{count} images need as many fields {name!r}, not {len(values)}")


def _extraction(service: Service, space: str, options: IndexOptions) -> Extraction:
    """The extractor of the space, or the one wanted for a space that is made by this request."""
    try:
        info = service.store.info(space)
    except SpaceNotFoundError:
        if not options.create:
            raise
        checked_name(space)
        return service.extraction_of(options.extractor)
    if options.extractor is not None and options.extractor != info.extractor:
        raise InvalidFieldsError(
            f"space {space!r} was made with the extractor {info.extractor!r}, not {options.extractor!r}: "
            "leave it out, or name another space"
        )
    return service.extraction_of(info)


def _told(failure: Failure, name: str) -> Failure:
    if failure.code == ID_TAKEN:  # its message names the other file
        return replace(failure, path=name, error="its id stands for another file: give it another id")
    return replace(failure, path=name)


def _no_image(space: str, id_: str) -> NotFoundError:
    return NotFoundError(f"space {space!r} has no image {id_[:200]!r}")
