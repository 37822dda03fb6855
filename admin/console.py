"""The data console: Piccolo Admin with our login, our menus by role and our words, built once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import urlsplit

from fastapi import HTTPException
from piccolo_admin.endpoints import (
    AdminRouter,
    FormConfigResponseModel,
    GroupedFormsResponseModel,
    GroupedTableNamesResponseModel,
    MetaResponseModel,
)
from piccolo_admin.translations.data import TRANSLATIONS
from piccolo_admin.translations.models import Translation, TranslationListItem, TranslationListResponse
from piccolo_admin.version import __VERSION__ as PICCOLO_ADMIN_VERSION
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import BaseRoute, Mount, Route

from admin.forms import FORMS, PERMITTED
from admin.keeping import hooks_of
from admin.navigation import menu_for
from admin.session import Browser
from admin.tables import SHOWN, Shown
from backend.composition import Services
from backend.identity import Actor
from backend.words import Language, Text

SITE = Text("娘家 · 基础数据", "Niangjia · Reference data")
_BACK = Text("← 工作台", "← Console")
_SPOKEN = {Language.ZH: "zh-CN", Language.EN: "en"}

#: What Piccolo Admin brings and the console has of its own, or has no use for.
_OWN_LOGIN = {
    "/login",
    "/logout/",
    "/docs",
    "/openapi.json",
    "/change-password/",
    "/media/",
    "/media/generate-file-url/",
}


@dataclass(frozen=True, slots=True)
class Reader:
    """The logged-in person in the shape that Piccolo Admin asks for."""

    actor: Actor
    browser: Browser
    is_authenticated: bool = True

    @property
    def display_name(self) -> str:
        """The name in the corner."""
        return self.actor.name

    @property
    def user_id(self) -> str:
        """The account's id."""
        return str(self.actor.account_id)


def reader_of(request: Request) -> Reader:
    """Who is asking."""
    reader: Reader = request.scope["user"]
    return reader


