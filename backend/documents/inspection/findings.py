"""What an inspection may find, with the words in which a refusal is told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from backend.documents.kinds import Malware, MediaType
from backend.words import Text


class Outcome(StrEnum):
    """Whether the paper may be kept."""

    CHECKED = "checked"
    REFUSED = "refused"


class Refusal(StrEnum):
    """Why a file is not kept; a stored value never changes."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    SIZE_DIFFERS = "size_differs"
    CHECKSUM_DIFFERS = "checksum_differs"
    UNKNOWN_TYPE = "unknown_type"
    TYPE_DIFFERS = "type_differs"
    HIDDEN_CONTENT = "hidden_content"
    DAMAGED = "damaged"
    ENCRYPTED = "encrypted"
    ACTIVE_CONTENT = "active_content"
    ATTACHMENTS = "attachments"
    TOO_MANY_PAGES = "too_many_pages"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_COSTLY = "too_costly"
    MALWARE = "malware"


REFUSAL_WORDS = {
    Refusal.EMPTY: Text("文件是空的,请重新选择。", "The file is empty. Choose it again."),
    Refusal.TOO_LARGE: Text(
        "文件超过 20 MB,请压缩或重新拍照后上传。",
        "The file is over 20 MB. Make it smaller or take the photo again.",
    ),
    Refusal.SIZE_DIFFERS: Text(
        "收到的文件大小与申报的不一致,请重新上传。",
        "The file arrived with another size than announced. Send it again.",
    ),
    Refusal.CHECKSUM_DIFFERS: Text(
        "收到的文件与您选择的不一致,请重新上传。",
        "The file that arrived is not the one that was announced. Send it again.",
    ),
    Refusal.UNKNOWN_TYPE: Text(
        "只接受 PDF、JPEG、PNG、HEIC 文件。",
        "Only PDF, JPEG, PNG and HEIC files are taken.",
    ),
    Refusal.TYPE_DIFFERS: Text(
        "文件的实际格式与申报的不一致,请重新选择。",
        "The file is of another type than announced. Choose it again.",
    ),
    Refusal.HIDDEN_CONTENT: Text(
        "文件中夹带了其他内容,请重新拍照或另存后上传。",
        "Something else is hidden in the file. Take the photo again, or save it anew.",
    ),
    Refusal.DAMAGED: Text(
        "文件已损坏,无法打开,请重新上传。",
        "The file is damaged and can't be opened. Send it again.",
    ),
    Refusal.ENCRYPTED: Text(
        "PDF 已加密,请去除密码后上传。",
        "The PDF is encrypted. Remove its password and send it again.",
    ),
    Refusal.ACTIVE_CONTENT: Text(
        "PDF 含有脚本或自动操作,请打印为普通 PDF 后上传。",
        "The PDF contains scripts or automatic actions. Print it to a plain PDF and send that.",
    ),
    Refusal.ATTACHMENTS: Text(
        "PDF 内嵌了附件,请去除附件后上传。",
        "The PDF has files embedded. Remove them and send it again.",
    ),
    Refusal.TOO_MANY_PAGES: Text(
        "PDF 超过 60 页,请分开上传。",
        "The PDF has more than 60 pages. Send it in parts.",
    ),
    Refusal.TOO_MANY_PIXELS: Text(
        "图片尺寸过大,请以较小尺寸重新拍照。",
        "The picture has too many pixels. Take it again at a smaller size.",
    ),
    Refusal.TOO_COSTLY: Text(
        "文件过于复杂,无法检查,请重新拍照或另存后上传。",
        "The file is too complex to check. Take the photo again, or save it anew.",
    ),
    Refusal.MALWARE: Text("文件含有恶意程序,已被拒绝。", "The file carries malware and was refused."),
}


@dataclass(frozen=True, slots=True)
class Declared:
    """What the sender announced: type, size in bytes, SHA-256 digest (32 bytes)."""

    media_type: MediaType
    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found in one file.

    `detected_type` is a media type of ours, or a short name of what else it is ("exe"), or empty. `width` and `height`
    are those of a picture as it is held, in pixels, 0 for a PDF. `rendition` is a screen-sized JPEG without any
    metadata; `shared` is the whole file as others than its owner may have it, of the type `shared_type`. Both are
    present exactly if the outcome is CHECKED.
    """

    outcome: Outcome
    sha256: bytes
    size: int
    detected_type: str = ""
    refusal: Refusal | None = None
    malware: Malware = Malware.NOT_SCANNED
    pages: int = 0
    width: int = 0
    height: int = 0
    rendition: bytes | None = None
    shared: bytes | None = None
    shared_type: str = ""
