"""Settings of an installation, read from the environment and from a ``.env`` file in the working directory."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from util.errors import InvalidInputError


class Settings(BaseSettings):
    """Defaults of every command; an option on the command line wins over them."""

    model_config = SettingsConfigDict(
        env_prefix="NEARID_", env_file=".env", extra="ignore", frozen=True, protected_namespaces=()
    )

    store: str = Field("embedded:data/nearid.db", description="URL of the store")
    extractor: str = Field("color_texture", description="name of the extractor")
    device: str = Field("auto", description="where networks run: auto, cpu, cuda, cuda:1, mps")
    models_dir: Path = Field(Path("models"), description="folder of trained weights and their cards")
    cache_dir: Path | None = Field(None, description="folder for preprocessed images; none keeps no cache")
    batch_size: int | None = Field(None, ge=1, description="images a forward pass; none takes the extractor's own")
    workers: int = Field(2, ge=1, description="threads that decode and preprocess")
    max_image_bytes: int = Field(64 * 2**20, ge=1, description="largest image file that is read")
    max_image_pixels: int = Field(100_000_000, ge=1, description="largest image that is decoded, width × height")
    allow_urls: bool = Field(False, description="whether http(s) URLs may be fetched as images")
    log_level: str = Field("WARNING", description="DEBUG, INFO, WARNING, ERROR")


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """The settings in force, read once.

    Raises:
        InvalidInputError: if a variable holds something it cannot.
    """
    try:
        return Settings()
    except ValidationError as error:
        problems = "; ".join(f"NEARID_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors())
        raise InvalidInputError(f"cannot use the settings in the environment or .env: {problems}") from error
