"""The schema of a space as programs of 2021 wrote it: ``engine`` and ``properties``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from util.errors import InvalidInputError
from vearch_plugin.legacy.bodies import as_list, as_object, flag, kind_of
from vearch_plugin.legacy.errors import MasterRequestError
from vearch_plugin.legacy.names import check_name
from vearch_plugin.legacy.values import KINDS, Property
from vearch_plugin.legacy.vectors import Metric, VectorField

_KEPT = ("name", "partition_num", "replica_num", "engine", "properties", "models")
_FORMATS = {"normalization": True, "normal": True, "no": False}
_METRICS = {"innerproduct": "InnerProduct", "l2": "L2"}
_MAX_DIMENSION = 65_536
_MAX_LENGTH = 65_536


@dataclass(frozen=True, slots=True)
class Schema:
    """What a space holds.

    Attributes:
        name: the space's name in its database.
        vector: the field that is searched by.
        properties: its other fields, by name.
        request: what the program sent, as far as answers repeat it.
    """

    name: str
    vector: VectorField
    properties: Mapping[str, Property]
    request: Mapping[str, Any] = field(repr=False)

    @classmethod
    def parse(cls, request: Mapping[str, Any]) -> Schema:
        """Reads the body of ``PUT /space/{db}/_create``.

        Raises:
            MasterRequestError: if it lacks a vector field, has several, or says what NearID cannot keep.
        """
        try:
            return cls._parse(request)
        except MasterRequestError:
            raise
        except InvalidInputError as error:
            raise MasterRequestError(str(error)) from error

    @classmethod
    def _parse(cls, request: Mapping[str, Any]) -> Schema:
        name = check_name(request.get("name"), "space")
        engine = request.get("engine")
        fields = as_object(request.get("properties"), "the properties of a space")
        vectors, properties = [], {}
        for field_name, given in fields.items():
            described = as_object(given, f"property {field_name[:80]!r}")
            _check_field_name(field_name)
            if described.get("type") == "vector":
                vectors.append(_vector_field(field_name, described, _metric(engine), _model(request)))
            else:
                properties[field_name] = _property(field_name, described)
        if len(vectors) != 1:
            raise MasterRequestError(
                f"a space has one vector field here, not {len(vectors)}: make one space for each vector field"
            )
        kept = {key: request[key] for key in _KEPT if key in request}
        if len(json.dumps(kept)) > _MAX_LENGTH:  # it is read with every request to the space
            raise MasterRequestError(f"a schema has at most {_MAX_LENGTH:,} characters: leave out what is not needed")
        return cls(name, vectors[0], properties, kept)

    @property
    def long_ids(self) -> bool:
        """Whether documents have numbers for ids."""
        engine = self.request.get("engine")
        id_type = engine.get("id_type") if isinstance(engine, Mapping) else None
        return isinstance(id_type, str) and id_type.lower() == "long"

    @property
    def partition_num(self) -> int:
        """How many partitions the program asked for; where the documents lie is the store's business."""
        return _count(self.request, "partition_num")

    @property
    def replica_num(self) -> int:
        """How many replicas the program asked for; likewise."""
        return _count(self.request, "replica_num")


def _count(request: Mapping[str, Any], name: str) -> int:
    asked = request.get(name)
    return asked if isinstance(asked, int) and not isinstance(asked, bool) and 0 < asked < 2**31 else 1


def _check_field_name(name: str) -> None:
    if not (name.isascii() and name.isidentifier()) or name.startswith("_") or len(name) > 64:
        raise MasterRequestError(
            "the name of a property starts with a letter and holds letters, digits and _ only, at most 64 of them"
        )


def _property(name: str, described: Mapping[str, Any]) -> Property:
    kind = described.get("type")
    if not isinstance(kind, str) or kind not in KINDS:
        raise MasterRequestError(f"property {name!r} needs a type that can be kept: {', '.join(KINDS)} or vector")
    flag(described.get("index"), f"the index of property {name!r}")  # every field can be filtered by; only checked
    return Property(name, KINDS[kind], array=flag(described.get("array"), f"the array of property {name!r}"))


def _vector_field(name: str, described: Mapping[str, Any], metric: Metric, model: str) -> VectorField:
    dimension = described.get("dimension")
    if isinstance(dimension, bool) or not isinstance(dimension, int) or not 1 <= dimension <= _MAX_DIMENSION:
        raise MasterRequestError(f"vector field {name!r} needs a dimension, a whole number from 1 to {_MAX_DIMENSION}")
    form = described.get("format", "no")
    if not isinstance(form, str) or form not in _FORMATS:
        raise MasterRequestError(f"the format of vector field {name!r} is one of {', '.join(_FORMATS)}")
    named = described.get("model_id")
    return VectorField(name, dimension, metric, _FORMATS[form], named if isinstance(named, str) else model)


def _metric(engine: object) -> Metric:
    """The metric, which stood in ``retrieval_param``, in the first of ``retrieval_params``, or beside them."""
    if engine is None or isinstance(engine, str):
        return "InnerProduct"
    settings = as_object(engine, "the engine")
    if settings.get("retrieval_type") == "BINARYIVF":
        raise MasterRequestError("binary vectors (BINARYIVF) are not kept here: NearID compares float32 vectors")
    several = as_list(settings.get("retrieval_params"), "retrieval_params")
    first = as_object(several[0], "retrieval_params[0]") if several else {}
    one = settings.get("retrieval_param")
    places = (as_object(one, "retrieval_param") if one is not None else {}, first, settings)
    given = next((place["metric_type"] for place in places if place.get("metric_type")), "InnerProduct")
    if not isinstance(given, str) or given.lower() not in _METRICS:
        raise MasterRequestError(f"metric_type is InnerProduct or L2, not {kind_of(given)} of another kind")
    return cast("Metric", _METRICS[given.lower()])


def _model(request: Mapping[str, Any]) -> str:
    """The model that the schema's ``models`` name, where the vector field itself names none."""
    for model in as_list(request.get("models"), "models"):
        named = as_object(model, "a model").get("model_id")
        if isinstance(named, str):
            return named
    return ""
