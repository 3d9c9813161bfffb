"""Bodies of requests, as the API's description shows them.

Numbers have to be numbers and texts texts; fields that are not known are refused, so that a misspelt one is noticed.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

_MOST_CONDITIONS = 16
_MOST_OPTIONS = 1000
_MOST_FIELDS = 64
_LONGEST_ID = 1024
_LONGEST_TEXT = 10_000
_LONGEST_RERANK = 500
_LARGEST = 2**53  # as far as JSON's numbers are exact everywhere

_RESERVED = frozenset({"item", "path", "sha256"})
_PRINTABLE = r"^[^\x00-\x1f\x7f]+$"


def _no_truth(value: object) -> object:
    # In a form every number is text, so numbers are read leniently; but true is not 1.
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")
    return value


def _without_dot_segments(id_: str) -> str:
    # "DELETE /v1/spaces/shelf/images/.." would be sent as "DELETE /v1/spaces/shelf" by most clients.
    if {".", ".."} & set(id_.split("/")):
        raise ValueError("an id cannot have '.' or '..' between slashes: URLs would lose them")
    return id_


SpaceName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:\-]{0,127}$")]
ImageId: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=1, max_length=_LONGEST_ID, pattern=_PRINTABLE),
    AfterValidator(_without_dot_segments),
]
Item: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=_LONGEST_ID, pattern=_PRINTABLE)]
FieldName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.\-]{0,127}$")]
Text: TypeAlias = Annotated[str, StringConstraints(max_length=_LONGEST_TEXT, pattern=r"^[^\x00]*$")]
Whole: TypeAlias = Annotated[int, Field(ge=-_LARGEST, le=_LARGEST, strict=True)]
Number: TypeAlias = Annotated[float, Field(strict=True)]
Truth: TypeAlias = Annotated[bool, Field(strict=True)]
Scalar: TypeAlias = Truth | Whole | Number | Text
Score: TypeAlias = Annotated[float, Field(ge=-1, le=1), BeforeValidator(_no_truth)]
Count: TypeAlias = Annotated[int, Field(ge=1), BeforeValidator(_no_truth)]
SearchIndex: TypeAlias = Annotated[
    str,
    StringConstraints(
        pattern=r"^(flat|auto|hnsw|hnswpq|ivf|ivfpq|pq|lsh|"
        r"Flat|HNSW[1-9][0-9]?|IVF[1-9][0-9]{0,4},Flat|(IVF[1-9][0-9]{0,4},)?PQ[1-9][0-9]{0,2})$"
    ),
]
"""Search indexes that may be asked for: names, laid out by size, and those factory strings that need little memory."""


class Given(BaseModel):
    """A part of a request."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)


class ImageSource(Given):
    """An image, given in one of three ways."""

    base64: Annotated[
        str | None, Field(min_length=1, description="bytes of an image file in base64, plain or as a data: URL")
    ] = None
    url: Annotated[
        str | None, Field(min_length=1, max_length=8192, description="public http(s) address, where these are allowed")
    ] = None
    path: Annotated[
        str | None,
        Field(min_length=1, max_length=4096, description="a file of the server's, below one of its image folders"),
    ] = None

    @model_validator(mode="after")
    def _one_way(self) -> ImageSource:
        if sum(way is not None for way in (self.base64, self.url, self.path)) != 1:
            raise ValueError("give exactly one of base64, url and path")
        return self


class Query(ImageSource):
    """An image to ask about."""

    name: Annotated[str | None, StringConstraints(max_length=_LONGEST_ID, pattern=_PRINTABLE)] = Field(
        None, description="what the answer calls it; by default query 1, query 2 …"
    )


class AskingImages(Given):
    """Images to ask with."""

    images: Annotated[list[Query], Field(min_length=1)]


