"""The store of papers on any S3 server; the only package that knows the minio SDK."""

from storage.s3.administration import S3Administration
from storage.s3.store import S3Store

__all__ = ["S3Administration", "S3Store"]
