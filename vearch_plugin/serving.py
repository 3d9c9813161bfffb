"""Starts the service and ends it in an orderly way."""

from __future__ import annotations

import uvicorn

from config.settings import ServiceSettings, load_service_settings, load_settings
from util.errors import InvalidInputError
from vearch_plugin.app import create_app
from vearch_plugin.logs import configure_logs
from vearch_plugin.security import is_loopback

_SLACK = 64  # connections beyond the requests in work, so that those too many get their answer


def serve(*, host: str | None = None, port: int | None = None) -> None:
    """Serves until the process is asked to end; then takes no more requests and finishes those in work.

    Args:
        host: address to listen on; by default that of the settings.
        port: likewise.

    Raises:
        InvalidInputError: if the address is open to others, and neither a key nor permission is set.
        ExtractorUnavailableError: if the settings' extractor cannot be loaded.
    """
    settings, limits = load_settings(), load_service_settings()
    address = host or limits.host
    check_address(address, limits)
    configure_logs(settings.log_level)
    app = create_app(settings, limits)
    app.state.service.extractors.chosen(settings.extractor)  # what is wrong with it is said here and now
    uvicorn.run(
        app,
        host=address,
        port=limits.port if port is None else port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=limits.shutdown_timeout,
        backlog=limits.max_requests + _SLACK,
    )


def check_address(host: str, limits: ServiceSettings) -> None:
    """Refuses to be open to the network without a key.

    Raises:
        InvalidInputError: with the three ways out.
    """
    if limits.api_key is None and not limits.allow_anonymous and not is_loopback(host):
        raise InvalidInputError(
            f"the service would answer anybody at {host}: set NEARID_API_KEY, listen on 127.0.0.1, "
            "or set NEARID_ALLOW_ANONYMOUS=true"
        )
