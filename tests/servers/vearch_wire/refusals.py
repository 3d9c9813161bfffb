"""How Vearch says no."""


class RefusedError(Exception):
    """An error answer: Vearch's code, its message, and the status of HTTP where the router gives one."""

    def __init__(self, code: int, message: str, status: int = 500) -> None:
        self.code, self.message, self.status = code, message, status
        super().__init__(message)


def need(condition: bool, message: str, *, code: int = 6, status: int = 500) -> None:
    """Refuses a request unless a condition holds."""
    if not condition:
        raise RefusedError(code, message if ":" in message else f"param_error:{message}", status)