class DataConsole(AdminRouter):
    """Piccolo Admin without its login, its password change and its media; menus, forms and words by the reader."""

    def __init__(self, services: Services) -> None:
        self.services = services
        host = urlsplit(services.settings.console_url).hostname or ""
        super().__init__(
            *[shown.config(hooks_of(shown)) for shown in SHOWN],
            forms=FORMS,
            site_name=SITE.zh,
            translations=[each for each in TRANSLATIONS if each.language_code in _SPOKEN.values()],
            allowed_hosts=[host],
            page_size=15,
        )
        self.state.services = services
        self.router.routes[:] = [route for route in self.router.routes if _kept(route)]
        for route in self.router.routes:
            if isinstance(route, Mount) and route.path in ("/api", "/public"):
                # Who is asking was found before anything came here: Piccolo Admin's own session login is taken out.
                inner: Any = getattr(route.app, "app", route.app) if route.path == "/api" else route.app
                inner.router.routes[:] = [each for each in inner.router.routes if _kept(each)]
                inner.state.services = services
                route.app = inner

    async def get_root(self, request: Request) -> HTMLResponse:
        """The page of the data console, with our style and our few lines of script."""
        language = reader_of(request).browser.language
        roles = reader_of(request).actor.roles
        tables = _readable(request)
        desks = {name: shown.desk for shown in tables if shown.desk for name in _names(shown)}
        lists = [name for shown in tables if shown.is_list for name in _names(shown)]
        adds = [name for shown in tables if shown.adders & roles for name in _names(shown)]
        fixed = [name for shown in tables if not shown.editors & roles for name in _names(shown)]
        html = self.template.replace('lang="en"', f'lang="{language.value}"').replace(
            "</head>",
            f"{_meta('desks', desks)}{_meta('lists', lists)}{_meta('adds', adds)}{_meta('fixed', fixed)}"
            '<link rel="icon" href="/static/icon.svg" type="image/svg+xml">'
            '<link rel="stylesheet" href="/static/data.css"><script src="/static/data.js" defer></script></head>',
        )
        return HTMLResponse(html.replace("<title>Piccolo Admin</title>", f"<title>{SITE.in_(language)}</title>"))

    def get_user(self, request: Request) -> Any:
        """Who is in the corner."""
        reader = reader_of(request)
        return {"username": reader.display_name, "user_id": reader.user_id}

    def get_meta(self, request: Request) -> MetaResponseModel:  # type: ignore[override]
        """What the data console is called."""
        return MetaResponseModel(
            piccolo_admin_version=PICCOLO_ADMIN_VERSION, site_name=SITE.in_(reader_of(request).browser.language)
        )

    def get_table_list(self, request: Request) -> list[str]:  # type: ignore[override]
        """The tables that the reader may open."""
        return [shown.alias(reader_of(request).browser.language) for shown in _readable(request)]

    def get_table_list_grouped(self, request: Request) -> GroupedTableNamesResponseModel:  # type: ignore[override]
        """The menu of tables."""
        language = reader_of(request).browser.language
        grouped: dict[str, list[str]] = {}
        for shown in _readable(request):
            grouped.setdefault(shown.group.in_(language), []).append(shown.alias(language))
        return GroupedTableNamesResponseModel(grouped=grouped)

    def get_sidebar_links(self, request: Request) -> dict[str, str]:  # type: ignore[override]
        """The rest of the console's menu."""
        reader = reader_of(request)
        language = reader.browser.language
        links = {entry.label.in_(language): entry.path for entry in menu_for(reader.actor) if entry.path != "/admin/"}
        return {_BACK.in_(language): "/"} | links

    def get_forms(self, request: Request) -> list[FormConfigResponseModel]:  # type: ignore[override]
        """The forms that the reader may fill in."""
        reader = reader_of(request)
        language = reader.browser.language
        return [
            FormConfigResponseModel(
                name=PERMITTED[form.slug].label.in_(language),
                slug=form.slug,
                description=PERMITTED[form.slug].description.in_(language),
            )
            for form in FORMS
            if PERMITTED[form.slug].roles & reader.actor.roles
        ]

    def get_grouped_forms(self, request: Request) -> GroupedFormsResponseModel:  # type: ignore[override]
        """The same, as the menu takes them."""
        return GroupedFormsResponseModel(ungrouped=self.get_forms(request))

    def get_single_form(self, request: Request, form_slug: str) -> FormConfigResponseModel:  # type: ignore[override]
        """One form, for who may fill it in."""
        found = [form for form in self.get_forms(request) if form.slug == form_slug]
        if not found:
            raise HTTPException(404)
        return found[0]

    def get_single_form_schema(self, request: Request, form_slug: str) -> dict[str, Any]:  # type: ignore[override]
        """The fields of one form, for who may fill it in."""
        self.get_single_form(request, form_slug)
        return dict(super().get_single_form_schema(form_slug))

    async def post_single_form(self, request: Request, form_slug: str) -> Any:
        """Carry out one form, for who may fill it in; the service it calls checks again."""
        self.get_single_form(request, form_slug)
        return await super().post_single_form(request, form_slug)

    def get_translation_list(self, request: Request) -> TranslationListResponse:  # type: ignore[override]
        """The reader's language alone: it is chosen in the head of our pages."""
        translation = self._translation(reader_of(request).browser.language)
        return TranslationListResponse(
            translations=[
                TranslationListItem(language_code=translation.language_code, language_name=translation.language_name)
            ],
            default_language_code=translation.language_code.lower(),
        )

    def _translation(self, language: Language) -> Translation:
        return self.translations_map[_SPOKEN[language].lower()]


def _meta(name: str, content: Any) -> str:
    return f'<meta name="{name}" content="{escape(json.dumps(content, ensure_ascii=False))}">'


def _names(shown: Shown) -> list[str]:
    """What a table may be called in an address: one that was kept is opened in the other language as well."""
    return [shown.alias(language) for language in Language]


def _readable(request: Request) -> list[Shown]:
    roles = reader_of(request).actor.roles
    return [shown for shown in SHOWN if shown.readers & roles]


def _kept(route: BaseRoute) -> bool:
    return not (isinstance(route, Mount | Route) and route.path in _OWN_LOGIN)
