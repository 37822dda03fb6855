"""What can be refused, in the domain's own terms; knows nothing of HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backend.words import Text


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule that a request breaks.

    `code` is stable, `field` names the input concerned (dotted path, or empty), `clause` cites the notice and article
    that the rule comes from (empty for a rule of form).
    """

    code: str
    message: Text
    field: str = ""
    clause: str = ""


class DomainError(Exception):
    """A request that the domain refuses; subclasses say in which way."""

    def __init__(self, code: str, message: Text, violations: Sequence[Violation] = ()) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.violations = tuple(violations)


class Malformed(DomainError):
    """The request cannot be read: a wrong type, an unknown field, a broken number."""


class Unauthenticated(DomainError):
    """Nobody is known to be asking: no token, an expired or a revoked one, a wrong code."""


class Forbidden(DomainError):
    """The caller is known and may never do this, whatever the object."""


class NotFound(DomainError):
    """There is no such object, or none that the caller may know of."""

    def __init__(self, what: Text | None = None, code: str = "not_found") -> None:
        super().__init__(code, what or Text("没有找到,或您无权查看。", "Not found, or not yours to see."))


class Conflict(DomainError):
    """The object is not in the state that the request assumes."""


class Stale(Conflict):
    """Somebody changed the object since the caller read it."""

    def __init__(self) -> None:
        super().__init__(
            "stale_version",
            Text("内容已被他人更新,请刷新后再试。", "Someone changed this since you opened it. Reload and try again."),
        )


class IllegalTransition(Conflict):
    """The action does not exist in the state that the application is in."""

    def __init__(self, action: str, state: str) -> None:
        super().__init__(
            "illegal_transition",
            Text(f"当前状态({state})不能执行“{action}”。", f"“{action}” is not possible in state {state}."),
        )


class TooLarge(DomainError):
    """The thing sent is larger than the limit."""


class RuleViolation(DomainError):
    """The request is well formed and breaks one or more rules; `violations` holds all of them."""

    def __init__(
        self,
        violations: Sequence[Violation],
        code: str = "rule_violation",
        message: Text | None = None,
    ) -> None:
        super().__init__(
            code, message or Text("不符合规定,请查看各项说明。", "Some rules are not met; see each one."), violations
        )

    @classmethod
    def of(cls, code: str, message: Text, field: str = "", clause: str = "") -> RuleViolation:
        """A refusal by a single rule."""
        return cls([Violation(code, message, field, clause)], code, message)


class Throttled(DomainError):
    """Too many tries; `retry_after_s` says when the next one is heard."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(
            "throttled",
            Text(f"操作过于频繁,请 {retry_after_s} 秒后再试。", f"Too many tries. Try again in {retry_after_s} s."),
        )
        self.retry_after_s = retry_after_s


class Unavailable(DomainError):
    """A part that we depend on does not answer; the same request may succeed later."""

    def __init__(self, part: str, retry_after_s: int = 5) -> None:
        super().__init__(
            "unavailable",
            Text(
                "系统繁忙,请稍后再试。您已提交的内容不会丢失。",
                "A part of the system is busy. Please try again shortly.",
            ),
        )
        self.part = part
        self.retry_after_s = retry_after_s


class Overloaded(Unavailable):
    """More requests wait than can be answered soon; nothing was begun, and the same request may succeed later."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("api", retry_after_s)
        self.code = "overloaded"
