"""Settings of an installation, read from the environment and from a ``.env`` file in the working directory."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from util.errors import InvalidInputError

_SettingsT = TypeVar("_SettingsT", bound=BaseSettings)


class Settings(BaseSettings):
    """Defaults of every command; an option on the command line wins over them."""

    model_config = SettingsConfigDict(
        env_prefix="NEARID_", env_file=".env", extra="ignore", frozen=True, protected_namespaces=()
    )

    store: str = Field("embedded:data/nearid.db", description="URL of the store")
    extractor: str = Field("color_texture", description="name of the extractor")
    device: str = Field("auto", description="where networks run: auto, cpu, cuda, cuda:1, mps")
    models_dir: Path = Field(Path("models"), description="folder of trained weights and their cards")
    cache_dir: Path | None = Field(
        None, description="folder for preprocessed images and what re-rankers learn; none keeps no cache"
    )
    rerank_cache_bytes: int = Field(
        8 * 2**30, ge=1, description="most that re-rankers keep below cache_dir; what is unused longest goes"
    )
    batch_size: int | None = Field(None, ge=1, description="images a forward pass; none takes the extractor's own")
    workers: int = Field(2, ge=1, description="threads that decode and preprocess")
    max_image_bytes: int = Field(64 * 2**20, ge=1, description="largest image file that is read")
    max_image_pixels: int = Field(100_000_000, ge=1, description="largest image that is decoded, width × height")
    allow_urls: bool = Field(False, description="whether http(s) URLs may be fetched as images")
    log_level: str = Field("WARNING", description="DEBUG, INFO, WARNING, ERROR")


class ServiceSettings(BaseSettings):
    """What the REST service needs besides: who may ask it, from where, and how much."""

    model_config = SettingsConfigDict(
        env_prefix="NEARID_",
        env_file=".env",
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    host: str = Field("127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(4101, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    api_key: SecretStr | None = Field(None, min_length=16, description="key that every request must carry")
    allow_anonymous: bool = Field(
        False, description="whether the service may listen beyond this machine without an API key"
    )
    image_roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        (), description="folders below which requests may name image files, separated as in PATH"
    )
    rate_limit: str = Field(
        "6000/minute", description="requests of one client, such as 10/second; the word none sets no limit"
    )
    max_requests: int = Field(64, ge=1, description="requests in work at a time; further ones are sent away")
    request_timeout: float = Field(30.0, gt=0, description="seconds until a request is given up")
    max_upload_bytes: int = Field(64 * 2**20, ge=1, description="largest body of a request")
    max_request_images: int = Field(64, ge=1, description="most images of one request")
    max_k: int = Field(1000, ge=1, description="most hits of one query")
    service_rerank: Annotated[tuple[str, ...], NoDecode] = Field(
        (
            "aqe",
            "alpha_qe",
            "rank_qe",
            "dba",
            "aqe_concat",
            "k_reciprocal",
            "diffusion",
            "qge",
            "category_gate",
            "second_look",
            "sift",
        ),
        description="re-rankers that a search may ask for, separated by commas; the word none allows none",
    )
    max_rerank_images: int = Field(
        100_000, ge=1, description="most images of a space that a re-ranker learns; larger ones are refused"
    )
    max_rerank_photos: int = Field(400, ge=1, description="most hits whose photos one request has looked at")
    batch_wait: float = Field(0.004, ge=0, le=1, description="seconds to wait for others before a forward pass")
    max_extractors: int = Field(4, ge=1, description="most extractors kept loaded")
    shutdown_timeout: int = Field(30, ge=1, description="seconds to finish what is in work when asked to end")

    @field_validator("image_roots", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part for part in value.split(os.pathsep) if part) if isinstance(value, str) else value

    @field_validator("service_rerank", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        names = tuple(part for part in (part.strip() for part in value.split(",")) if part)
        return () if names == ("none",) else names


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """The settings in force, read once.

    Raises:
        InvalidInputError: if a variable holds something it cannot.
    """
    return _loaded(Settings)


@lru_cache(maxsize=1)
def load_service_settings() -> ServiceSettings:
    """The service's settings in force, read once.

    Raises:
        InvalidInputError: if a variable holds something it cannot.
    """
    return _loaded(ServiceSettings)


def _loaded(kind: type[_SettingsT]) -> _SettingsT:
    try:
        return kind()
    except ValidationError as error:
        problems = "; ".join(f"NEARID_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors())
        raise InvalidInputError(f"cannot use the settings in the environment or .env: {problems}") from error