class NewMetadata(Given):
    """What is stored with an image."""

    id: Annotated[ImageId | None, Field(description="by default the sha256 of the image's bytes")] = None
    item: Annotated[Item | None, Field(description="label of the thing the photo shows")] = None
    metadata: Annotated[
        dict[FieldName, Scalar | Annotated[list[Text], Field(max_length=_MOST_OPTIONS)] | None],
        Field(max_length=_MOST_FIELDS, description="fields to store and to filter by"),
    ] = {}

    @model_validator(mode="after")
    def _own_fields(self) -> NewMetadata:
        if taken := sorted(_RESERVED & self.metadata.keys()):
            raise ValueError(f"the metadata fields item, path and sha256 are NearID's own: rename {', '.join(taken)}")
        return self


class NewImage(ImageSource, NewMetadata):
    """An image to index."""


class Range(Given):
    """Numbers between two ends; an end left out is open."""

    gt: Number | None = None
    gte: Number | None = None
    lt: Number | None = None
    lte: Number | None = None

    @model_validator(mode="after")
    def _some_end(self) -> Range:
        if self.gt is self.gte is self.lt is self.lte is None:
            raise ValueError("a range needs at least one of gt, gte, lt, lte")
        return self


Condition: TypeAlias = Scalar | Annotated[list[Scalar], Field(min_length=1, max_length=_MOST_OPTIONS)] | Range
Where: TypeAlias = Annotated[
    dict[FieldName, Condition],
    Field(
        max_length=_MOST_CONDITIONS,
        description="only images whose metadata have this value, one of these values, or a number in this range",
        examples=[{"item": "milk", "shelf": ["a", "b"], "year": {"gte": 2020}}],
    ),
]


class SearchOptions(Given):
    """How to search."""

    k: Annotated[Count, Field(description="hits a query")] = 10
    where: Where = {}
    min_score: Annotated[Score | None, Field(description="leaves out hits below this cosine similarity")] = None
    rerank: Annotated[
        str | None,
        StringConstraints(min_length=1, max_length=_LONGEST_RERANK, pattern=_PRINTABLE),
        Field(
            description="re-ranker, or a chain of them, that orders the hits anew; scores are then the re-ranker's",
            examples=["alpha_qe:n=5", "alpha_qe+k_reciprocal"],
        ),
    ] = None


class IdentifyOptions(Given):
    """How to decide."""

    threshold: Annotated[
        Score | None, Field(description="known from this score on; by default the space's calibration decides")
    ] = None
    one_item: Annotated[bool, Field(description="all images show one item: one decision in all")] = False
    where: Where = {}


class IndexOptions(Given):
    """How to index."""

    extractor: Annotated[
        str | None, Field(max_length=200, description="for a space that is made now; by default the service's own")
    ] = None
    create: Annotated[bool, Field(description="makes the space where there is none")] = True


class EmbedOptions(Given):
    """How to embed."""

    extractor: Annotated[str | None, Field(max_length=200, description="by default the service's own")] = None
    space: Annotated[SpaceName | None, Field(description="embeds as this space does")] = None
    encoding: Annotated[Literal["numbers", "base64"], Field(description="base64 is of little-endian 32-bit floats")] = (
        "numbers"
    )

    @model_validator(mode="after")
    def _one_way(self) -> EmbedOptions:
        if self.extractor is not None and self.space is not None:
            raise ValueError("give either extractor or space, not both")
        return self


class SearchRequest(AskingImages, SearchOptions):
    """Images to search with."""


class IdentifyRequest(AskingImages, IdentifyOptions):
    """Images to identify."""


class IndexRequest(IndexOptions):
    """Images to index."""

    images: Annotated[list[NewImage], Field(min_length=1)]


class EmbedRequest(AskingImages, EmbedOptions):
    """Images to embed."""


class IndexForm(IndexOptions, NewMetadata):
    """The fields of a form to index with; those about an image once for all of them, or once for each."""


class NewSpace(Given):
    """A space to make."""

    extractor: Annotated[str | None, Field(max_length=200, description="by default the service's own")] = None
    index: Annotated[SearchIndex, Field(description="search index by name or factory string; Flat is exact")] = "Flat"
